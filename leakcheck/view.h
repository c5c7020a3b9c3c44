/*
 * A view: which of a stack's amounts is looked at, over which stacks. Every
 * table of a report and every number of the verdict is a sum over a view.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LEAKCHECK_VIEW_H
#define LEAKCHECK_VIEW_H

#include <stdbool.h>

#include "sampler/snapshot.h"

enum view_kind {
	VIEW_INUSE,	/* live now */
	VIEW_ALLOC,	/* allocated since the start */
	VIEW_PEAK,	/* live at the process's peak */
	VIEW_TEMPORARY, /* freed young */
	VIEW_KIND_COUNT
};

struct view {
	const struct snapshot *snapshot;
	enum view_kind kind;
	uint32_t young_bucket; /* temporary: what lies in lifetime buckets below it */
	const bool *selected;  /* one per stack; NULL: all of them */
};

/*
 * The amount of one stack, selected or not. What was freed young is estimated
 * from the stack's histogram of lifetimes, the others are as recorded.
 */
struct snapshot_amount view_stack_amount(const struct view *view, size_t stack);

/* The sum over the selected stacks. */
struct snapshot_amount view_total(const struct view *view);

bool view_is_selected(const struct view *view, size_t stack);

#endif
