/*
 * The last stack that was walked, remembered so that the next walk need not go
 * where nothing has changed. A program allocates again and again from places
 * that share their outer frames, or through the same few inner functions.
 *
 * A frame is one of the last walk when its registers are the same, and its
 * caller is that one's caller when the return address and the saved frame
 * pointer that the last walk read there still stand where they stood: one or
 * two comparisons per frame, instead of a rule to find and to follow.
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
	/* The return address was read right below sp, and bp so many bytes below
	 * it (0: it is as it was); or the step cannot be checked. */
	uint32_t below;
	uint32_t is_unlike;
};

struct stack_trail {
	/* Set by stack_capture_by_trail(): whether this stack is, frame by frame,
	 * that of the call before. */
	bool is_repeated;

	/* The rest belongs to the walker. */
	uint16_t end_flags;  /* what stack_capture() said of the last of steps[] */
	uint32_t generation; /* of the modules, + 1; 0: nothing is remembered */
	unsigned max_depth;
	unsigned first; /* of the last walk, in steps[]; its outermost frame is at the end */
	unsigned next;	/* of those, the one that may be met next */
	struct stack_step steps[STACK_TRAIL_DEPTH];
	struct stack_step fresh[STACK_TRAIL_DEPTH]; /* this walk, innermost first */
};

/* Before a walk. */
void stack_trail_begin(struct stack_trail *trail, unsigned max_depth);

/*
 * The walk has met the last one: frames[*depth], steps[next]. Goes on along what
 * is unchanged, and moves *depth, *at and the frames with it. True when that was
 * all: *depth is then the number of frames, and SEGMENT_STACK_TRUNCATED is in
 * *flags when there are more.
 */
bool stack_trail_follow(struct stack_trail *trail, struct stack_bounds *bounds, uint64_t *frames,
			unsigned *depth, struct stack_step *at, uint16_t *flags);

/* After a walk that came to its end by itself, with so many frames. */
void stack_trail_end(struct stack_trail *trail, unsigned depth, uint16_t flags);

/* A walk has come to its frame number `depth`: is it one of the last walk's? */
static inline bool stack_trail_meets(struct stack_trail *trail, unsigned depth,
				     const struct stack_step *at)
{
	const struct stack_step *last = &trail->steps[trail->next];

	trail->fresh[depth] = *at;
	while (trail->next < STACK_TRAIL_DEPTH && last->sp < at->sp) {
		trail->next++;
		last++;
	}
	return trail->next < STACK_TRAIL_DEPTH && last->sp == at->sp && last->ip == at->ip &&
	       last->bp == at->bp;
}

#endif
