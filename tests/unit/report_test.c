/*
 * Which tables a report has and what is in them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/report.h"

#include <errno.h>

#include "tests/unit/report_profile.h"
#include "tests/unit/unit.h"

static struct report report;
static char error[256];

static int fill(unsigned views, enum report_by by)
{
	const struct report_request request = {
		.views = views,
		.by = by,
		.top = 10,
		.young_ns = 10 * SMALL_MS,
	};

	return report_fill(&report, &small_profile, &request, error, sizeof(error));
}

static const char *row_name(size_t table, size_t row)
{
	return report.names.names[report.tables[table].rows[row].amounts->key];
}

START_TEST(each_view_asked_for_has_a_table)
{
	ck_assert_int_eq(fill(1U << VIEW_ALLOC | 1U << VIEW_TEMPORARY, REPORT_BY_FUNCTION), 0);
	ck_assert_uint_eq(report.table_count, 2);
	ck_assert_uint_eq(report.tables[0].grouping.total.bytes, (1 << 20) + 5120);
	ck_assert_uint_eq(report.tables[1].grouping.total.bytes, 512);
	report_fini(&report);
}
END_TEST

START_TEST(functions_name_the_callers_behind_them)
{
	ck_assert_int_eq(fill(1U << VIEW_INUSE, REPORT_BY_FUNCTION), 0);
	ck_assert_str_eq(row_name(0, 0), "xmalloc");
	ck_assert_uint_eq(report.tables[0].rows[0].callers.count, 3);
	ck_assert_str_eq(report.names.names[report.tables[0].rows[0].callers.ids[0]], "copy");
	report_fini(&report);
}
END_TEST

START_TEST(modules_are_charged_for_what_they_call)
{
	ck_assert_int_eq(fill(1U << VIEW_INUSE, REPORT_BY_MODULE), 0);
	ck_assert_str_eq(row_name(0, 0), "/opt/small");
	ck_assert_str_eq(row_name(0, 1), "/lib/libread.so.1");
	ck_assert_uint_eq(report.tables[0].rows[1].amounts->flat.bytes, 0);
	ck_assert_uint_eq(report.tables[0].rows[1].amounts->cumulative.bytes, 1 << 20);
	report_fini(&report);
}
END_TEST

START_TEST(lines_are_rows_when_asked_for)
{
	const struct report_request request = {
		.views = 1U << VIEW_INUSE, .by = REPORT_BY_FUNCTION, .lines = true, .top = 1};

	ck_assert_int_eq(report_fill(&report, &small_profile, &request, error, sizeof(error)), 0);
	ck_assert_str_eq(row_name(0, 0), "xmalloc alloc.c:3");
	report_fini(&report);
}
END_TEST

START_TEST(the_number_of_rows_is_limited_and_the_totals_are_not)
{
	const struct report_request request = {
		.views = 1U << VIEW_INUSE, .by = REPORT_BY_FUNCTION, .top = 2};

	ck_assert_int_eq(report_fill(&report, &small_profile, &request, error, sizeof(error)), 0);
	ck_assert_uint_eq(report.tables[0].row_count, 2);
	ck_assert_uint_eq(report.tables[0].grouping.count, 5);
	ck_assert_uint_eq(report.tables[0].grouping.total.bytes, (1 << 20) + 256);
	report_fini(&report);
}
END_TEST

START_TEST(a_filter_leaves_the_process_totals_as_they_are)
{
	const struct report_request request = {
		.views = 1U << VIEW_INUSE, .by = REPORT_BY_FUNCTION, .top = 9, .focus = "parse"};

	ck_assert_int_eq(report_fill(&report, &small_profile, &request, error, sizeof(error)), 0);
	ck_assert_uint_eq(report.tables[0].grouping.total.bytes, 256);
	ck_assert_uint_eq(report.totals[VIEW_INUSE].bytes, (1 << 20) + 256);
	report_fini(&report);
}
END_TEST

START_TEST(an_overview_shows_the_peak_only_when_it_differs)
{
	const struct report_request request = {
		.by = REPORT_BY_FUNCTION, .overview = true, .top = 10};
	struct snapshot_stack *const peak = &small_stacks[3];

	ck_assert_int_eq(report_fill(&report, &small_profile, &request, error, sizeof(error)), 0);
	ck_assert_uint_eq(report.table_count, 3);
	ck_assert_int_eq(report.tables[1].by, REPORT_BY_STACK);
	report_fini(&report);
	peak->peak.bytes = 1 << 22;
	ck_assert_int_eq(report_fill(&report, &small_profile, &request, error, sizeof(error)), 0);
	ck_assert_uint_eq(report.table_count, 4);
	ck_assert_int_eq(report.tables[2].view.kind, VIEW_PEAK);
	report_fini(&report);
}
END_TEST

START_TEST(an_overview_shows_stacks_of_the_peak_when_nothing_is_in_use)
{
	const struct report_request request = {
		.by = REPORT_BY_FUNCTION, .overview = true, .top = 10};
	size_t i;

	for (i = 0; i < small_snapshot.stack_count; i++)
		small_stacks[i].live = (struct snapshot_amount){0};
	ck_assert_int_eq(report_fill(&report, &small_profile, &request, error, sizeof(error)), 0);
	ck_assert_uint_eq(report.table_count, 4);
	ck_assert_int_eq(report.tables[2].by, REPORT_BY_STACK);
	ck_assert_int_eq(report.tables[2].view.kind, VIEW_PEAK);
	report_fini(&report);
}
END_TEST

START_TEST(an_overview_leaves_out_what_allocated_nothing_itself)
{
	struct report_request request = {.by = REPORT_BY_FUNCTION, .overview = true, .top = 10};

	ck_assert_int_eq(report_fill(&report, &small_profile, &request, error, sizeof(error)), 0);
	ck_assert_uint_eq(report.tables[0].row_count, 1);
	ck_assert_uint_eq(report.tables[0].row_total, 1);
	report_fini(&report);
	request.by_cumulative = true;
	ck_assert_int_eq(report_fill(&report, &small_profile, &request, error, sizeof(error)), 0);
	ck_assert_uint_eq(report.tables[0].row_count, 5);
	ck_assert_str_eq(row_name(0, 0), "xmalloc");
	ck_assert_str_eq(row_name(0, 1), "main");
	report_fini(&report);
}
END_TEST

START_TEST(a_process_that_has_ended_grows_no_older)
{
	struct report_request request = {
		.views = 1U << VIEW_INUSE, .by = REPORT_BY_LIFETIME, .top = 10, .is_alive = true};
	const uint32_t age_100_ms = histogram_lifetime_bucket(100 * SMALL_MS);
	const uint32_t age_50_ms = histogram_lifetime_bucket(50 * SMALL_MS);

	ck_assert_int_eq(report_fill(&report, &small_profile, &request, error, sizeof(error)), 0);
	ck_assert_uint_eq(report.histogram->inuse[age_100_ms].bytes, 256);
	report_fini(&report);
	request.is_alive = false;
	ck_assert_int_eq(report_fill(&report, &small_profile, &request, error, sizeof(error)), 0);
	ck_assert_uint_eq(report.histogram->inuse[age_50_ms].bytes, 256);
	report_fini(&report);
}
END_TEST

START_TEST(threads_of_some_stacks_show_what_is_in_use_only)
{
	struct report_request request = {.views = 1U << VIEW_INUSE | 1U << VIEW_ALLOC,
					 .by = REPORT_BY_THREAD,
					 .top = 10,
					 .focus = "read_all"};

	ck_assert_int_eq(report_fill(&report, &small_profile, &request, error, sizeof(error)), 0);
	ck_assert_uint_eq(report.request.views, 1U << VIEW_INUSE);
	ck_assert_uint_eq(report.threads.rows[0].inuse.bytes, 1 << 20);
	report_fini(&report);
	request.views = 1U << VIEW_ALLOC;
	ck_assert_int_eq(report_fill(&report, &small_profile, &request, error, sizeof(error)),
			 -EINVAL);
	ck_assert_ptr_nonnull(strstr(error, "go with --view inuse"));
}
END_TEST

START_TEST(young_is_the_nearest_border)
{
	const struct report_request request = {
		.views = 1U << VIEW_TEMPORARY, .top = 1, .young_ns = 21 * SMALL_MS};

	ck_assert_int_eq(report_fill(&report, &small_profile, &request, error, sizeof(error)), 0);
	ck_assert_uint_eq(report.young_bucket, SEGMENT_LIFETIME_BORDER_BUCKET + 1);
	ck_assert_uint_eq(report.totals[VIEW_TEMPORARY].bytes, 768);
	report_fini(&report);
}
END_TEST

START_TEST(sizes_of_the_peak_are_not_recorded_and_said_so)
{
	ck_assert_int_eq(fill(1U << VIEW_INUSE | 1U << VIEW_PEAK, REPORT_BY_SIZE), -EINVAL);
	ck_assert_str_eq(error, "--by size goes with --view inuse and alloc, not with peak");
}
END_TEST

START_TEST(a_bad_filter_is_reported)
{
	const struct report_request request = {.views = 1, .top = 1, .ignore = "("};

	ck_assert_int_eq(report_fill(&report, &small_profile, &request, error, sizeof(error)),
			 -EINVAL);
	ck_assert_ptr_nonnull(strstr(error, "--ignore"));
}
END_TEST

START_TEST(an_empty_profile_has_empty_tables)
{
	const struct report_request request = {
		.by = REPORT_BY_FUNCTION, .overview = true, .top = 10};

	ck_assert_int_eq(report_fill(&report, &empty_profile, &request, error, sizeof(error)), 0);
	ck_assert_uint_eq(report.tables[0].row_count, 0);
	report_fini(&report);
}
END_TEST

UNIT_MAIN(each_view_asked_for_has_a_table, functions_name_the_callers_behind_them,
	  modules_are_charged_for_what_they_call, lines_are_rows_when_asked_for,
	  the_number_of_rows_is_limited_and_the_totals_are_not,
	  a_filter_leaves_the_process_totals_as_they_are,
	  an_overview_shows_the_peak_only_when_it_differs,
	  an_overview_shows_stacks_of_the_peak_when_nothing_is_in_use,
	  an_overview_leaves_out_what_allocated_nothing_itself,
	  a_process_that_has_ended_grows_no_older, threads_of_some_stacks_show_what_is_in_use_only,
	  young_is_the_nearest_border, sizes_of_the_peak_are_not_recorded_and_said_so,
	  a_bad_filter_is_reported, an_empty_profile_has_empty_tables)
