/*
 * Histograms of sizes and lifetimes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "leakcheck/histogram.h"

#include "tests/unit/unit.h"

#define MS UINT64_C(1000000)
#define NOW (1000 * MS)

static const struct snapshot_bucket buckets[] = {
	{SEGMENT_HISTOGRAM_SIZE, 7, 2, 200, 2},
	{SEGMENT_HISTOGRAM_SIZE, 63, 1, UINT64_MAX, 1},
	{SEGMENT_HISTOGRAM_LIFETIME, 21, 1, 100, 1},
};

static const struct snapshot_bucket more_buckets[] = {
	{SEGMENT_HISTOGRAM_SIZE, 7, 2, 400, 4},
};

static struct snapshot_stack stacks[] = {
	{.buckets = buckets, .bucket_count = 3},
	{.buckets = more_buckets, .bucket_count = 1},
};

/* At 1 s; the second block is from the future, as clocks may have it. */
static struct snapshot_block blocks[] = {
	{.size = 100, .bytes = 100, .objects = 1, .birth_monotonic_ns = 985 * MS},
	{.size = 0, .bytes = 0, .objects = 1, .birth_monotonic_ns = 2000 * MS, .stack = 1},
};

static const struct snapshot snapshot = {
	.stacks = stacks,
	.stack_count = 2,
	.blocks = blocks,
	.block_count = 2,
};

START_TEST(sizes_go_to_buckets_by_powers_of_two)
{
	ck_assert_uint_eq(histogram_size_bucket(0), 0);
	ck_assert_uint_eq(histogram_size_bucket(1), 1);
	ck_assert_uint_eq(histogram_size_bucket(2), 2);
	ck_assert_uint_eq(histogram_size_bucket(3), 2);
	ck_assert_uint_eq(histogram_size_bucket(4), 3);
	ck_assert_uint_eq(histogram_size_bucket(UINT64_MAX), SEGMENT_HISTOGRAM_BUCKETS - 1);
}
END_TEST

START_TEST(every_size_lies_between_the_borders_of_its_bucket)
{
	uint64_t size;

	for (size = 1; size < UINT64_MAX / 16; size = size * 5 / 3 + 1) {
		uint32_t bucket = histogram_size_bucket(size);

		ck_assert(histogram_size_start(bucket) <= (double)size);
		ck_assert((double)size < histogram_size_start(bucket + 1));
	}
}
END_TEST

START_TEST(ten_milliseconds_is_a_border)
{
	ck_assert_uint_eq(histogram_lifetime_bucket(10 * MS), SEGMENT_LIFETIME_BORDER_BUCKET);
	ck_assert_uint_eq(histogram_lifetime_bucket(10 * MS - 1),
			  SEGMENT_LIFETIME_BORDER_BUCKET - 1);
	ck_assert_uint_eq(histogram_lifetime_bucket(20 * MS), SEGMENT_LIFETIME_BORDER_BUCKET + 1);
	ck_assert_double_eq(histogram_lifetime_start_ns(SEGMENT_LIFETIME_BORDER_BUCKET), 10e6);
}
END_TEST

START_TEST(the_extremes_of_lifetimes_have_buckets)
{
	ck_assert_uint_eq(histogram_lifetime_bucket(0), 0);
	ck_assert_uint_lt(histogram_lifetime_bucket(UINT64_MAX), SEGMENT_HISTOGRAM_BUCKETS);
	ck_assert_double_eq(histogram_lifetime_start_ns(0), 0);
}
END_TEST

START_TEST(the_nearest_border_is_near_by_ratio)
{
	ck_assert_uint_eq(histogram_nearest_border(10 * MS), SEGMENT_LIFETIME_BORDER_BUCKET);
	ck_assert_uint_eq(histogram_nearest_border(14 * MS), SEGMENT_LIFETIME_BORDER_BUCKET);
	ck_assert_uint_eq(histogram_nearest_border(15 * MS), SEGMENT_LIFETIME_BORDER_BUCKET + 1);
	ck_assert_uint_eq(histogram_nearest_border(1), 1);
	ck_assert_uint_lt(histogram_nearest_border(UINT64_MAX), SEGMENT_LIFETIME_BUCKETS);
	/* So every border is a number of nanoseconds. */
	ck_assert_double_lt(histogram_lifetime_start_ns(SEGMENT_LIFETIME_BUCKETS - 1), 0x1p64);
}
END_TEST

START_TEST(recorded_buckets_of_all_stacks_are_added)
{
	struct histogram histogram;

	histogram_fill(&histogram, &snapshot, SEGMENT_HISTOGRAM_SIZE, NULL, NOW);
	ck_assert_uint_eq(histogram.recorded[7].bytes, 600);
	ck_assert_uint_eq(histogram.recorded[7].objects, 6);
	ck_assert_uint_eq(histogram.recorded[7].samples, 4);
	ck_assert_uint_eq(histogram.recorded[63].bytes, UINT64_MAX);
	ck_assert_uint_eq(histogram.recorded[21].samples, 0);
}
END_TEST

START_TEST(live_blocks_are_sorted_by_size)
{
	struct histogram histogram;

	histogram_fill(&histogram, &snapshot, SEGMENT_HISTOGRAM_SIZE, NULL, NOW);
	ck_assert_uint_eq(histogram.inuse[7].bytes, 100);
	ck_assert_uint_eq(histogram.inuse[0].objects, 1);
}
END_TEST

START_TEST(live_blocks_are_sorted_by_age)
{
	struct histogram histogram;

	histogram_fill(&histogram, &snapshot, SEGMENT_HISTOGRAM_LIFETIME, NULL, NOW);
	ck_assert_uint_eq(histogram.recorded[21].bytes, 100);
	ck_assert_uint_eq(histogram.inuse[21].bytes, 100);
	ck_assert_uint_eq(histogram.inuse[0].objects, 1);
}
END_TEST

START_TEST(only_selected_stacks_and_their_blocks_count)
{
	const bool selected[] = {false, true};
	struct histogram histogram;

	histogram_fill(&histogram, &snapshot, SEGMENT_HISTOGRAM_SIZE, selected, NOW);
	ck_assert_uint_eq(histogram.recorded[7].bytes, 400);
	ck_assert_uint_eq(histogram.recorded[63].samples, 0);
	ck_assert_uint_eq(histogram.inuse[7].samples, 0);
	ck_assert_uint_eq(histogram.inuse[0].samples, 1);
}
END_TEST

UNIT_MAIN(sizes_go_to_buckets_by_powers_of_two, every_size_lies_between_the_borders_of_its_bucket,
	  ten_milliseconds_is_a_border, the_extremes_of_lifetimes_have_buckets,
	  the_nearest_border_is_near_by_ratio, recorded_buckets_of_all_stacks_are_added,
	  live_blocks_are_sorted_by_size, live_blocks_are_sorted_by_age,
	  only_selected_stacks_and_their_blocks_count)
