/*
 * The report as people see it, to the letter.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/report_text.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/report_profile.h"
#include "tests/unit/unit.h"

static char *text;
static size_t size;

static void print(const struct profile *profile, const struct report_request *request,
		  bool is_alive, unsigned width)
{
	struct report_request full = *request;
	FILE *const out = open_memstream(&text, &size);
	struct report report;
	char error[256];

	full.is_alive = is_alive;
	setenv("TZ", "UTC", 1);
	ck_assert_int_eq(report_fill(&report, profile, &full, error, sizeof(error)), 0);
	ck_assert_int_eq(report_text_print(&report, out, width), 0);
	report_fini(&report);
	ck_assert_int_eq(fclose(out), 0);
}

static void expect(const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "missing:\n%s\nin:\n%s", part, text);
}

static void refute(const char *part)
{
	ck_assert_msg(strstr(text, part) == NULL, "not expected:\n%s\nin:\n%s", part, text);
}

static const struct report_request overview = {
	.by = REPORT_BY_FUNCTION,
	.overview = true,
	.target = "--dir /tmp/here 70",
	.top = 10,
	.young_ns = 10 * SMALL_MS,
};
static const struct report_request by_stack = {
	.views = 1U << VIEW_INUSE,
	.by = REPORT_BY_STACK,
	.top = 10,
	.young_ns = 10 * SMALL_MS,
};

START_TEST(the_head_says_whose_heap_and_how_large)
{
	print(&small_profile, &overview, true, 0);
	ck_assert_ptr_eq(
		strstr(text,
		       "small (pid 70), running; recorded since 1970-01-01 00:00:00, for 500 ms\n"
		       "  ./small --count  2\n"
		       "\n"
		       "  in use     1.00 MiB +/- <0.1 % in 6 objects\n"
		       "  peak       1.00 MiB +/- 0.1 % in 11 objects, after 300 ms\n"
		       "  allocated  1.00 MiB +/- 0.1 % in 19 objects\n"
		       "  temporary  ~512 B in ~8 objects (only 2 samples), freed within 10.0 ms\n"
		       "  recorded   one sample per 1.00 KiB on average: 7 samples, 3 of them in "
		       "use\n"
		       "  own cost   2.00 ms of CPU time, 64.0 KiB of memory\n"
		       "\n"),
		text);
}
END_TEST

START_TEST(a_process_that_ended_or_was_killed_is_called_so)
{
	print(&small_profile, &overview, false, 0);
	expect("ended without its exit handlers (killed, _exit or exec); recorded since "
	       "1970-01-01 00:00:00, for 450 ms up to the last sample\n");
	free(text);
	small_snapshot.ended = true;
	print(&small_profile, &overview, false, 0);
	expect("small (pid 70), ended; ");
}
END_TEST

START_TEST(functions_stand_in_a_table_with_errors_and_callers)
{
	print(&small_profile, &overview, true, 0);
	expect("\nIn use, by function: 1.00 MiB +/- <0.1 % in 6 objects\n");
	expect("  xmalloc <- copy <- read_all <- main\n");
}
END_TEST

START_TEST(a_narrow_terminal_keeps_room_for_the_names)
{
	struct report_request request = by_stack;

	request.by = REPORT_BY_FUNCTION;
	print(&small_profile, &request, true, 99);
	expect("share  objects  cumulative  function");
	free(text);
	print(&small_profile, &request, true, 100);
	expect("share  objects  cumulative       +/-  share  function");
}
END_TEST

START_TEST(stacks_are_printed_from_the_innermost_frame)
{
	print(&small_profile, &by_stack, true, 0);
	expect("\nIn use, by stack: 1.00 MiB +/- <0.1 % in 6 objects\n"
	       "  1. 1.00 MiB in 2 objects, 100 %\n"
	       "      xmalloc\n"
	       "      copy\n"
	       "      read_all\n"
	       "      main\n"
	       "  2. ~256 B in ~4 objects (only 1 sample), 0.0 %\n"
	       "      xmalloc\n"
	       "      parse\n"
	       "      parse\n"
	       "      main\n");
}
END_TEST

START_TEST(a_filter_is_said_in_the_title)
{
	struct report_request request = by_stack;

	request.focus = "parse";
	request.top = 1;
	print(&small_profile, &request, true, 0);
	expect("\nIn use, by stack: ~256 B in ~4 objects (only 1 sample) match, 0.0 % of all\n");
}
END_TEST

START_TEST(a_filter_without_a_match_says_so)
{
	struct report_request request = by_stack;

	request.focus = "no such function";
	print(&small_profile, &request, true, 0);
	expect("\nIn use, by stack: nothing matches\n");
}
END_TEST

START_TEST(sizes_are_ranges)
{
	struct report_request request = by_stack;

	request.by = REPORT_BY_SIZE;
	request.views = 1U << VIEW_INUSE | 1U << VIEW_ALLOC;
	print(&small_profile, &request, true, 0);
	expect("Blocks by size\n");
	expect("   64 to 127  ~1.00 KiB  4 samples  100 %      ~16    ~256 B  1 sample  0.0 %      "
	       " ~4  "
	       "####################\n");
	expect("512K to 1M");
}
END_TEST

START_TEST(lifetimes_start_at_their_borders)
{
	struct report_request request = by_stack;

	request.by = REPORT_BY_LIFETIME;
	request.views = 1U << VIEW_INUSE | 1U << VIEW_ALLOC;
	print(&small_profile, &request, true, 0);
	expect("from 5.00 ms");
	expect("from 10.0 ms");
}
END_TEST

START_TEST(threads_have_their_names_and_the_rest_is_together)
{
	struct report_request request = by_stack;

	request.by = REPORT_BY_THREAD;
	request.views = 1U << VIEW_INUSE | 1U << VIEW_ALLOC;
	print(&small_profile, &request, true, 0);
	expect("   71  reader\n");
	expect("       [all other threads]\n");
}
END_TEST

START_TEST(exact_numbers_have_no_error_column)
{
	struct report_request request = by_stack;

	request.by = REPORT_BY_FUNCTION;
	request.focus = "read_all";
	print(&small_profile, &request, true, 0);
	expect("In use, by function: 1.00 MiB in 2 objects match, 100 % of all\n"
	       "      flat  share  objects  cumulative  share  function <- mostly called by\n"
	       "  1.00 MiB  100 %        2    1.00 MiB  100 %  xmalloc <- copy <- read_all <- "
	       "main\n"
	       "         -                    1.00 MiB  100 %  copy\n"
	       "         -                    1.00 MiB  100 %  main\n"
	       "         -                    1.00 MiB  100 %  read_all\n");
}
END_TEST

START_TEST(what_was_not_seen_is_said)
{
	print(&small_profile, &overview, true, 0);
	expect("\nNot seen\n  - /opt/small was replaced: its functions have no names\n");
	refute("nothing was lost");
}
END_TEST

START_TEST(an_overview_ends_with_what_to_ask_next)
{
	print(&small_profile, &overview, true, 0);
	expect("\nMore\n"
	       "  heaptide report --dir /tmp/here 70 --by stack    # or module, size, lifetime, "
	       "thread\n");
	expect("  heaptide export --dir /tmp/here 70 -o heap.pb.gz && go tool pprof -top "
	       "heap.pb.gz\n");
	free(text);
	print(&small_profile, &by_stack, true, 0);
	refute("\nMore\n");
}
END_TEST

START_TEST(an_empty_profile_says_why_it_is_empty)
{
	print(&empty_profile, &overview, true, 0);
	expect("  in use     nothing\n");
	expect("  temporary  nothing was freed within 10.0 ms\n");
	expect("  - no samples yet: the program has allocated less than about 512 KiB; "
	       "`heaptide run --interval 1` records everything\n");
}
END_TEST

START_TEST(long_names_are_shortened_on_a_terminal_only)
{
	small_functions[SMALL_COPY].name =
		"std::vector<std::basic_string<char>, std::allocator<std::basic_string<char>>>"
		"::_M_realloc_insert";
	print(&small_profile, &by_stack, true, 60);
	expect("      std::vector<std::basic_str...har>>>::_M_realloc_insert\n");
	free(text);
	print(&small_profile, &by_stack, true, 0);
	expect(small_functions[SMALL_COPY].name);
}
END_TEST

static void expect_caller(const char *name, const char *shown)
{
	struct report_request request = by_stack;
	char part[256];

	request.by = REPORT_BY_FUNCTION;
	small_functions[SMALL_COPY].name = name;
	print(&small_profile, &request, true, 0);
	snprintf(part, sizeof(part), "  xmalloc <- %s <- read_all <- main\n", shown);
	expect(part);
	free(text);
}

START_TEST(callers_are_shown_without_their_parameters)
{
	expect_caller("v8::(anonymous namespace)::Copy(int, std::function<void (long)> const&)",
		      "v8::(anonymous namespace)::Copy");
	expect_caller("Copier::operator()(char) const", "Copier::operator()");
	expect_caller("copy(int) [clone .isra.0]", "copy");
	expect_caller("v8::(anonymous namespace)::table", "v8::(anonymous namespace)::table");
	expect_caller("(anonymous)", "(anonymous)");
	expect_caller(")", ")");
}
END_TEST

START_TEST(the_short_list_has_a_line_for_each_function)
{
	FILE *const out = open_memstream(&text, &size);

	ck_assert_int_eq(report_text_top(&small_profile, VIEW_ALLOC, 5, out, 4, 0), 2);
	fclose(out);
	ck_assert_str_eq(text,
			 "    1.00 MiB  +/- 0.1 %  99.6 %  xmalloc <- copy <- read_all <- main\n"
			 "    4.00 KiB              0.4 %  main\n");
}
END_TEST

UNIT_MAIN(the_head_says_whose_heap_and_how_large, a_process_that_ended_or_was_killed_is_called_so,
	  functions_stand_in_a_table_with_errors_and_callers,
	  a_narrow_terminal_keeps_room_for_the_names, stacks_are_printed_from_the_innermost_frame,
	  a_filter_is_said_in_the_title, a_filter_without_a_match_says_so, sizes_are_ranges,
	  lifetimes_start_at_their_borders, threads_have_their_names_and_the_rest_is_together,
	  exact_numbers_have_no_error_column, what_was_not_seen_is_said,
	  an_overview_ends_with_what_to_ask_next, an_empty_profile_says_why_it_is_empty,
	  long_names_are_shortened_on_a_terminal_only, callers_are_shown_without_their_parameters,
	  the_short_list_has_a_line_for_each_function)
