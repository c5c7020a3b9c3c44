/*
 * What a stack contributes to each kind of view.
 *
 * Context: pure functions.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "leakcheck/view.h"

#include "leakcheck/amount.h"

static struct snapshot_amount freed_young(const struct snapshot_stack *stack, uint32_t young_bucket)
{
	struct amount_sum sum = {0};
	uint32_t i;

	for (i = 0; i < stack->bucket_count; i++) {
		const struct snapshot_bucket *bucket = &stack->buckets[i];

		if (bucket->kind == SEGMENT_HISTOGRAM_LIFETIME && bucket->bucket < young_bucket)
			amount_add_group(&sum, bucket->samples, bucket->bytes, bucket->objects);
	}
	return amount_round(&sum);
}

struct snapshot_amount view_stack_amount(const struct view *view, size_t index)
{
	const struct snapshot_stack *stack = &view->snapshot->stacks[index];

	switch (view->kind) {
	case VIEW_INUSE:
		return stack->live;
	case VIEW_ALLOC:
		return stack->allocated;
	case VIEW_PEAK:
		return stack->peak;
	default:
		return freed_young(stack, view->young_bucket);
	}
}

struct snapshot_amount view_total(const struct view *view)
{
	struct snapshot_amount total = {0};
	size_t i;

	for (i = 0; i < view->snapshot->stack_count; i++) {
		struct snapshot_amount amount = view_stack_amount(view, i);

		if (view_is_selected(view, i))
			amount_add(&total, &amount);
	}
	return total;
}

bool view_is_selected(const struct view *view, size_t stack)
{
	return !view->selected || view->selected[stack];
}
