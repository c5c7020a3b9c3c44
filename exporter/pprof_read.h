/*
 * Reads pprof files back: those of pprof_encode(), and others of the same four
 * values, in any order.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_PPROF_READ_H
#define EXPORTER_PPROF_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exporter/profile_sum.h"

/* Uncompressed files are not taken larger. */
#define PPROF_READ_SIZE_MAX (64 << 20)

struct pprof_header {
	uint64_t time_ns, duration_ns, period;
};

/*
 * Adds the amounts of a file, compressed or not, to the sum; in-use amounts
 * only with `inuse`. Sets the time and the interval of the sum's snapshot when
 * they are later and longer. `header` may be NULL. 0, -ENOMEM, or -EBADMSG
 * when it is not such a file; then part of it may have been added.
 */
int pprof_read(const uint8_t *bytes, size_t size, bool inuse, struct profile_sum *sum,
	       struct pprof_header *header);

#endif
