/*
 * The library's settings from the environment.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "interpose/environment.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static struct settings read_with(const char *name, const char *value)
{
	struct settings settings;

	setenv(name, value, 1);
	environment_read(&settings);
	unsetenv(name);
	return settings;
}

START_TEST(nothing_set_gives_the_defaults)
{
	struct settings settings;

	environment_read(&settings);
	ck_assert_uint_eq(settings.interval, 512 << 10);
	ck_assert_uint_eq(settings.budget, 0);
	ck_assert_uint_eq(settings.depth, 64);
	ck_assert_int_eq(settings.unwinder, SEGMENT_UNWIND_TABLES);
	ck_assert_int_eq(settings.start, SEGMENT_ON);
	ck_assert_uint_eq(settings.seed, 0);
	ck_assert_str_eq(settings.dir, "");
	ck_assert_str_eq(settings.run_id, "");
	ck_assert_str_eq(settings.bad_option, "");
}
END_TEST

START_TEST(sizes_have_units)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} sizes[] = {
		{"1", 1},
		{"100", 100},
		{"64K", 64 << 10},
		{"64k", 64 << 10},
		{"3M", 3 << 20},
		{"2G", UINT64_C(2) << 30},
		{"1T", UINT64_C(1) << 40},
		{"1099511627776", UINT64_C(1) << 40},
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const struct settings settings = read_with("HEAPTIDE_INTERVAL", sizes[i].text);

		ck_assert_uint_eq(settings.interval, sizes[i].bytes);
		ck_assert_str_eq(settings.bad_option, "");
	}
}
END_TEST

START_TEST(a_bad_size_leaves_the_default_and_a_sentence)
{
	static const char *const bad[] = {
		"0",
		"x",
		"-1",
		"1.5M",
		"12Q",
		"1MM",
		"K",
		" 1",
		"2T",
		"0x10",
		"64K ",
		"auto",
		"99999999999999999999",
		"18446744073709551616",
		"17592186044417T",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct settings settings = read_with("HEAPTIDE_INTERVAL", bad[i]);

		ck_assert_uint_eq(settings.interval, 512 << 10);
		ck_assert_ptr_nonnull(strstr(settings.bad_option, "HEAPTIDE_INTERVAL="));
		ck_assert_ptr_nonnull(strstr(settings.bad_option, bad[i]));
	}
}
END_TEST

START_TEST(the_sentence_says_what_would_be_right)
{
	ck_assert_str_eq(read_with("HEAPTIDE_DEPTH", "1000").bad_option,
			 "HEAPTIDE_DEPTH=1000 is not understood: it takes N from 1 to 512; "
			 "the default is used");
	ck_assert_str_eq(read_with("HEAPTIDE_UNWINDER", "magic").bad_option,
			 "HEAPTIDE_UNWINDER=magic is not understood: it takes "
			 "tables|fp|libunwind; the default is used");
}
END_TEST

START_TEST(the_first_bad_value_is_the_one_that_is_told)
{
	struct settings settings;

	setenv("HEAPTIDE_SEED", "x", 1);
	setenv("HEAPTIDE_START", "y", 1);
	environment_read(&settings);
	ck_assert_ptr_nonnull(strstr(settings.bad_option, "HEAPTIDE_START=y"));
	ck_assert_ptr_null(strstr(settings.bad_option, "HEAPTIDE_SEED"));
}
END_TEST

START_TEST(an_endless_value_is_cut_in_the_sentence)
{
	char endless[5000];

	memset(endless, 'z', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = '\0';
	const struct settings settings = read_with("HEAPTIDE_INTERVAL", endless);

	ck_assert_uint_lt(strlen(settings.bad_option), sizeof(settings.bad_option));
	ck_assert_ptr_nonnull(strstr(settings.bad_option, "the default is used"));
}
END_TEST

START_TEST(an_empty_value_is_none)
{
	const struct settings settings = read_with("HEAPTIDE_INTERVAL", "");

	ck_assert_uint_eq(settings.interval, 512 << 10);
	ck_assert_str_eq(settings.bad_option, "");
}
END_TEST

START_TEST(words_are_understood)
{
	ck_assert_int_eq(read_with("HEAPTIDE_UNWINDER", "fp").unwinder, SEGMENT_UNWIND_FP);
	ck_assert_int_eq(read_with("HEAPTIDE_UNWINDER", "libunwind").unwinder,
			 SEGMENT_UNWIND_LIBUNWIND);
	ck_assert_int_eq(read_with("HEAPTIDE_START", "off").start, SEGMENT_OFF);
	ck_assert_str_ne(read_with("HEAPTIDE_START", "of").bad_option, "");
	ck_assert_str_ne(read_with("HEAPTIDE_START", "off|on").bad_option, "");
	ck_assert_str_ne(read_with("HEAPTIDE_START", "offf").bad_option, "");
}
END_TEST

START_TEST(the_budget_may_be_left_to_the_interval)
{
	ck_assert_uint_eq(read_with("HEAPTIDE_BUDGET", "auto").budget, 0);
	ck_assert_uint_eq(read_with("HEAPTIDE_BUDGET", "64M").budget, 64 << 20);
	ck_assert_uint_eq(read_with("HEAPTIDE_BUDGET", "4K").budget, 0);
	ck_assert_str_ne(read_with("HEAPTIDE_BUDGET", "4K").bad_option, "");
}
END_TEST

START_TEST(a_directory_is_taken_whole_or_not_at_all)
{
	char path[300] = "/";

	ck_assert_str_eq(read_with("HEAPTIDE_DIR", "/tmp/some where").dir, "/tmp/some where");
	memset(path + 1, 'd', sizeof(path) - 2);
	const struct settings settings = read_with("HEAPTIDE_DIR", path);

	ck_assert_str_eq(settings.dir, "");
	ck_assert_ptr_nonnull(strstr(settings.bad_option, "HEAPTIDE_DIR=/ddd"));
	ck_assert_ptr_nonnull(strstr(settings.bad_option, "at most 255 bytes"));
}
END_TEST

UNIT_MAIN(nothing_set_gives_the_defaults, sizes_have_units,
	  a_bad_size_leaves_the_default_and_a_sentence, the_sentence_says_what_would_be_right,
	  the_first_bad_value_is_the_one_that_is_told, an_endless_value_is_cut_in_the_sentence,
	  an_empty_value_is_none, words_are_understood, the_budget_may_be_left_to_the_interval,
	  a_directory_is_taken_whole_or_not_at_all)
