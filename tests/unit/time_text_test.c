/*
 * Times as people write them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/time_text.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "tests/unit/unit.h"

#define SECOND UINT64_C(1000000000)
/* 2026-01-01 00:00 UTC, a moment later. */
#define YEAR_S UINT64_C(1767225600)
#define NOW_NS (YEAR_S * SECOND + 5)

/* In seconds since the year's begin; -1 when it is not taken. */
static int64_t parse(const char *text)
{
	uint64_t time_ns;

	setenv("TZ", "CET-1", 1);
	tzset();
	if (time_text_parse(text, NOW_NS, &time_ns) != 0)
		return INT64_MIN;
	return (int64_t)(time_ns / SECOND) - (int64_t)YEAR_S;
}

START_TEST(a_time_ago_is_counted_from_now)
{
	ck_assert_int_eq(parse("now"), 0);
	ck_assert_int_eq(parse("10 min ago"), -600);
	ck_assert_int_eq(parse("1 minute ago"), -60);
	ck_assert_int_eq(parse("2 hours ago"), -7200);
	ck_assert_int_eq(parse("2 Hours 30 min ago"), -9000);
	ck_assert_int_eq(parse("1.5h ago"), -5400);
	ck_assert_int_eq(parse("-1h"), -3600);
	ck_assert_int_eq(parse("-1h30m"), -5400);
	ck_assert_int_eq(parse("-90s"), -90);
	ck_assert_int_eq(parse("3 days ago"), -3 * 86400);
	ck_assert_int_eq(parse("1 week ago"), -7 * 86400);
}
END_TEST

START_TEST(a_date_is_of_this_place_unless_it_says_utc)
{
	ck_assert_int_eq(parse("2026-01-02 05:00"), 86400 + 4 * 3600);
	ck_assert_int_eq(parse("2026-01-02T05:00:07"), 86400 + 4 * 3600 + 7);
	ck_assert_int_eq(parse("2026-01-02 05:00Z"), 86400 + 5 * 3600);
	ck_assert_int_eq(parse("2026-01-02"), 86400 - 3600);
	ck_assert_int_eq(parse("@1767225601"), 1);
}
END_TEST

/* It is one o'clock in the night, there. */
START_TEST(a_time_alone_is_the_last_such_time)
{
	ck_assert_int_eq(parse("00:30"), -1800);
	ck_assert_int_eq(parse("01:00"), 0);
	ck_assert_int_eq(parse("02:00"), 3600 - 86400);
	ck_assert_int_eq(parse("00:59:59"), -1);
}
END_TEST

START_TEST(what_is_no_time_is_refused)
{
	static const char *const wrong[] = {
		"",	    "ago",	   "10",   "10 min",  "min ago",    "10 eggs ago",
		"tomorrow", "2026-13-01",  "-",	   "1h",      "2026-11-31", "2026-01-01 25:00",
		"@",	    "10 min ago!", "--1h", "-1h ago", "nan min ago"};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(parse(wrong[i]) == INT64_MIN, "%s", wrong[i]);
}
END_TEST

START_TEST(a_time_before_1970_is_out_of_range)
{
	uint64_t time_ns;

	ck_assert_int_eq(time_text_parse("-3000w", NOW_NS, &time_ns), -ERANGE);
	ck_assert_int_eq(time_text_parse("1e300 days ago", NOW_NS, &time_ns), -ERANGE);
	ck_assert_int_eq(time_text_parse("@99999999999999", NOW_NS, &time_ns), -ERANGE);
}
END_TEST

START_TEST(a_time_is_shown_as_it_can_be_written)
{
	parse("now");
	ck_assert_int_eq(parse(time_text_format(NOW_NS).text), 0);
	ck_assert_str_eq(time_text_format(NOW_NS).text, "2026-01-01 01:00:00");
}
END_TEST

UNIT_MAIN(a_time_ago_is_counted_from_now, a_date_is_of_this_place_unless_it_says_utc,
	  a_time_alone_is_the_last_such_time, what_is_no_time_is_refused,
	  a_time_before_1970_is_out_of_range, a_time_is_shown_as_it_can_be_written)
