/*
 * Stacks as programs have them: chains, callbacks, coroutines, threads, jumps.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>

#include "tests/unit/noted_stack.h"

START_TEST(a_chain_of_calls_is_seen_whole)
{
	start_test();
	chain(20);
	ck_assert_whole_stack();
	ck_assert_uint_eq(frames[0], notes[noted - 1]);
	/* The chain is consecutive. */
	for (unsigned i = 0; i < noted; i++)
		ck_assert_uint_eq(frames[i], notes[noted - 1 - i]);
}
END_TEST

START_TEST(frames_beyond_the_limit_are_cut_and_that_is_said)
{
	unsigned whole;

	start_test();
	chain(3);
	whole = depth;
	for (limit = 1; limit < whole; limit++) {
		noted = 0;
		chain(3);
		ck_assert_uint_eq(depth, limit);
		ck_assert_uint_eq(flags, SEGMENT_STACK_TRUNCATED);
		ck_assert_uint_eq(frames[0], notes[noted - 1]);
	}
	chain(3);
	ck_assert_uint_eq(depth, whole);
	ck_assert_uint_eq(flags, 0);
}
END_TEST

static unsigned outer_notes;

static int compare(const void *a, const void *b)
{
	noted = outer_notes; /* forgets the calls before */
	NOTE();
	take();
	return *(const int *)a - *(const int *)b;
}

static NOINLINE void sort_numbers(void)
{
	int numbers[] = {3, 1, 2};

	NOTE();
	outer_notes = noted;
	qsort(numbers, 3, sizeof(numbers[0]), compare);
	ck_assert_int_eq(numbers[0], 1);
}

START_TEST(callers_of_the_c_library_are_seen_through_its_callbacks)
{
	start_test();
	sort_numbers();
	ck_assert_whole_stack();
}
END_TEST

/* ---- other stacks -------------------------------------------------------- */

START_TEST(a_coroutines_frames_are_seen)
{
	start_test();
	start_coroutine(map_stack(4 * PAGE), 4 * PAGE, take_and_return_twice);
	ck_assert_whole_stack();
	swapcontext(&main_context, &coroutine);
	ck_assert_whole_stack();
	noted = 0;
	chain(2);
	ck_assert_whole_stack();
}
END_TEST

static void *run_coroutine_in_thread(void *stack)
{
	start_coroutine(stack, 4 * PAGE, take_and_return_twice);
	return NULL;
}

START_TEST(a_coroutines_frames_are_seen_in_a_thread)
{
	pthread_t thread;

	start_test();
	ck_assert_int_eq(
		pthread_create(&thread, NULL, run_coroutine_in_thread, map_stack(4 * PAGE)), 0);
	pthread_join(thread, NULL);
	ck_assert_whole_stack();
}
END_TEST

START_TEST(errno_is_left_alone)
{
	start_test();
	errno = EDOM;
	start_coroutine(map_stack(4 * PAGE), 4 * PAGE, take_and_return_twice);
	ck_assert_int_eq(errno, EDOM);
}
END_TEST

static void *take_in_thread(void *calls)
{
	chain((unsigned)(uintptr_t)calls);
	return NULL;
}

static void run_thread(size_t stack_size, unsigned calls)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	ck_assert_int_eq(pthread_attr_setstacksize(&attributes, stack_size), 0);
	ck_assert_int_eq(
		pthread_create(&thread, &attributes, take_in_thread, (void *)(uintptr_t)calls), 0);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attributes);
}

START_TEST(a_threads_stack_is_seen_whole)
{
	start_test();
	run_thread(1 << 20, 20);
	ck_assert_whole_stack();
}
END_TEST

START_TEST(a_small_threads_stack_is_seen_whole)
{
	start_test();
	run_thread(16384, 20);
	ck_assert_whole_stack();
}
END_TEST

/* ---- long jumps ----------------------------------------------------------- */

static sigjmp_buf back;

static NOINLINE void jump_out(unsigned calls)
{
	if (calls > 0)
		jump_out(calls - 1);
	take();
	siglongjmp(back, 1);
}

START_TEST(a_long_jump_leaves_nothing_behind)
{
	start_test();
	for (int i = 0; i < 20; i++) {
		if (sigsetjmp(back, 0) == 0)
			jump_out((unsigned)i);
		noted = 0;
		chain((unsigned)(20 - i));
		ck_assert_whole_stack();
	}
}
END_TEST

/* ---- the other unwinders --------------------------------------------------- */

START_TEST(libunwind_sees_what_the_tables_see)
{
	start_test();
	ck_assert(stack_capture_init(SEGMENT_UNWIND_LIBUNWIND));
	chain(20);
	ck_assert_whole_stack();
	ck_assert_uint_eq(frames[0], notes[noted - 1]);
	noted = 0;
	handle(SIGUSR1, on_signal, 0);
	raise_in_chain(5);
	ck_assert_whole_stack();
	limit = 4;
	noted = 0;
	chain(20);
	ck_assert_uint_le(depth, limit);
	ck_assert_uint_eq(flags, SEGMENT_STACK_TRUNCATED);
	ck_assert_uint_eq(frames[0], notes[noted - 1]);
}
END_TEST

/* The interrupted frame is told as that also by libunwind, which does not. */
START_TEST(an_interrupted_frame_is_the_same_for_both)
{
	uint64_t by_tables[MAX_DEPTH];
	unsigned depth_by_tables;

	start_test();
	handle(SIGUSR1, on_signal, 0);
	for (int i = 0; i < 2; i++) {
		stack_capture_init(i == 0 ? SEGMENT_UNWIND_TABLES : SEGMENT_UNWIND_LIBUNWIND);
		noted = 0;
		raise_in_chain(5);
		if (i == 0) {
			memcpy(by_tables, frames, sizeof(by_tables));
			depth_by_tables = depth;
		}
	}
	ck_assert_uint_eq(depth, depth_by_tables);
	/* The trampoline, raise() and the chain; the call from here may be two. */
	ck_assert_mem_eq(frames, by_tables, 8 * sizeof(frames[0]));
}
END_TEST

/* Who asks for its frame address keeps a frame pointer. */
static NOINLINE void framed_chain(unsigned calls)
{
	NOTE();
	if (calls > 0)
		framed_chain(calls - 1);
	else
		take();
	__asm__ volatile("" ::"r"(__builtin_frame_address(0)));
}

START_TEST(frame_pointers_are_followed)
{
	start_test();
	stack_capture_init(SEGMENT_UNWIND_FP);
	framed_chain(20);
	ck_assert_uint_ge(notes_found(), 21);
}
END_TEST

/* ---- little stack ----------------------------------------------------------- */

#define PAINT 0x5a
/* Sanitizers take much for themselves. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define STACK_LIMIT 16384
#endif
#endif
#ifndef STACK_LIMIT
#define STACK_LIMIT 850
#endif

static char *painted;
static uintptr_t painted_sp;

static NOINLINE void take_and_note_sp(void)
{
	painted_sp = (uintptr_t)__builtin_frame_address(0);
	take();
	NO_TAIL_CALL();
}

START_TEST(a_first_capture_takes_little_stack)
{
	const size_t size = 16 * PAGE;
	uintptr_t lowest;

	start_test();
	painted = map_stack(size);
	memset(painted, PAINT, size);
	start_coroutine(painted, size, take_and_note_sp);
	for (lowest = (uintptr_t)painted; *(char *)lowest == PAINT; lowest++)
		;
	ck_assert_uint_ge(depth, 3);
	ck_assert_uint_lt(painted_sp - lowest, STACK_LIMIT);
}
END_TEST

UNIT_MAIN(a_chain_of_calls_is_seen_whole, frames_beyond_the_limit_are_cut_and_that_is_said,
	  callers_of_the_c_library_are_seen_through_its_callbacks, a_coroutines_frames_are_seen,
	  a_coroutines_frames_are_seen_in_a_thread, errno_is_left_alone,
	  a_threads_stack_is_seen_whole, a_small_threads_stack_is_seen_whole,
	  a_long_jump_leaves_nothing_behind, libunwind_sees_what_the_tables_see,
	  an_interrupted_frame_is_the_same_for_both, frame_pointers_are_followed,
	  a_first_capture_takes_little_stack)
