/*
 * Profiles that servers take: what is too much for them is folded into one stack
 * that is called "[other]", so that totals stay what they are.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_PROFILE_FIT_H
#define EXPORTER_PROFILE_FIT_H

#include <stddef.h>
#include <stdint.h>

#include "exporter/profile_sum.h"

/* Pyroscope refuses more stacks, and for ever a profile that is larger than two
 * megabytes before compression, labels included. */
#define PROFILE_FIT_STACKS 16000
#define PROFILE_FIT_BYTES 1850000

/*
 * Folds the sum as far as needed and encodes it as a pprof file, to be released
 * with free(). 0 or -ENOMEM, or -EFBIG when nothing helps.
 */
int profile_fit_encode(struct profile_sum *sum, uint64_t time_ns, uint64_t duration_ns,
		       uint8_t **bytes, size_t *size);

#endif
