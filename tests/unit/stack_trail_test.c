/*
 * The remembered stack: with it and without it the same stacks come out.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE

#include "sampler/stack_trail.h"
#include "tests/unit/noted_stack.h"

/* Two trails, one of which is mostly cut short. */
static struct {
	unsigned limit, depth, repeated;
	struct stack_trail trail;
	uint64_t frames[STACK_TRAIL_DEPTH], before[STACK_TRAIL_DEPTH];
} trails[2] = {{.limit = MAX_DEPTH}, {.limit = 16}};

/* Captures the stack of its caller with and without each trail. */
static NOINLINE void take_twice(void)
{
	const struct stack_start start = STACK_START_OF_CALLER();

	for (int i = 0; i < 2; i++) {
		uint16_t trail_flags = 0;
		unsigned trail_depth;

		flags = 0;
		depth = stack_capture(&start, frames, trails[i].limit, &flags);
		trail_depth = stack_capture_by_trail(&start, &trails[i].trail, trails[i].frames,
						     trails[i].limit, &trail_flags);
		ck_assert_uint_eq(depth, trail_depth);
		ck_assert_uint_eq(flags, trail_flags);
		ck_assert_mem_eq(frames, trails[i].frames, depth * sizeof(frames[0]));
		if (trails[i].trail.is_repeated) {
			trails[i].repeated++;
			ck_assert_uint_eq(depth, trails[i].depth);
			ck_assert_mem_eq(frames, trails[i].before, depth * sizeof(frames[0]));
		}
		trails[i].depth = depth;
		memcpy(trails[i].before, frames, depth * sizeof(frames[0]));
	}
}

static void take_twice_in_handler(int number)
{
	(void)number;
	take_twice();
	take_twice();
}

static unsigned walks_left;

/* Calls itself and two others of its kind, at random. */
static void wander_a(unsigned level);
static void wander_b(unsigned level);
static void wander_c(unsigned level);

static NOINLINE void wander(unsigned level)
{
	static void (*const ways[])(unsigned) = {wander_a, wander_b, wander_c};

	while (walks_left > 0 && next_random() % 4 != 0) {
		if (level < 100)
			ways[next_random() % 3](level + 1);
		if (walks_left > 0 && next_random() % 2) {
			walks_left--;
			if (next_random() % 16 == 0)
				raise(next_random() % 2 ? SIGUSR1 : SIGUSR2);
			for (int n = next_random() % 3; n > 0; n--)
				take_twice();
		}
	}
}

static NOINLINE void wander_a(unsigned level)
{
	wander(level);
	NO_TAIL_CALL();
}

static NOINLINE void wander_b(unsigned level)
{
	volatile char room[64];

	room[0] = 1;
	wander(level);
	room[1] = room[0];
}

static NOINLINE void wander_c(unsigned level)
{
	wander(level);
	take_twice();
	NO_TAIL_CALL();
}

START_TEST(a_trail_gives_the_stack_that_a_walk_gives)
{
	start_test();
	use_alternate_stack();
	handle(SIGUSR1, take_twice_in_handler, 0);
	handle(SIGUSR2, take_twice_in_handler, SA_ONSTACK);
	walks_left = 30000;
	while (walks_left > 0)
		wander(0);
	ck_assert_uint_gt(trails[0].repeated, 2000);
	ck_assert_uint_gt(trails[1].repeated, 2000);
}
END_TEST

UNIT_MAIN(a_trail_gives_the_stack_that_a_walk_gives)
