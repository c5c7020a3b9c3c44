/*
 * --focus and --ignore.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/stack_filter.h"

#include <errno.h>
#include <stdlib.h>

#include "tests/unit/report_profile.h"
#include "tests/unit/unit.h"

/* `expected` has a letter for each stack: y or n. */
static void check(const char *focus, const char *ignore, const char *expected)
{
	char error[256];
	bool *selected;
	size_t i;

	ck_assert_int_eq(
		stack_filter_select(&small_profile, focus, ignore, &selected, error, sizeof(error)),
		0);
	for (i = 0; i < small_profile.sample_count; i++)
		ck_assert_msg(selected[i] == (expected[i] == 'y'), "stack %zu", i);
	free(selected);
}

START_TEST(without_conditions_everything_is_selected)
{
	bool *selected = (bool *)&selected;
	char error[256];

	ck_assert_int_eq(
		stack_filter_select(&small_profile, "", NULL, &selected, error, sizeof(error)), 0);
	ck_assert_ptr_null(selected);
}
END_TEST

START_TEST(focus_keeps_stacks_with_a_matching_function)
{
	check("^parse$", "", "nynn");
	check("read_all|parse", "", "nyyn");
	check("nothing like it", "", "nnnn");
}
END_TEST

START_TEST(ignore_drops_stacks_with_a_matching_function)
{
	check("", "^parse$", "ynyy");
	check("xmalloc", "parse", "nnyn");
}
END_TEST

START_TEST(inlined_functions_source_files_and_modules_match_too)
{
	check("^copy$", "", "nnyn");
	check("parse[.]c", "", "nynn");
	check("libread", "", "nnyn");
}
END_TEST

START_TEST(a_bad_expression_is_named_with_the_reason)
{
	bool *selected;
	char error[256];

	ck_assert_int_eq(
		stack_filter_select(&small_profile, "a(", "", &selected, error, sizeof(error)),
		-EINVAL);
	ck_assert_ptr_null(selected);
	ck_assert_ptr_nonnull(strstr(error, "--focus 'a(' is not a regular expression: "));
	ck_assert_int_eq(
		stack_filter_select(&small_profile, "a", "[", &selected, error, sizeof(error)),
		-EINVAL);
	ck_assert_ptr_nonnull(strstr(error, "--ignore '['"));
}
END_TEST

UNIT_MAIN(without_conditions_everything_is_selected, focus_keeps_stacks_with_a_matching_function,
	  ignore_drops_stacks_with_a_matching_function,
	  inlined_functions_source_files_and_modules_match_too,
	  a_bad_expression_is_named_with_the_reason)
