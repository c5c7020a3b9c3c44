/*
 * The report as JSON. That it is JSON at all is tested with jq, on real programs.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/report_json.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/report_profile.h"
#include "tests/unit/unit.h"

static char *text;

static void print_request(const struct profile *profile, const struct report_request *request)
{
	size_t size;
	FILE *const out = open_memstream(&text, &size);
	struct report report;
	char error[256];

	ck_assert_int_eq(report_fill(&report, profile, request, error, sizeof(error)), 0);
	report_json_print(&report, out);
	report_fini(&report);
	ck_assert_int_eq(fclose(out), 0);
}

static void print(const struct profile *profile, unsigned views, enum report_by by)
{
	const struct report_request request = {
		.views = views,
		.by = by,
		.top = 10,
		.young_ns = 10 * SMALL_MS,
		.is_alive = true,
	};

	print_request(profile, &request);
}

static void expect(const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "missing:\n%s\nin:\n%s", part, text);
}

START_TEST(the_document_names_its_format_first)
{
	print(&empty_profile, 1, REPORT_BY_FUNCTION);
	ck_assert_ptr_eq(strstr(text, "{\"format\":\"heaptide-report\",\"version\":1,"), text);
}
END_TEST

START_TEST(the_process_has_its_arguments_one_by_one)
{
	print(&small_profile, 1, REPORT_BY_FUNCTION);
	expect("\"pid\":70,\"parent_pid\":1,");
	expect("\"arguments\":[\"./small\",\"--count\",\" 2\"],");
	expect("\"state\":\"running\"");
}
END_TEST

START_TEST(amounts_have_bytes_objects_samples_and_errors)
{
	print(&small_profile, 1U << VIEW_INUSE, REPORT_BY_FUNCTION);
	/* 1.96 * 256 * sqrt(3/4) and 1.96 * 4 * sqrt(3/4). */
	expect("\"totals\":{\"inuse\":{\"bytes\":1048832,\"objects\":6,\"samples\":3,"
	       "\"bytes_error\":434.5369");
	expect(",\"objects_error\":6.7896");
}
END_TEST

START_TEST(functions_have_flat_and_cumulative_amounts_and_callers)
{
	print(&small_profile, 1U << VIEW_ALLOC, REPORT_BY_FUNCTION);
	expect("\"tables\":[{\"by\":\"function\",\"view\":\"alloc\",\"total\":{\"bytes\":1053696,");
	expect("\"row_count\":5,\"rows\":[{\"name\":\"xmalloc\",\"flat\":{\"bytes\":1049600,");
	expect("\"callers\":[\"copy\",\"read_all\",\"main\"]}");
}
END_TEST

START_TEST(lines_have_their_place)
{
	const struct report_request request = {
		.views = 1U << VIEW_INUSE, .by = REPORT_BY_FUNCTION, .lines = true, .top = 1};

	print_request(&small_profile, &request);
	expect("\"rows\":[{\"name\":\"xmalloc alloc.c:3\",\"function\":\"xmalloc\","
	       "\"file\":\"alloc.c\",\"line\":3,\"flat\":{");
}
END_TEST

START_TEST(stacks_have_frames_with_files_lines_and_modules)
{
	print(&small_profile, 1U << VIEW_INUSE, REPORT_BY_STACK);
	expect("\"frames\":[{\"function\":\"xmalloc\",\"file\":\"alloc.c\",\"line\":3,"
	       "\"module\":\"/opt/small\"},{\"function\":\"copy\",\"file\":\"read.c\",\"line\":4,"
	       "\"module\":\"/lib/libread.so.1\"},");
}
END_TEST

START_TEST(sizes_have_borders)
{
	print(&small_profile, 1U << VIEW_INUSE | 1U << VIEW_ALLOC, REPORT_BY_SIZE);
	expect("{\"by\":\"size\",\"rows\":[{\"from_bytes\":64,\"below_bytes\":128,"
	       "\"alloc\":{\"bytes\":1024,");
	expect(",\"inuse\":{\"bytes\":256,");
}
END_TEST

START_TEST(lifetimes_are_those_of_freed_blocks)
{
	print(&small_profile, 1U << VIEW_INUSE | 1U << VIEW_ALLOC, REPORT_BY_LIFETIME);
	expect("{\"from_ns\":5000000,\"below_ns\":10000000,\"freed\":{\"bytes\":512,");
}
END_TEST

START_TEST(threads_have_numbers_and_names)
{
	print(&small_profile, 1U << VIEW_INUSE | 1U << VIEW_ALLOC, REPORT_BY_THREAD);
	expect("\"row_count\":2,\"rows\":[{\"tid\":71,\"name\":\"reader\",\"inuse\":{");
}
END_TEST

START_TEST(warnings_and_all_counters_are_there)
{
	print(&small_profile, 1, REPORT_BY_FUNCTION);
	expect("\"warnings\":[\"/opt/small was replaced: its functions have no names\"],"
	       "\"counters\":{\"samples\":7,");
	expect("\"own_cpu_ns\":2000000,");
}
END_TEST

UNIT_MAIN(the_document_names_its_format_first, the_process_has_its_arguments_one_by_one,
	  amounts_have_bytes_objects_samples_and_errors,
	  functions_have_flat_and_cumulative_amounts_and_callers, lines_have_their_place,
	  stacks_have_frames_with_files_lines_and_modules, sizes_have_borders,
	  lifetimes_are_those_of_freed_blocks, threads_have_numbers_and_names,
	  warnings_and_all_counters_are_there)
