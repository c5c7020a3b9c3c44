/*
 * Checking and joining trails.
 *
 * Context: inside malloc.
 * Invariant: while a walk is under way generation is 0, so a walk that was left
 * by longjmp leaves nothing that would be believed. What a step says is true at
 * any time: if these words stand there, this is the caller of the step before.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/stack_trail.h"

#include <string.h>

#include "sampler/module_table.h"
#include "sampler/segment_layout.h"
#include "sampler/stack_arch.h"

void stack_trail_begin(struct stack_trail *trail, unsigned max_depth)
{
	/* Rules may have changed with the modules. */
	if (trail->generation != module_table_generation() + 1 || trail->max_depth != max_depth)
		trail->first = STACK_TRAIL_DEPTH;
	trail->max_depth = max_depth;
	trail->generation = 0;
	trail->is_repeated = false;
	trail->next = trail->first;
}

static bool is_unchanged(const struct stack_step *step, struct stack_bounds *bounds)
{
	uintptr_t ip, bp;

	if (step->is_unlike ||
	    !stack_bounds_load(bounds, stack_arch_ra_place(step->sp, step->sp - step->below),
			       &ip) ||
	    stack_arch_code_address(ip) != step->ip)
		return false;
	return step->below == 0 ||
	       (stack_bounds_load(bounds, step->sp - step->below, &bp) && bp == step->bp);
}

/* How many of the `count` steps are unchanged until one is not. */
static unsigned count_unchanged(const struct stack_step *steps, unsigned count,
				struct stack_bounds *bounds)
{
	unsigned i = 0;

	while (i < count && is_unchanged(&steps[i], bounds))
		i++;
	return i;
}

/* The frames of this walk up to number `depth`, which is steps[next], and those
 * of the last walk from there on, are the whole stack. */
static void join(struct stack_trail *trail, unsigned depth)
{
	trail->is_repeated = depth == 0 && trail->next == trail->first;
	if (trail->next < depth) {
		trail->first = STACK_TRAIL_DEPTH; /* no room: forget it */
	} else {
		trail->first = trail->next - depth;
		/* With the frame that both have: it may have been reached otherwise. */
		memcpy(&trail->steps[trail->first], trail->fresh,
		       (depth + 1) * sizeof(*trail->fresh));
	}
	trail->generation = module_table_generation() + 1;
}

bool stack_trail_follow(struct stack_trail *trail, struct stack_bounds *bounds, uint64_t *frames,
			unsigned *depth, struct stack_step *at, uint16_t *flags)
{
	const struct stack_step *steps = &trail->steps[trail->next + 1];
	const unsigned left = STACK_TRAIL_DEPTH - (trail->next + 1);
	const unsigned room = trail->max_depth - (*depth + 1);
	const unsigned count = count_unchanged(steps, left < room ? left : room, bounds);
	const bool is_end = count == left && trail->end_flags == 0;
	const bool is_cut =
		count == room && (count < left || trail->end_flags == SEGMENT_STACK_TRUNCATED);

	/* Equally many frames inside: the others stand where they stood. */
	if (trail->next - *depth != trail->first)
		for (unsigned i = 0; i < count; i++)
			frames[*depth + 1 + i] = steps[i].ip;
	if (is_end || is_cut) {
		join(trail, *depth);
		*depth += 1 + count;
		if (!is_end)
			*flags |= SEGMENT_STACK_TRUNCATED;
		return true;
	}
	memcpy(&trail->fresh[*depth + 1], steps, count * sizeof(*steps));
	*depth += count;
	*at = trail->fresh[*depth];
	trail->next += 1 + count;
	return false;
}

void stack_trail_end(struct stack_trail *trail, unsigned depth, uint16_t flags)
{
	trail->first = STACK_TRAIL_DEPTH - depth;
	memcpy(&trail->steps[trail->first], trail->fresh, depth * sizeof(*trail->fresh));
	trail->end_flags = flags;
	trail->generation = module_table_generation() + 1;
}
