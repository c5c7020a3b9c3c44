/*
 * The JSON writer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/json.h"

#include <math.h>
#include <stdlib.h>

#include "tests/unit/unit.h"

static char *text;
static size_t size;
static struct json json;

static void start(void)
{
	json_init(&json, open_memstream(&text, &size));
}

static void expect(const char *expected)
{
	ck_assert_int_eq(fclose(json.out), 0);
	ck_assert_str_eq(text, expected);
	free(text);
}

START_TEST(members_are_separated_by_commas)
{
	start();
	json_open_object(&json, NULL);
	json_unsigned(&json, "a", 1);
	json_bool(&json, "b", true);
	json_open_array(&json, "c");
	json_string(&json, NULL, "x");
	json_open_object(&json, NULL);
	json_close_object(&json);
	json_open_array(&json, NULL);
	json_close_array(&json);
	json_bool(&json, NULL, false);
	json_close_array(&json);
	json_number(&json, "d", 0.5);
	json_close_object(&json);
	expect("{\"a\":1,\"b\":true,\"c\":[\"x\",{},[],false],\"d\":0.5}\n");
}
END_TEST

START_TEST(strings_are_escaped_and_made_utf_8)
{
	start();
	json_string(&json, NULL, "a\"b\\c\n\x01\x7f \xc3\xa9 \xff");
	expect("\"a\\\"b\\\\c\\u000a\\u0001\\u007f \xc3\xa9 \xef\xbf\xbd\"\n");
}
END_TEST

START_TEST(keys_are_escaped_too)
{
	start();
	json_open_object(&json, NULL);
	json_unsigned(&json, "\"", 0);
	json_close_object(&json);
	expect("{\"\\\"\":0}\n");
}
END_TEST

START_TEST(large_numbers_keep_all_digits)
{
	start();
	json_unsigned(&json, NULL, UINT64_MAX);
	expect("18446744073709551615\n");
}
END_TEST

START_TEST(a_number_that_is_not_finite_is_null)
{
	start();
	json_open_array(&json, NULL);
	json_number(&json, NULL, INFINITY);
	json_number(&json, NULL, NAN);
	json_close_array(&json);
	expect("[null,null]\n");
}
END_TEST

UNIT_MAIN(members_are_separated_by_commas, strings_are_escaped_and_made_utf_8, keys_are_escaped_too,
	  large_numbers_keep_all_digits, a_number_that_is_not_finite_is_null)
