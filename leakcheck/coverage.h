/*
 * How much of what should have been sampled was.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LEAKCHECK_COVERAGE_H
#define LEAKCHECK_COVERAGE_H

#include "sampler/snapshot.h"

/* Samples that were due and could not be recorded. */
uint64_t coverage_dropped_samples(const struct snapshot *snapshot);

/* The share of the samples due that were recorded: 0 to 1. */
double coverage_share(const struct snapshot *snapshot);

/*
 * How long sampling was off until the snapshot was taken. Of a process that is
 * over nobody knows how long it was off at the end: that does not count.
 */
uint64_t coverage_off_ns(const struct snapshot *snapshot);

#endif
