/*
 * Interning, and making UTF-8 of whatever comes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/string_table.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static void expect_clean(const char *text, const char *expected)
{
	char *const clean = string_table_clean(text, strlen(text));

	ck_assert_str_eq(clean, expected);
	free(clean);
}

START_TEST(equal_strings_get_one_number)
{
	struct string_table table = {0};
	uint32_t empty, first, second, again;

	ck_assert_int_eq(string_table_add(&table, "", &empty), 0);
	ck_assert_int_eq(string_table_add(&table, "malloc", &first), 0);
	ck_assert_int_eq(string_table_add(&table, "calloc", &second), 0);
	ck_assert_int_eq(string_table_add(&table, "malloc", &again), 0);
	ck_assert_uint_eq(empty, 0);
	ck_assert_uint_eq(first, 1);
	ck_assert_uint_eq(second, 2);
	ck_assert_uint_eq(again, 1);
	ck_assert_uint_eq(table.count, 3);
	ck_assert_str_eq(table.strings[2], "calloc");
	string_table_fini(&table);
}
END_TEST

START_TEST(no_string_is_the_empty_string)
{
	struct string_table table = {0};
	uint32_t index = 9;

	ck_assert_int_eq(string_table_add(&table, NULL, &index), 0);
	ck_assert_uint_eq(index, 0);
	ck_assert_str_eq(table.strings[0], "");
	string_table_fini(&table);
}
END_TEST

START_TEST(good_characters_stay)
{
	expect_clean("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z",
		     "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
	expect_clean("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf",
		     "\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf");
}
END_TEST

#define BAD "\xef\xbf\xbd"

START_TEST(bad_bytes_are_replaced_one_by_one)
{
	expect_clean("\xff\xfe", BAD BAD);
	expect_clean("a\x80z", "a" BAD "z");
	expect_clean("\xc0\xaf", BAD BAD);		   /* overlong */
	expect_clean("\xe0\x9f\x80", BAD BAD BAD);	   /* overlong */
	expect_clean("\xed\xa0\x80", BAD BAD BAD);	   /* surrogate */
	expect_clean("\xf4\x90\x80\x80", BAD BAD BAD BAD); /* above U+10FFFF */
	expect_clean("\xe2\x82", BAD BAD);		   /* cut */
	expect_clean("\xf0\x9f\x98", BAD BAD BAD);	   /* cut */
}
END_TEST

START_TEST(a_character_cut_by_the_size_is_replaced)
{
	char *const clean = string_table_clean("a\xc3\xa9", 2);

	ck_assert_str_eq(clean, "a" BAD);
	free(clean);
}
END_TEST

START_TEST(long_strings_are_cut_after_a_whole_character)
{
	const size_t size = 3 * STRING_TABLE_LENGTH_MAX;
	char *const text = malloc(size + 1);
	char *clean;

	for (size_t i = 0; i < size; i += 3)
		memcpy(text + i, "\xe2\x82\xac", 3);
	text[size] = '\0';
	clean = string_table_clean(text, size);
	ck_assert_uint_le(strlen(clean), STRING_TABLE_LENGTH_MAX);
	ck_assert_uint_gt(strlen(clean), STRING_TABLE_LENGTH_MAX - 8);
	ck_assert_uint_eq(strlen(clean) % 3, 0);
	memset(text, 0xff, size);
	free(clean);
	clean = string_table_clean(text, size);
	ck_assert_uint_le(strlen(clean), STRING_TABLE_LENGTH_MAX);
	free(clean);
	free(text);
}
END_TEST

UNIT_MAIN(equal_strings_get_one_number, no_string_is_the_empty_string, good_characters_stay,
	  bad_bytes_are_replaced_one_by_one, a_character_cut_by_the_size_is_replaced,
	  long_strings_are_cut_after_a_whole_character)
