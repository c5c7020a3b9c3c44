/*
 * The library's life in the process: it starts at the first allocation or in
 * its constructor, whichever comes first, and follows fork and exit.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INTERPOSE_LIFECYCLE_H
#define INTERPOSE_LIFECYCLE_H

#include <stddef.h>
#include <stdint.h>

/*
 * What every allocating slow path asks first: the interval with which the
 * allocation is to be recorded, or 0. It is sampler_charge(), once the library
 * has started. Leaves errno as it is.
 */
uint64_t lifecycle_charge(size_t size);

#endif
