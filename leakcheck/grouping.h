/*
 * The stacks of a view put together: by the function (or line, or module) that
 * allocated, or by whole stacks that read the same.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LEAKCHECK_GROUPING_H
#define LEAKCHECK_GROUPING_H

#include "leakcheck/view.h"

/*
 * What stands for the frames of each stack: ids of names, which the caller
 * gives out. Equal rows are ordered by id, so ids in the order of the names
 * make a table that is the same each time.
 */
struct grouping_names {
	const size_t
		*first; /* stack_count + 1 indices: stack s has ids[first[s]] up to first[s + 1] */
	const uint32_t *ids; /* innermost frame first */
	uint32_t id_count;   /* every id is below */
};

struct grouping_row {
	uint32_t key;		     /* an id, or the first of the stacks that read the same */
	struct snapshot_amount flat; /* allocated by it directly */
	struct snapshot_amount cumulative; /* and by what it called; once per stack */
};

struct grouping {
	struct grouping_row *rows; /* largest first, by flat and then by cumulative amount */
	size_t count;
	struct snapshot_amount total; /* of the selected stacks */
};

/*
 * Rows for ids (grouping_by_name) and for stacks (grouping_by_stack, where flat
 * and cumulative are the same). Rows of nothing are left out. A stack without frames
 * counts in the total only. 0 or -ENOMEM; release with grouping_free().
 */
int grouping_by_name(struct grouping *grouping, const struct view *view,
		     const struct grouping_names *names);
int grouping_by_stack(struct grouping *grouping, const struct view *view,
		      const struct grouping_names *names);
void grouping_free(struct grouping *grouping);

/* Another order: largest cumulative amount first. */
void grouping_sort_cumulative(struct grouping *grouping);

#endif
