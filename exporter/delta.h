/*
 * What a process has allocated since it was last looked at. A segment's sums
 * only grow; the difference between two snapshots is what an interval added.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_DELTA_H
#define EXPORTER_DELTA_H

#include <stddef.h>
#include <stdint.h>

#include "sampler/snapshot.h"

/* One stack's allocations since the process's start. */
struct delta_sum {
	uint64_t stack; /* hash of its frames */
	uint64_t bytes, objects, samples;
	double bytes_variance, objects_variance;
};

/* What has been exported of one process; sorted by stack. All zero: nothing. */
struct delta_baseline {
	struct delta_sum *sums;
	size_t count;
};

/*
 * Replaces the allocated amounts of the snapshot, those of its stacks and the
 * total, by what came since the baseline, and moves the baseline there. Live
 * amounts stay as they are. Nothing is ever negative: a stack that is missing or
 * has shrunk, as in a damaged segment, has allocated nothing. 0, or -ENOMEM and
 * then nothing has changed.
 */
int delta_apply(struct delta_baseline *baseline, struct snapshot *snapshot);

void delta_baseline_fini(struct delta_baseline *baseline);

/* The baseline as bytes, to be kept over a restart; released with free(). 0 or -ENOMEM. */
int delta_baseline_pack(const struct delta_baseline *baseline, uint8_t **bytes, size_t *size);

/* The reverse, into an empty baseline. Bytes that are no baseline are -EBADMSG. */
int delta_baseline_unpack(struct delta_baseline *baseline, const uint8_t *bytes, size_t size);

#endif
