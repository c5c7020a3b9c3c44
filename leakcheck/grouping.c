/*
 * Groups stacks by name and by sequence of names.
 *
 * Context: pure functions.
 * Invariant: an id gets a stack's amount at most once, so recursion does not
 * count twice and no cumulative amount exceeds the total.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* qsort_r */
#include "leakcheck/grouping.h"

#include <errno.h>
#include <stdlib.h>

#include "leakcheck/amount.h"

static int compare_keys(const struct grouping_row *a, const struct grouping_row *b)
{
	return (a->key > b->key) - (a->key < b->key);
}

static int compare_flat(const void *left, const void *right)
{
	const struct grouping_row *a = left, *b = right;
	int order = amount_compare(&a->flat, &b->flat);

	if (order == 0)
		order = amount_compare(&a->cumulative, &b->cumulative);
	return order ? order : compare_keys(a, b);
}

static int compare_cumulative(const void *left, const void *right)
{
	const struct grouping_row *a = left, *b = right;
	int order = amount_compare(&a->cumulative, &b->cumulative);

	if (order == 0)
		order = amount_compare(&a->flat, &b->flat);
	return order ? order : compare_keys(a, b);
}

static bool is_nothing(const struct snapshot_amount *amount)
{
	return amount->bytes == 0 && amount->objects == 0 && amount->samples == 0;
}

static void drop_empty_rows(struct grouping *grouping, size_t row_count)
{
	size_t i;

	grouping->count = 0;
	for (i = 0; i < row_count; i++) {
		if (!is_nothing(&grouping->rows[i].cumulative))
			grouping->rows[grouping->count++] = grouping->rows[i];
	}
}

static int allocate_rows(struct grouping *grouping, size_t row_count)
{
	*grouping = (struct grouping){0};
	grouping->rows = calloc(row_count + 1, sizeof(*grouping->rows));
	return grouping->rows ? 0 : -ENOMEM;
}

/* last_stack[id] is 1 + the stack that was last charged to id. */
static void charge_stack(struct grouping *grouping, const struct grouping_names *names,
			 size_t stack, const struct snapshot_amount *amount, size_t *last_stack)
{
	size_t i, first = names->first[stack], end = names->first[stack + 1];

	for (i = first; i < end; i++) {
		struct grouping_row *row = &grouping->rows[names->ids[i]];

		if (i == first)
			amount_add(&row->flat, amount);
		if (last_stack[names->ids[i]] == stack + 1)
			continue;
		last_stack[names->ids[i]] = stack + 1;
		amount_add(&row->cumulative, amount);
	}
}

int grouping_by_name(struct grouping *grouping, const struct view *view,
		     const struct grouping_names *names)
{
	size_t i, *last_stack = calloc((size_t)names->id_count + 1, sizeof(*last_stack));

	if (allocate_rows(grouping, names->id_count) || !last_stack) {
		free(last_stack);
		grouping_free(grouping);
		return -ENOMEM;
	}
	for (i = 0; i < names->id_count; i++)
		grouping->rows[i].key = (uint32_t)i;
	for (i = 0; i < view->snapshot->stack_count; i++) {
		struct snapshot_amount amount = view_stack_amount(view, i);

		if (!view_is_selected(view, i))
			continue;
		charge_stack(grouping, names, i, &amount, last_stack);
		amount_add(&grouping->total, &amount);
	}
	free(last_stack);
	drop_empty_rows(grouping, names->id_count);
	qsort(grouping->rows, grouping->count, sizeof(*grouping->rows), compare_flat);
	return 0;
}

/* Compares stacks by their sequences of ids, then by their place. */
static int compare_sequences(const struct grouping_names *names, size_t a, size_t b)
{
	size_t i, a_depth = names->first[a + 1] - names->first[a];
	size_t b_depth = names->first[b + 1] - names->first[b];

	for (i = 0; i < a_depth && i < b_depth; i++) {
		uint32_t a_id = names->ids[names->first[a] + i];
		uint32_t b_id = names->ids[names->first[b] + i];

		if (a_id != b_id)
			return a_id < b_id ? -1 : 1;
	}
	return (a_depth > b_depth) - (a_depth < b_depth);
}

static int compare_places(const void *left, const void *right, void *names)
{
	size_t a = *(const size_t *)left, b = *(const size_t *)right;
	int order = compare_sequences(names, a, b);

	return order ? order : (a > b) - (a < b);
}

/*
 * Puts the stacks into the order of their sequences, so that equal ones are
 * neighbours and every run of them becomes one row.
 */
static void merge_runs(struct grouping *grouping, const struct view *view,
		       const struct grouping_names *names, size_t *order)
{
	size_t i, row_count = 0, stack_count = view->snapshot->stack_count;
	struct grouping_row *row = NULL;

	qsort_r(order, stack_count, sizeof(*order), compare_places, (void *)names);
	for (i = 0; i < stack_count; i++) {
		struct snapshot_amount amount = view_stack_amount(view, order[i]);

		if (!view_is_selected(view, order[i]))
			continue;
		if (!row || compare_sequences(names, row->key, order[i])) {
			row = &grouping->rows[row_count++];
			row->key = (uint32_t)order[i];
		}
		amount_add(&row->flat, &amount);
		row->cumulative = row->flat;
		amount_add(&grouping->total, &amount);
	}
	drop_empty_rows(grouping, row_count);
}

static int compare_stack_rows(const void *left, const void *right, void *names)
{
	const struct grouping_row *a = left, *b = right;
	int order = amount_compare(&a->flat, &b->flat);

	return order ? order : compare_sequences(names, a->key, b->key);
}

int grouping_by_stack(struct grouping *grouping, const struct view *view,
		      const struct grouping_names *names)
{
	size_t i, stack_count = view->snapshot->stack_count;
	size_t *order = calloc(stack_count + 1, sizeof(*order));

	if (allocate_rows(grouping, stack_count) || !order) {
		free(order);
		grouping_free(grouping);
		return -ENOMEM;
	}
	for (i = 0; i < stack_count; i++)
		order[i] = i;
	merge_runs(grouping, view, names, order);
	free(order);
	qsort_r(grouping->rows, grouping->count, sizeof(*grouping->rows), compare_stack_rows,
		(void *)names);
	return 0;
}

void grouping_free(struct grouping *grouping)
{
	free(grouping->rows);
	*grouping = (struct grouping){0};
}

void grouping_sort_cumulative(struct grouping *grouping)
{
	qsort(grouping->rows, grouping->count, sizeof(*grouping->rows), compare_cumulative);
}
