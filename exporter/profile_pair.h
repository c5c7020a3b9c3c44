/*
 * Two profiles in one, to be compared: frames that are the same in both are one, so
 * that every table can have a column of each.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_PROFILE_PAIR_H
#define EXPORTER_PROFILE_PAIR_H

#include "exporter/profile_sum.h"
#include "leakcheck/view.h"

/* In a pair, what counts as allocated and as in use: */
#define PROFILE_PAIR_BEFORE VIEW_ALLOC
#define PROFILE_PAIR_AFTER VIEW_INUSE

/*
 * Fills an empty sum with the amounts of a view of both. `between`, if not NULL, has
 * what the process allocated from one to the other: a block that is in use in both is
 * no source of error, and of those that are not there were not more than these. 0 or
 * -ENOMEM.
 */
int profile_pair_fill(struct profile_sum *pair, enum view_kind kind, const struct profile *before,
		      const struct profile *after, const struct profile *between);

#endif
