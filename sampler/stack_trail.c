/*
 * Checking and joining trails.
 *
 * Context: inside malloc.
 * Invariant: while a walk is under way generation is 0, so a walk that was left
 * by longjmp leaves nothing that would be believed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/stack_trail.h"

#include <string.h>

#include "sampler/module_table.h"
#include "sampler/stack_arch.h"

void stack_trail_begin(struct stack_trail *trail, unsigned max_depth)
{
	/* Rules may have changed with the modules. */
	if (trail->generation != module_table_generation() + 1 || trail->max_depth != max_depth)
		trail->depth = 0;
	trail->max_depth = max_depth;
	trail->generation = 0;
	trail->is_repeated = false;
	trail->next = 0;
}

static bool is_unchanged(const struct stack_step *step, struct stack_bounds *bounds)
{
	uintptr_t ip, bp;

	if (!step->is_plain ||
	    !stack_bounds_load(bounds, stack_arch_ra_place(step->sp, step->sp - step->below),
			       &ip) ||
	    stack_arch_code_address(ip) != step->ip)
		return false;
	return step->below == 0 ||
	       (stack_bounds_load(bounds, step->sp - step->below, &bp) && bp == step->bp);
}

bool stack_trail_join(struct stack_trail *trail, struct stack_bounds *bounds, unsigned depth,
		      uint64_t *frames, unsigned *whole)
{
	const struct stack_step *last = trail->steps[trail->side];
	const unsigned first = trail->next + 1; /* the frame that was met is the same already */
	const unsigned rest = trail->depth - first;

	*whole = depth + 1 + rest;
	if (*whole > trail->max_depth)
		goto give_up;
	for (unsigned i = first; i < trail->depth; i++)
		if (!is_unchanged(&last[i], bounds))
			goto give_up;
	if (depth == 0 && first == 1) {
		trail->is_repeated = true; /* steps and frames are those of the last time */
		return true;
	}
	memcpy(&trail->steps[!trail->side][depth + 1], &last[first], rest * sizeof(*last));
	for (unsigned i = 0; i < rest; i++)
		frames[depth + 1 + i] = last[first + i].ip;
	return true;
give_up:
	/* What was not the same here will not be further out. */
	trail->depth = 0;
	return false;
}

void stack_trail_end(struct stack_trail *trail, unsigned depth)
{
	trail->depth = depth;
	if (!trail->is_repeated)
		trail->side = !trail->side;
	trail->generation = module_table_generation() + 1;
}
