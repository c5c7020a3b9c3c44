/*
 * Stacks put together by function and by stack.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "leakcheck/grouping.h"

#include "tests/unit/unit.h"

enum { ALPHA, BETA, GAMMA, MAIN, UNUSED, ID_COUNT };

/*
 * 0: the overflow stack, no frames
 * 1: alpha < main
 * 2: beta < beta < alpha < beta < main (recursion)
 * 3: alpha < main (another call of it: reads the same as 1)
 * 4: gamma < main (nothing in use)
 */
static const size_t first[] = {0, 0, 2, 7, 9, 11};
static const uint32_t ids[] = {
	ALPHA, MAIN, BETA, BETA, ALPHA, BETA, MAIN, ALPHA, MAIN, GAMMA, MAIN,
};
static const struct grouping_names names = {first, ids, ID_COUNT};

static struct snapshot_stack stacks[] = {
	{.live = {7, 1, 1, 0, 0}},	{.live = {100, 10, 1, 1, 2}},
	{.live = {130, 1, 1, 10, 20}},	{.live = {20, 2, 2, 100, 200}},
	{.allocated = {5, 5, 5, 0, 0}},
};
static const struct snapshot snapshot = {.stacks = stacks, .stack_count = 5};
static const struct snapshot empty;
static const struct view inuse = {.snapshot = &snapshot, .kind = VIEW_INUSE};

static void check_row(const struct grouping_row *row, uint32_t key, uint64_t flat,
		      uint64_t cumulative)
{
	ck_assert_uint_eq(row->key, key);
	ck_assert_uint_eq(row->flat.bytes, flat);
	ck_assert_uint_eq(row->cumulative.bytes, cumulative);
}

START_TEST(recursion_counts_once_per_stack)
{
	struct grouping grouping;

	ck_assert_int_eq(grouping_by_name(&grouping, &inuse, &names), 0);
	ck_assert_uint_eq(grouping.count, 3);
	check_row(&grouping.rows[0], BETA, 130, 130);
	check_row(&grouping.rows[1], ALPHA, 120, 250);
	check_row(&grouping.rows[2], MAIN, 0, 250);
	grouping_free(&grouping);
}
END_TEST

START_TEST(rows_add_objects_samples_and_variances)
{
	struct grouping grouping;

	ck_assert_int_eq(grouping_by_name(&grouping, &inuse, &names), 0);
	ck_assert_uint_eq(grouping.rows[1].flat.objects, 12);
	ck_assert_uint_eq(grouping.rows[1].flat.samples, 3);
	ck_assert_double_eq(grouping.rows[1].flat.bytes_variance, 101);
	ck_assert_double_eq(grouping.rows[1].cumulative.bytes_variance, 111);
	ck_assert_double_eq(grouping.rows[1].cumulative.objects_variance, 222);
	grouping_free(&grouping);
}
END_TEST

START_TEST(a_stack_without_frames_counts_in_the_total)
{
	struct grouping by_name, by_stack;

	ck_assert_int_eq(grouping_by_name(&by_name, &inuse, &names), 0);
	ck_assert_int_eq(grouping_by_stack(&by_stack, &inuse, &names), 0);
	ck_assert_uint_eq(by_name.total.bytes, 257);
	ck_assert_uint_eq(by_stack.total.bytes, 257);
	grouping_free(&by_name);
	grouping_free(&by_stack);
}
END_TEST

START_TEST(stacks_that_read_the_same_are_one_row)
{
	struct grouping grouping;

	ck_assert_int_eq(grouping_by_stack(&grouping, &inuse, &names), 0);
	ck_assert_uint_eq(grouping.count, 3);
	check_row(&grouping.rows[0], 2, 130, 130);
	check_row(&grouping.rows[1], 1, 120, 120);
	check_row(&grouping.rows[2], 0, 7, 7);
	grouping_free(&grouping);
}
END_TEST

START_TEST(only_selected_stacks_count)
{
	const bool selected[] = {false, true, false, false, true};
	struct view view = inuse;
	struct grouping grouping;

	view.selected = selected;
	ck_assert_int_eq(grouping_by_name(&grouping, &view, &names), 0);
	ck_assert_uint_eq(grouping.count, 2);
	ck_assert_uint_eq(grouping.total.bytes, 100);
	check_row(&grouping.rows[0], ALPHA, 100, 100);
	grouping_free(&grouping);
	ck_assert_int_eq(grouping_by_stack(&grouping, &view, &names), 0);
	ck_assert_uint_eq(grouping.count, 1);
	check_row(&grouping.rows[0], 1, 100, 100);
	grouping_free(&grouping);
}
END_TEST

START_TEST(the_cumulative_order_starts_with_the_root)
{
	struct grouping grouping;

	ck_assert_int_eq(grouping_by_name(&grouping, &inuse, &names), 0);
	grouping_sort_cumulative(&grouping);
	check_row(&grouping.rows[0], ALPHA, 120, 250);
	check_row(&grouping.rows[1], MAIN, 0, 250);
	check_row(&grouping.rows[2], BETA, 130, 130);
	grouping_free(&grouping);
}
END_TEST

START_TEST(ties_are_ordered_by_id)
{
	static const size_t tie_first[] = {0, 1, 2, 3};
	static const uint32_t tie_ids[] = {GAMMA, ALPHA, BETA};
	const struct grouping_names tie_names = {tie_first, tie_ids, ID_COUNT};
	struct snapshot_stack equal[3] = {
		{.live = {8, 1, 1, 0, 0}},
		{.live = {8, 1, 1, 0, 0}},
		{.live = {8, 1, 1, 0, 0}},
	};
	const struct snapshot ties = {.stacks = equal, .stack_count = 3};
	const struct view view = {.snapshot = &ties, .kind = VIEW_INUSE};
	struct grouping grouping;

	ck_assert_int_eq(grouping_by_name(&grouping, &view, &tie_names), 0);
	check_row(&grouping.rows[0], ALPHA, 8, 8);
	check_row(&grouping.rows[1], BETA, 8, 8);
	check_row(&grouping.rows[2], GAMMA, 8, 8);
	grouping_free(&grouping);
	ck_assert_int_eq(grouping_by_stack(&grouping, &view, &tie_names), 0);
	check_row(&grouping.rows[0], 1, 8, 8);
	check_row(&grouping.rows[1], 2, 8, 8);
	check_row(&grouping.rows[2], 0, 8, 8);
	grouping_free(&grouping);
}
END_TEST

START_TEST(a_stack_that_goes_on_is_another_row)
{
	static const size_t prefix_first[] = {0, 2, 3};
	static const uint32_t prefix_ids[] = {ALPHA, MAIN, ALPHA};
	const struct grouping_names prefix_names = {prefix_first, prefix_ids, ID_COUNT};
	struct snapshot_stack two[2] = {
		{.live = {8, 1, 1, 0, 0}},
		{.live = {8, 1, 1, 0, 0}},
	};
	const struct snapshot prefixes = {.stacks = two, .stack_count = 2};
	const struct view view = {.snapshot = &prefixes, .kind = VIEW_INUSE};
	struct grouping grouping;

	ck_assert_int_eq(grouping_by_stack(&grouping, &view, &prefix_names), 0);
	ck_assert_uint_eq(grouping.count, 2);
	ck_assert_uint_eq(grouping.rows[0].key, 1);
	grouping_free(&grouping);
}
END_TEST

START_TEST(huge_amounts_stay_at_the_largest_number)
{
	static const size_t huge_first[] = {0, 1, 2};
	static const uint32_t huge_ids[] = {ALPHA, ALPHA};
	const struct grouping_names huge_names = {huge_first, huge_ids, ID_COUNT};
	struct snapshot_stack two[2] = {
		{.live = {UINT64_MAX, UINT64_MAX, 1, 1e300, 1e300}},
		{.live = {UINT64_MAX, 1, 1, 1e300, 1e300}},
	};
	const struct snapshot huge = {.stacks = two, .stack_count = 2};
	const struct view view = {.snapshot = &huge, .kind = VIEW_INUSE};
	struct grouping grouping;

	ck_assert_int_eq(grouping_by_name(&grouping, &view, &huge_names), 0);
	check_row(&grouping.rows[0], ALPHA, UINT64_MAX, UINT64_MAX);
	ck_assert_uint_eq(grouping.total.bytes, UINT64_MAX);
	grouping_free(&grouping);
}
END_TEST

START_TEST(without_stacks_there_are_no_rows)
{
	static const size_t no_first[] = {0};
	const struct grouping_names no_names = {no_first, NULL, 0};
	const struct view view = {.snapshot = &empty, .kind = VIEW_INUSE};
	struct grouping grouping;

	ck_assert_int_eq(grouping_by_name(&grouping, &view, &no_names), 0);
	ck_assert_uint_eq(grouping.count, 0);
	grouping_free(&grouping);
	ck_assert_int_eq(grouping_by_stack(&grouping, &view, &no_names), 0);
	ck_assert_uint_eq(grouping.count, 0);
	grouping_free(&grouping);
}
END_TEST

UNIT_MAIN(recursion_counts_once_per_stack, rows_add_objects_samples_and_variances,
	  a_stack_without_frames_counts_in_the_total, stacks_that_read_the_same_are_one_row,
	  only_selected_stacks_count, the_cumulative_order_starts_with_the_root,
	  ties_are_ordered_by_id, a_stack_that_goes_on_is_another_row,
	  huge_amounts_stay_at_the_largest_number, without_stacks_there_are_no_rows)
