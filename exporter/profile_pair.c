/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/profile_pair.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Adds what a view has of a profile, as `side` of the pair. */
static int add_side(struct profile_sum *pair, const struct profile *profile, enum view_kind kind,
		    enum view_kind side)
{
	const size_t count = profile->snapshot->stack_count;
	struct snapshot_stack *const stacks = calloc(count + 1, sizeof(*stacks));
	struct snapshot snapshot = *profile->snapshot;
	struct profile copy = *profile;
	int status;

	if (!stacks)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct snapshot_stack *const from = &profile->snapshot->stacks[i];
		const struct snapshot_amount *const amount =
			kind == VIEW_ALLOC ? &from->allocated : &from->live;

		if (side == PROFILE_PAIR_BEFORE)
			stacks[i].allocated = *amount;
		else
			stacks[i].live = *amount;
	}
	snapshot.stacks = stacks;
	copy.snapshot = &snapshot;
	status = profile_sum_add(pair, &copy);
	free(stacks);
	return status;
}

/* What was allocated between, by stack of the pair, whose amounts are 0 again. */
static int take_between(struct profile_sum *pair, const struct profile *between,
			uint64_t **allocated, size_t *count)
{
	struct snapshot *const snapshot = profile_sum_snapshot(pair);
	int status = 0;

	*allocated = NULL;
	if (between)
		status = add_side(pair, between, VIEW_ALLOC, PROFILE_PAIR_BEFORE);
	*count = snapshot->stack_count;
	if (status < 0 || !between)
		return status;
	*allocated = calloc(*count + 1, sizeof(**allocated));
	if (!*allocated)
		return -ENOMEM;
	for (size_t i = 0; i < *count; i++) {
		(*allocated)[i] = snapshot->stacks[i].allocated.bytes;
		memset(&snapshot->stacks[i].allocated, 0, sizeof(snapshot->stacks[i].allocated));
	}
	return 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Leaves the variance of `part` of the bytes. */
static void shrink(struct snapshot_amount *amount, uint64_t part)
{
	if (amount->bytes > 0)
		amount->bytes_variance *= (double)part / (double)amount->bytes;
}

/*
 * The blocks that are in use after and were not before are at most those that were
 * allocated between; the blocks that are in use no more are then at most as many as
 * make the difference.
 */
static void note_between(struct snapshot_stack *stack, uint64_t allocated)
{
	struct snapshot_amount *const before = &stack->allocated, *const after = &stack->live;
	const uint64_t came = least(allocated, after->bytes);
	const uint64_t went = before->bytes + allocated > after->bytes
				      ? before->bytes + allocated - after->bytes
				      : 0;

	shrink(after, came);
	shrink(before, least(went, before->bytes));
}

int profile_pair_fill(struct profile_sum *pair, enum view_kind kind, const struct profile *before,
		      const struct profile *after, const struct profile *between)
{
	struct snapshot *const snapshot = profile_sum_snapshot(pair);
	uint64_t *allocated;
	size_t count;
	int status = take_between(pair, between, &allocated, &count);

	if (status == 0)
		status = add_side(pair, before, kind, PROFILE_PAIR_BEFORE);
	if (status == 0)
		status = add_side(pair, after, kind, PROFILE_PAIR_AFTER);
	for (size_t i = 0; status == 0 && between && i < snapshot->stack_count; i++)
		note_between(&snapshot->stacks[i], i < count ? allocated[i] : 0);
	free(allocated);
	return status;
}
