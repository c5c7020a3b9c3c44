/*
 * The last stack that was walked, remembered so that the next walk can end at
 * the first frame that has not changed. A program allocates again and again
 * from places that share their outer frames.
 *
 * A frame is the one of the last walk when its registers are the same, and what
 * lies outside of it is unchanged when every return address and every saved
 * frame pointer that the last walk read there still stands where it stood:
 * one or two comparisons per frame, instead of a rule to find and follow.
 *
 * Context: inside malloc; a trail is used by one thread at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_STACK_TRAIL_H
#define SAMPLER_STACK_TRAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "sampler/stack_bounds.h"

#define STACK_TRAIL_DEPTH 512

/* A frame, and how it was reached from the one inside of it. */
struct stack_step {
	uintptr_t ip, sp, bp;
	uint32_t below; /* where bp was saved, in bytes below sp; 0: it was not */
	bool is_plain;	/* ip was read below sp; else the step cannot be checked */
};

struct stack_trail {
	/* Set by the caller of stack_capture_by_trail(): nothing. Read by it:
	 * whether this stack is, frame by frame, that of the call before. */
	bool is_repeated;

	/* The rest belongs to the walker. */
	uint32_t generation; /* of the modules, + 1; 0: nothing is remembered */
	unsigned max_depth;
	unsigned depth;
	unsigned side; /* which of steps[] is the last walk's */
	unsigned next; /* step of the last walk that may be met next */
	struct stack_step steps[2][STACK_TRAIL_DEPTH];
};

/* Before a walk. */
void stack_trail_begin(struct stack_trail *trail, unsigned max_depth);

/* Whether the frames from steps[side][next] outwards are unchanged, and, written
 * behind the `depth` frames of this walk, make a whole stack; if so, does that
 * and sets *whole to its depth. */
bool stack_trail_join(struct stack_trail *trail, struct stack_bounds *bounds, unsigned depth,
		      uint64_t *frames, unsigned *whole);

/* After a walk that gave a whole stack of `depth` frames. */
void stack_trail_end(struct stack_trail *trail, unsigned depth);

/* A walk has come to its frame number `depth`: true when it can end here. */
static inline bool stack_trail_meets(struct stack_trail *trail, unsigned depth,
				     struct stack_step step)
{
	const struct stack_step *last = trail->steps[trail->side];

	trail->steps[!trail->side][depth] = step;
	while (trail->next < trail->depth && last[trail->next].sp < step.sp)
		trail->next++;
	return trail->next < trail->depth && last[trail->next].sp == step.sp &&
	       last[trail->next].ip == step.ip && last[trail->next].bp == step.bp;
}

#endif
