/*
 * Histograms of block sizes and of lifetimes over the whole process, and where
 * the borders of their buckets are.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LEAKCHECK_HISTOGRAM_H
#define LEAKCHECK_HISTOGRAM_H

#include <stdbool.h>

#include "sampler/snapshot.h"

struct histogram {
	/* From the stacks' histograms: by size all allocated blocks, by lifetime
	 * the freed ones. */
	struct snapshot_amount recorded[SEGMENT_HISTOGRAM_BUCKETS];
	/* From the sampled live blocks, by size or by age so far. */
	struct snapshot_amount inuse[SEGMENT_HISTOGRAM_BUCKETS];
};

/*
 * Fills `histogram` from the selected stacks (one bool each; NULL: all). Ages are
 * those at now_ns, on the monotonic clock of the process.
 */
void histogram_fill(struct histogram *histogram, const struct snapshot *snapshot,
		    enum segment_histogram_kind kind, const bool *selected, uint64_t now_ns);

uint32_t histogram_size_bucket(uint64_t size);
uint32_t histogram_lifetime_bucket(uint64_t lifetime_ns);

/* The smallest size or lifetime of a bucket; that of the last bucket + 1 is
 * the border above everything. */
double histogram_size_start(uint32_t bucket);
double histogram_lifetime_start_ns(uint32_t bucket);

/* The lifetime bucket whose start is nearest to `lifetime_ns`, by ratio. */
uint32_t histogram_nearest_border(uint64_t lifetime_ns);

#endif
