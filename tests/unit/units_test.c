/*
 * Amounts as people write them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/units.h"

#include <errno.h>

#include "tests/unit/unit.h"

#define K UINT64_C(1024)

START_TEST(bytes_take_powers_of_1024_in_every_spelling)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} cases[] = {
		{"0", 0},
		{"1", 1},
		{"512", 512},
		{"512B", 512},
		{"512K", 512 * K},
		{"512k", 512 * K},
		{"512KB", 512 * K},
		{"512KiB", 512 * K},
		{"512 KiB", 512 * K},
		{"1.5M", 1536 * K},
		{"0.5G", 512 * K * K},
		{"3T", 3 * K * K * K * K},
		{"18446744073709551615", UINT64_MAX},
		{"0.0000000000001T", 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t bytes = 77;

		ck_assert_msg(units_parse_bytes(cases[i].text, &bytes) == 0, "%s", cases[i].text);
		ck_assert_uint_eq(bytes, cases[i].bytes);
	}
}
END_TEST

START_TEST(what_is_no_amount_is_refused)
{
	static const char *const wrong[] = {"",	   " ",	  "K",	 "-1",	  "+1",	  "1X",
					    "1KK", "1K2", "abc", "1.2.3", "0x10", " 1"};
	uint64_t value;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_msg(units_parse_bytes(wrong[i], &value) == -EINVAL, "'%s'", wrong[i]);
		ck_assert_msg(units_parse_duration(wrong[i], &value) == -EINVAL, "'%s'", wrong[i]);
		ck_assert_msg(units_parse_count(wrong[i], &value) == -EINVAL, "'%s'", wrong[i]);
	}
	ck_assert_int_eq(units_parse_count("1K", &value), -EINVAL);
	ck_assert_int_eq(units_parse_count("1.5", &value), -EINVAL);
}
END_TEST

START_TEST(what_does_not_fit_is_out_of_range)
{
	uint64_t value;

	ck_assert_int_eq(units_parse_bytes("18446744073709551616", &value), -ERANGE);
	ck_assert_int_eq(units_parse_bytes("16777216T", &value), -ERANGE);
	ck_assert_int_eq(units_parse_bytes("16777215.9999999T", &value), 0);
	ck_assert_int_eq(units_parse_duration("99999999999d", &value), -ERANGE);
	ck_assert_int_eq(units_parse_count("99999999999999999999", &value), -ERANGE);
}
END_TEST

START_TEST(durations_need_a_unit)
{
	uint64_t ns;

	ck_assert_int_eq(units_parse_duration("10", &ns), -EINVAL);
	ck_assert_int_eq(units_parse_duration("10ms", &ns), 0);
	ck_assert_uint_eq(ns, 10000000);
	ck_assert_int_eq(units_parse_duration("1.5s", &ns), 0);
	ck_assert_uint_eq(ns, 1500000000);
	ck_assert_int_eq(units_parse_duration("2m", &ns), 0);
	ck_assert_uint_eq(ns, UINT64_C(120000000000));
	ck_assert_int_eq(units_parse_duration("1d", &ns), 0);
	ck_assert_uint_eq(ns, UINT64_C(86400000000000));
	ck_assert_int_eq(units_parse_duration("250us", &ns), 0);
	ck_assert_uint_eq(ns, 250000);
}
END_TEST

START_TEST(bytes_are_shown_with_three_digits)
{
	ck_assert_str_eq(units_format_bytes(0).text, "0 B");
	ck_assert_str_eq(units_format_bytes(1023).text, "1023 B");
	ck_assert_str_eq(units_format_bytes(1024).text, "1.00 KiB");
	ck_assert_str_eq(units_format_bytes(1536).text, "1.50 KiB");
	ck_assert_str_eq(units_format_bytes(12345).text, "12.1 KiB");
	ck_assert_str_eq(units_format_bytes(512 * K).text, "512 KiB");
	ck_assert_str_eq(units_format_bytes(K * K - 1).text, "1.00 MiB");
	ck_assert_str_eq(units_format_bytes(9995 * K * K / 1000).text, "9.99 MiB");
	ck_assert_str_eq(units_format_bytes(UINT64_MAX).text, "16.0 EiB");
}
END_TEST

START_TEST(counts_are_exact_up_to_ten_millions)
{
	ck_assert_str_eq(units_format_count(0).text, "0");
	ck_assert_str_eq(units_format_count(999).text, "999");
	ck_assert_str_eq(units_format_count(1000).text, "1,000");
	ck_assert_str_eq(units_format_count(12345).text, "12,345");
	ck_assert_str_eq(units_format_count(9999999).text, "9,999,999");
	ck_assert_str_eq(units_format_count(10000000).text, "10.0 M");
	ck_assert_str_eq(units_format_count(999600000).text, "1.00 G");
	ck_assert_str_eq(units_format_count(UINT64_MAX).text, "18447 P");
}
END_TEST

START_TEST(durations_are_shown_in_the_unit_that_fits)
{
	ck_assert_str_eq(units_format_duration(0).text, "0 ns");
	ck_assert_str_eq(units_format_duration(999).text, "999 ns");
	ck_assert_str_eq(units_format_duration(1500).text, "1.50 us");
	ck_assert_str_eq(units_format_duration(999500).text, "1.00 ms");
	ck_assert_str_eq(units_format_duration(15300000).text, "15.3 ms");
	ck_assert_str_eq(units_format_duration(UINT64_C(59900000000)).text, "59.9 s");
	ck_assert_str_eq(units_format_duration(UINT64_C(200000000000)).text, "3 min 20 s");
	ck_assert_str_eq(units_format_duration(UINT64_C(7500000000000)).text, "2 h 5 min");
	ck_assert_str_eq(units_format_duration(UINT64_C(273600000000000)).text, "3 d 4 h");
}
END_TEST

START_TEST(a_setting_is_shown_as_it_is_read)
{
	static const uint64_t values[] = {0,	     1,		1000,	       1024,	  512 * K,
					  K * K + 1, 3 * K * K, K * K * K * K, UINT64_MAX};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		uint64_t back;

		ck_assert_int_eq(units_parse_bytes(units_format_setting(values[i]).text, &back), 0);
		ck_assert_uint_eq(back, values[i]);
	}
	ck_assert_str_eq(units_format_setting(512 * K).text, "512K");
}
END_TEST

START_TEST(shares_are_shown_as_percent)
{
	ck_assert_str_eq(units_format_percent(0).text, "0.0 %");
	ck_assert_str_eq(units_format_percent(0.1234).text, "12.3 %");
	ck_assert_str_eq(units_format_percent(0.9999).text, "100 %");
	ck_assert_str_eq(units_format_percent(2.5).text, "250 %");
}
END_TEST

UNIT_MAIN(bytes_take_powers_of_1024_in_every_spelling, what_is_no_amount_is_refused,
	  what_does_not_fit_is_out_of_range, durations_need_a_unit,
	  bytes_are_shown_with_three_digits, counts_are_exact_up_to_ten_millions,
	  durations_are_shown_in_the_unit_that_fits, a_setting_is_shown_as_it_is_read,
	  shares_are_shown_as_percent)
