/*
 * Finds the heaviest path outwards from a function. Each step goes over all
 * stacks once, and is meant for the few functions that a table shows.
 *
 * Context: pure functions.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "leakcheck/callers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "leakcheck/amount.h"

/* The stacks that read id, then all callers found so far. */
struct path {
	const struct view *view;
	const struct grouping_names *names;
	uint32_t id;
	const struct callers *callers;
};

static bool is_on_path(const struct path *path, size_t stack)
{
	const uint32_t *ids = &path->names->ids[path->names->first[stack]];
	size_t depth = path->names->first[stack + 1] - path->names->first[stack];

	return view_is_selected(path->view, stack) && depth > path->callers->count &&
	       ids[0] == path->id &&
	       memcmp(ids + 1, path->callers->ids, path->callers->count * sizeof(*ids)) == 0;
}

/* Fills bytes[caller]; returns the bytes of the whole path. */
static uint64_t weigh_callers(const struct path *path, struct snapshot_amount *bytes)
{
	struct snapshot_amount total = {0};
	size_t stack;

	for (stack = 0; stack < path->view->snapshot->stack_count; stack++) {
		size_t caller = path->names->first[stack] + 1 + path->callers->count;
		struct snapshot_amount amount;

		if (!is_on_path(path, stack))
			continue;
		amount = view_stack_amount(path->view, stack);
		amount_add(&total, &amount);
		if (caller < path->names->first[stack + 1])
			amount_add(&bytes[path->names->ids[caller]], &amount);
	}
	return total.bytes;
}

int callers_find(struct callers *callers, const struct view *view,
		 const struct grouping_names *names, uint32_t id, uint32_t limit)
{
	const struct path path = {view, names, id, callers};
	struct snapshot_amount *bytes = calloc((size_t)names->id_count + 1, sizeof(*bytes));
	uint64_t whole = 0;

	callers->count = 0;
	if (!bytes)
		return -ENOMEM;
	while (callers->count < limit) {
		uint32_t i, heaviest = 0;
		uint64_t total = weigh_callers(&path, bytes);

		whole = callers->count ? whole : total;
		for (i = 1; i < names->id_count; i++) {
			if (bytes[i].bytes > bytes[heaviest].bytes)
				heaviest = i;
		}
		if (bytes[heaviest].bytes <= whole / 2)
			break;
		callers->ids[callers->count++] = heaviest;
		memset(bytes, 0, names->id_count * sizeof(*bytes));
	}
	free(bytes);
	return 0;
}
