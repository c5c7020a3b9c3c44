/*
 * How much of what should have been sampled was.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "leakcheck/coverage.h"

#include "tests/unit/unit.h"

START_TEST(without_drops_the_coverage_is_full_even_of_nothing)
{
	struct snapshot snapshot = {.pid = 1};

	ck_assert_double_eq(coverage_share(&snapshot), 1);
	snapshot.counters[SEGMENT_COUNTER_samples] = 10;
	ck_assert_double_eq(coverage_share(&snapshot), 1);
}
END_TEST

START_TEST(every_kind_of_dropped_sample_counts)
{
	struct snapshot snapshot = {.pid = 1};

	snapshot.counters[SEGMENT_COUNTER_samples] = 30;
	snapshot.counters[SEGMENT_COUNTER_dropped_reentrant] = 1;
	snapshot.counters[SEGMENT_COUNTER_dropped_busy] = 2;
	snapshot.counters[SEGMENT_COUNTER_dropped_table_full] = 3;
	snapshot.counters[SEGMENT_COUNTER_dropped_no_segment] = 4;
	snapshot.counters[SEGMENT_COUNTER_lost_frees] = 99;
	ck_assert_uint_eq(coverage_dropped_samples(&snapshot), 10);
	ck_assert_double_eq(coverage_share(&snapshot), 0.75);
}
END_TEST

START_TEST(time_off_counts_until_the_snapshot_of_a_process_that_runs)
{
	struct snapshot snapshot = {.off_total_ns = 100, .taken_monotonic_ns = 1000};

	ck_assert_uint_eq(coverage_off_ns(&snapshot), 100);
	snapshot.off_since_ns = 400;
	ck_assert_uint_eq(coverage_off_ns(&snapshot), 700);
	snapshot.is_over = true;
	ck_assert_uint_eq(coverage_off_ns(&snapshot), 100);
	snapshot.is_over = false;
	snapshot.off_since_ns = 2000; /* the other machine's clock */
	ck_assert_uint_eq(coverage_off_ns(&snapshot), 100);
}
END_TEST

UNIT_MAIN(without_drops_the_coverage_is_full_even_of_nothing, every_kind_of_dropped_sample_counts,
	  time_off_counts_until_the_snapshot_of_a_process_that_runs)
