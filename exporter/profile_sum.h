/*
 * Profiles added up: of several processes, or of several intervals. The sum is a
 * profile like any other, whose addresses are those of the ELF files, since
 * every process has its own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_PROFILE_SUM_H
#define EXPORTER_PROFILE_SUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exporter/profile.h"

struct profile_sum;

/* An empty sum; NULL without memory. */
struct profile_sum *profile_sum_new(void);
void profile_sum_free(struct profile_sum *sum);

/*
 * Adds the allocated and the in-use amounts of a profile; what the header of its
 * snapshot says counts when it is the first. 0 or the sum's first error, which is
 * -ENOMEM; after it nothing more is added.
 */
int profile_sum_add(struct profile_sum *sum, const struct profile *profile);

/*
 * Keeps the `stacks` largest stacks, by their share of what was allocated or is in
 * use, and adds the others to one that is called "[other]". Totals do not change.
 */
int profile_sum_fold(struct profile_sum *sum, size_t stacks);

/*
 * Gives each binary's addresses a range of their own, which its build id or path
 * alone determines: for readers who know a place by its address only. Nothing may
 * be added afterwards.
 */
void profile_sum_spread(struct profile_sum *sum);

/* The sum so far. It belongs to `sum`, and holds until that changes. */
const struct profile *profile_sum_profile(struct profile_sum *sum);

/* Its snapshot, for those who know the header better: when, interval, command. */
struct snapshot *profile_sum_snapshot(struct profile_sum *sum);

/*
 * For those who add what is no profile: one of each, equal ones only once. The
 * strings of the argument are copied; indices in it are the sum's. The first
 * mapping must be that of the main program. Errors stick and show in
 * profile_sum_status().
 */
uint32_t profile_sum_mapping(struct profile_sum *sum, const struct profile_mapping *mapping);
uint32_t profile_sum_function(struct profile_sum *sum, const struct profile_function *function);
uint32_t profile_sum_location(struct profile_sum *sum, uint64_t address, uint32_t mapping,
			      const struct profile_line *lines, uint32_t line_count);

/* The stack's amounts. `locations`, innermost first. */
void profile_sum_stack(struct profile_sum *sum, const uint32_t *locations, uint32_t depth,
		       const struct snapshot_amount *allocated, const struct snapshot_amount *live);

int profile_sum_status(const struct profile_sum *sum);

#endif
