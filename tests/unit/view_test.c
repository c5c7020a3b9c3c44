/*
 * What a stack contributes to each kind of view.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "leakcheck/view.h"

#include "tests/unit/unit.h"

static const struct snapshot_bucket buckets[] = {
	{SEGMENT_HISTOGRAM_SIZE, 3, 9, 900, 9},
	{SEGMENT_HISTOGRAM_LIFETIME, 0, 1, 10, 1},
	{SEGMENT_HISTOGRAM_LIFETIME, SEGMENT_LIFETIME_BORDER_BUCKET - 1, 2, 40, 4},
	{SEGMENT_HISTOGRAM_LIFETIME, SEGMENT_LIFETIME_BORDER_BUCKET, 5, 500, 5},
};

static struct snapshot_stack stacks[] = {
	{
		.depth = 1,
		.allocated = {1000, 20, 8, 1, 2},
		.live = {300, 3, 2, 3, 4},
		.peak = {500, 5, 4, 5, 6},
		.buckets = buckets,
		.bucket_count = 4,
	},
	{
		.depth = 1,
		.allocated = {7, 1, 1, 10, 20},
		.live = {5, 1, 1, 30, 40},
		.peak = {6, 1, 1, 50, 60},
	},
};

static const struct snapshot snapshot = {.stacks = stacks, .stack_count = 2};
static const struct snapshot empty;

START_TEST(each_view_takes_its_own_amount)
{
	struct view view = {.snapshot = &snapshot, .kind = VIEW_INUSE};

	ck_assert_uint_eq(view_stack_amount(&view, 0).bytes, 300);
	view.kind = VIEW_ALLOC;
	ck_assert_uint_eq(view_stack_amount(&view, 0).bytes, 1000);
	view.kind = VIEW_PEAK;
	ck_assert_uint_eq(view_stack_amount(&view, 0).bytes, 500);
}
END_TEST

START_TEST(temporary_is_what_was_freed_in_buckets_below_the_young_one)
{
	struct view view = {
		.snapshot = &snapshot,
		.kind = VIEW_TEMPORARY,
		.young_bucket = SEGMENT_LIFETIME_BORDER_BUCKET,
	};
	struct snapshot_amount amount = view_stack_amount(&view, 0);

	ck_assert_uint_eq(amount.bytes, 50);
	ck_assert_uint_eq(amount.objects, 5);
	ck_assert_uint_eq(amount.samples, 3);
	/* The first bucket is exact; the second has p = 1/2: 40^2 / 2 * 1/2. */
	ck_assert_double_eq_tol(amount.bytes_variance, 400, 1e-9);
	ck_assert_double_eq_tol(amount.objects_variance, 4, 1e-9);
	ck_assert_uint_eq(view_stack_amount(&view, 1).bytes, 0);
}
END_TEST

START_TEST(nothing_is_younger_than_bucket_0)
{
	struct view view = {.snapshot = &snapshot, .kind = VIEW_TEMPORARY};

	ck_assert_uint_eq(view_total(&view).samples, 0);
}
END_TEST

START_TEST(the_total_adds_all_stacks_when_none_is_selected)
{
	struct view view = {.snapshot = &snapshot, .kind = VIEW_INUSE};
	struct snapshot_amount total = view_total(&view);

	ck_assert_uint_eq(total.bytes, 305);
	ck_assert_uint_eq(total.objects, 4);
	ck_assert_uint_eq(total.samples, 3);
	ck_assert_double_eq(total.bytes_variance, 33);
	ck_assert_double_eq(total.objects_variance, 44);
}
END_TEST

START_TEST(the_total_leaves_out_what_is_not_selected)
{
	const bool selected[] = {false, true};
	struct view view = {.snapshot = &snapshot, .kind = VIEW_ALLOC, .selected = selected};

	ck_assert_uint_eq(view_total(&view).bytes, 7);
}
END_TEST

START_TEST(the_total_of_nothing_is_nothing)
{
	struct view view = {.snapshot = &empty, .kind = VIEW_PEAK};

	ck_assert_uint_eq(view_total(&view).bytes, 0);
	ck_assert_uint_eq(view_total(&view).samples, 0);
}
END_TEST

UNIT_MAIN(each_view_takes_its_own_amount,
	  temporary_is_what_was_freed_in_buckets_below_the_young_one,
	  nothing_is_younger_than_bucket_0, the_total_adds_all_stacks_when_none_is_selected,
	  the_total_leaves_out_what_is_not_selected, the_total_of_nothing_is_nothing)
