/*
 * Equal stacks have one index, different stacks different ones.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/stack_table.h"

#include <pthread.h>

#include "tests/unit/segment_fixture.h"
#include "tests/unit/unit.h"

#define MIB (UINT64_C(1) << 20)

static struct settings settings;

static void start(uint64_t budget)
{
	settings = fixture_settings(1, budget);
	ck_assert_int_eq(segment_writer_open(&settings), 0);
	ck_assert(stack_table_new_segment());
}

/* The index of a stack of `depth` frames that ends in n. */
static uint32_t intern(uint64_t n, uint16_t depth, uint32_t epoch)
{
	uint64_t frames[64];

	for (unsigned i = 0; i < depth; i++)
		frames[i] = 0x400000 + i;
	frames[depth - 1] = n;
	return stack_table_intern(
		&(struct stack_table_key){.frames = frames, .depth = depth, .module_epoch = epoch});
}

START_TEST(a_stack_is_stored_once)
{
	start(16 * MIB);
	for (uint64_t n = 0; n < 5000; n++)
		ck_assert_uint_eq(intern(n, 20, 0), n + 1); /* 0 is the overflow stack */
	for (uint64_t n = 0; n < 5000; n++)
		ck_assert_uint_eq(intern(n, 20, 0), n + 1);
	ck_assert_uint_eq(segment_writer_claimed(SEGMENT_FRAMES), 5000 * 20);
	fixture_remove(&settings);
}
END_TEST

START_TEST(depth_and_epoch_tell_stacks_apart)
{
	start(MIB);
	const uint32_t first = intern(1, 10, 0);
	const uint32_t other_epoch = intern(1, 10, 1);
	const uint32_t other_depth = intern(1, 11, 0);

	ck_assert_uint_ne(first, other_epoch);
	ck_assert_uint_ne(first, other_depth);
	ck_assert_uint_ne(other_epoch, other_depth);
	ck_assert_uint_eq(intern(1, 10, 1), other_epoch);
	fixture_remove(&settings);
}
END_TEST

START_TEST(a_full_table_gives_the_overflow_stack)
{
	uint64_t n = 0;

	start(MIB);
	while (intern(n, 16, 0) != SEGMENT_OVERFLOW_STACK)
		n++;
	ck_assert(stack_table_is_fuller_than(90));
	ck_assert(!stack_table_is_fuller_than(100));
	ck_assert_uint_eq(intern(0, 16, 0), 1);
	fixture_remove(&settings);
}
END_TEST

static void *intern_many(void *result)
{
	uint32_t *indices = result;

	for (uint64_t n = 0; n < 3000; n++)
		indices[n] = intern(n, 12, 0);
	return NULL;
}

START_TEST(threads_that_add_the_same_stacks_agree)
{
	enum { THREADS = 4 };
	static uint32_t indices[THREADS][3000];
	pthread_t threads[THREADS];

	start(16 * MIB);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, intern_many, indices[i]), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 1; i < THREADS; i++)
		ck_assert_mem_eq(indices[i], indices[0], sizeof(indices[0]));
	ck_assert_uint_eq(segment_writer_claimed(SEGMENT_STACKS), 3001);
	fixture_remove(&settings);
}
END_TEST

START_TEST(a_segment_overwritten_by_others_crashes_nothing)
{
	start(MIB);
	for (uint64_t n = 0; n < 100; n++)
		intern(n, 20, 0);
	memset(segment_writer_region(SEGMENT_STACKS), 0xff, 101 * sizeof(struct segment_stack));
	for (uint64_t n = 0; n < 100; n++)
		intern(n, 20, 0);
	fixture_remove(&settings);
}
END_TEST

UNIT_MAIN(a_stack_is_stored_once, depth_and_epoch_tell_stacks_apart,
	  a_full_table_gives_the_overflow_stack, threads_that_add_the_same_stacks_agree,
	  a_segment_overwritten_by_others_crashes_nothing)
