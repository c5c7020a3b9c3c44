/*
 * Threads by what they allocated and what of it is in use.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "leakcheck/thread_list.h"

#include "tests/unit/unit.h"

static struct snapshot_stack stacks[2];
static struct snapshot_thread threads[] = {
	{.tid = 0},
	{.tid = 11, .name = "main", .bytes = 500, .samples = 5, .objects = 5},
	{.tid = 12, .name = "idle"},
	{.tid = 13, .name = "worker", .bytes = 900, .samples = 3, .objects = 6},
	{.tid = 14, .name = "worker", .bytes = 900, .samples = 3, .objects = 6},
};
static struct snapshot_block blocks[] = {
	{.bytes = 100, .objects = 1, .thread = 1, .stack = 0},
	{.bytes = 50, .objects = 2, .thread = 1, .stack = 1},
};
static const struct snapshot snapshot = {
	.stacks = stacks,
	.stack_count = 2,
	.threads = threads,
	.thread_count = 5,
	.blocks = blocks,
	.block_count = 2,
};
static const struct snapshot empty;

START_TEST(threads_come_by_bytes_in_use_then_allocated_then_place)
{
	struct thread_list list;

	ck_assert_int_eq(thread_list_fill(&list, &snapshot, NULL), 0);
	ck_assert_uint_eq(list.count, 3);
	ck_assert_uint_eq(list.rows[0].thread, 1);
	ck_assert_uint_eq(list.rows[1].thread, 3);
	ck_assert_uint_eq(list.rows[2].thread, 4);
	thread_list_free(&list);
}
END_TEST

START_TEST(a_thread_has_the_blocks_it_allocated)
{
	struct thread_list list;

	ck_assert_int_eq(thread_list_fill(&list, &snapshot, NULL), 0);
	ck_assert_uint_eq(list.rows[0].inuse.bytes, 150);
	ck_assert_uint_eq(list.rows[0].inuse.objects, 3);
	ck_assert_uint_eq(list.rows[0].inuse.samples, 2);
	ck_assert_double_eq_tol(list.rows[0].inuse.bytes_variance, 1250, 1e-9);
	ck_assert_uint_eq(list.rows[0].allocated.bytes, 500);
	ck_assert_double_eq(list.rows[0].allocated.bytes_variance, 0);
	ck_assert_double_eq_tol(list.rows[1].allocated.bytes_variance, 135000, 1e-6);
	thread_list_free(&list);
}
END_TEST

START_TEST(a_selection_of_stacks_limits_what_is_in_use)
{
	const bool selected[] = {false, true};
	struct thread_list list;

	ck_assert_int_eq(thread_list_fill(&list, &snapshot, selected), 0);
	ck_assert_uint_eq(list.count, 1);
	ck_assert_uint_eq(list.rows[0].inuse.bytes, 50);
	thread_list_free(&list);
}
END_TEST

START_TEST(without_threads_the_list_is_empty)
{
	struct thread_list list;

	ck_assert_int_eq(thread_list_fill(&list, &empty, NULL), 0);
	ck_assert_uint_eq(list.count, 0);
	thread_list_free(&list);
}
END_TEST

UNIT_MAIN(threads_come_by_bytes_in_use_then_allocated_then_place,
	  a_thread_has_the_blocks_it_allocated, a_selection_of_stacks_limits_what_is_in_use,
	  without_threads_the_list_is_empty)
