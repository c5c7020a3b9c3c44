/*
 * Folded stacks of the small profile.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/folded.h"

#include <stdlib.h>

#include "tests/unit/small_profile.h"
#include "tests/unit/unit.h"

static void expect_folded(enum metric_id metric, const char *expected)
{
	char *text = NULL;
	size_t size;
	FILE *const stream = open_memstream(&text, &size);

	ck_assert_int_eq(folded_write(&small, metric, stream), 0);
	fclose(stream);
	ck_assert_str_eq(text, expected);
	free(text);
}

START_TEST(stacks_are_lines_from_the_root_inwards_with_inlined_functions)
{
	expect_folded(METRIC_PEAK_SPACE, "main;main;make(int) 500\n");
}
END_TEST

START_TEST(stacks_that_read_the_same_are_one_line)
{
	expect_folded(METRIC_INUSE_SPACE, "main;a:b c--d 27\nmain;main;make(int) 300\n");
	expect_folded(METRIC_INUSE_OBJECTS, "main;a:b c--d 3\nmain;main;make(int) 3\n");
}
END_TEST

START_TEST(lines_are_sorted_and_numbers_fit)
{
	expect_folded(METRIC_ALLOC_SPACE, "[truncated];main 9223372036854775807\n"
					  "main;a:b c--d 27\n"
					  "main;main;make(int) 1000\n");
}
END_TEST

START_TEST(a_stream_that_fails_is_an_error)
{
	FILE *const stream = fopen("/dev/full", "w");

	ck_assert_ptr_nonnull(stream);
	setvbuf(stream, NULL, _IONBF, 0);
	ck_assert_int_lt(folded_write(&small, METRIC_ALLOC_SPACE, stream), 0);
	fclose(stream);
}
END_TEST

UNIT_MAIN(stacks_are_lines_from_the_root_inwards_with_inlined_functions,
	  stacks_that_read_the_same_are_one_line, lines_are_sorted_and_numbers_fit,
	  a_stream_that_fails_is_an_error)
