/*
 * Tables of text.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/text_table.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static char *text;
static size_t size;

static void expect(FILE *out, const char *expected)
{
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_str_eq(text, expected);
	free(text);
}

static void expect_put(const char *from, unsigned width, const char *expected)
{
	FILE *const out = open_memstream(&text, &size);

	text_table_put(out, from, width);
	expect(out, expected);
}

static void expect_table(const char *last_cell, unsigned width, const char *expected)
{
	static const struct text_column columns[] = {
		{"bytes", true}, {"unused", true}, {"name", false}, {"", false}};
	FILE *const out = open_memstream(&text, &size);
	struct text_table table;

	text_table_init(&table, columns, 4);
	table.remark = " <- ";
	text_table_add(&table, "%d", 1);
	text_table_add(&table, "%s", "");
	text_table_add(&table, "one");
	text_table_add(&table, "%s", last_cell);
	text_table_add(&table, "%d", 1000000);
	text_table_add(&table, "%s", "");
	text_table_add(&table, "million");
	text_table_add(&table, "x");
	ck_assert_int_eq(text_table_print(&table, out, 1, width), 0);
	text_table_fini(&table);
	expect(out, expected);
}

START_TEST(columns_line_up_and_empty_ones_go_away)
{
	expect_table("last", 0,
		     "   bytes  name\n"
		     "       1  one      last\n"
		     " 1000000  million  x\n");
}
END_TEST

START_TEST(the_last_column_is_shortened_to_the_width)
{
	expect_table("a long name in the last column", 40,
		     "   bytes  name\n"
		     "       1  one      a long na...st column\n"
		     " 1000000  million  x\n");
}
END_TEST

START_TEST(remarks_go_before_a_name_is_shortened)
{
	expect_table("a function <- a caller <- another caller", 44,
		     "   bytes  name\n"
		     "       1  one      a function <- a caller\n"
		     " 1000000  million  x\n");
	expect_table("a function with a long name <- a caller", 40,
		     "   bytes  name\n"
		     "       1  one      a functio...long name\n"
		     " 1000000  million  x\n");
}
END_TEST

START_TEST(the_last_column_keeps_some_places_on_the_narrowest_terminal)
{
	expect_table("a long name in the last column", 5,
		     "   bytes  name\n"
		     "       1  one      a long na...t column\n"
		     " 1000000  million  x\n");
}
END_TEST

START_TEST(wide_tables_stay_whole_without_a_terminal)
{
	expect_table("a long name in the last column", 0,
		     "   bytes  name\n"
		     "       1  one      a long name in the last column\n"
		     " 1000000  million  x\n");
}
END_TEST

START_TEST(a_text_is_shortened_in_the_middle)
{
	expect_put("abcdefghij", 10, "abcdefghij");
	expect_put("abcdefghij", 9, "abc...hij");
	expect_put("abcdefghij", 8, "abc...ij");
	expect_put("abcdefghij", 0, "abcdefghij");
}
END_TEST

START_TEST(a_letter_of_several_bytes_has_one_place_and_stays_whole)
{
	expect_put("\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc", 6,
		   "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc");
	expect_put("\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc", 5, "\xc3\xa4...\xc3\xbc");
}
END_TEST

START_TEST(nothing_can_steer_the_terminal)
{
	expect_put("a\x1b[31mb\nc\td\x7f", 0, "a?[31mb?c?d?");
	expect_put("C1: \xc2\x9b", 0, "C1: ?");
	expect_put("\xc2\xa0 is a blank", 0, "\xc2\xa0 is a blank");
	expect_put("\xc2", 0, "\xc2");
}
END_TEST

START_TEST(a_file_has_no_terminal_width)
{
	FILE *const out = tmpfile();

	ck_assert_uint_eq(text_table_terminal_width(out), 0);
	fclose(out);
}
END_TEST

UNIT_MAIN(columns_line_up_and_empty_ones_go_away, the_last_column_is_shortened_to_the_width,
	  remarks_go_before_a_name_is_shortened,
	  the_last_column_keeps_some_places_on_the_narrowest_terminal,
	  wide_tables_stay_whole_without_a_terminal, a_text_is_shortened_in_the_middle,
	  a_letter_of_several_bytes_has_one_place_and_stays_whole, nothing_can_steer_the_terminal,
	  a_file_has_no_terminal_width)
