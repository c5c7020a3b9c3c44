/*
 * Amounts as people read them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/amount_text.h"

#include "tests/unit/unit.h"

static const struct snapshot_amount nothing;
static const struct snapshot_amount exact = {1536, 3, 3, 0, 0};
/* 1.96 * 2^20 / (100 * 2^20): an error of 1.96 %. */
static const struct snapshot_amount estimated = {100 << 20, 12345, 500, 0x1p40, 1e6};
static const struct snapshot_amount vague = {524288, 8192, 1, 524288.0 * 524288, 1e6};

START_TEST(an_exact_amount_has_no_error)
{
	ck_assert_str_eq(amount_text_bytes(&exact).text, "1.50 KiB");
	ck_assert_str_eq(amount_text_error(&exact).text, "");
	ck_assert_str_eq(amount_text_sentence(&exact).text, "1.50 KiB in 3 objects");
}
END_TEST

START_TEST(an_estimate_has_its_error)
{
	ck_assert_str_eq(amount_text_error(&estimated).text, "2.0 %");
	ck_assert_str_eq(amount_text_sentence(&estimated).text,
			 "100 MiB +/- 2.0 % in 12,345 objects");
}
END_TEST

START_TEST(a_small_error_is_not_called_zero)
{
	const struct snapshot_amount sure = {1 << 30, 1, 1, 1e9, 0};

	ck_assert_str_eq(amount_text_error(&sure).text, "<0.1 %");
}
END_TEST

START_TEST(a_vague_amount_has_its_number_of_samples)
{
	ck_assert_str_eq(amount_text_bytes(&vague).text, "~512 KiB");
	ck_assert_str_eq(amount_text_objects(&vague).text, "~8,192");
	ck_assert_str_eq(amount_text_error(&vague).text, "1 sample");
	ck_assert_str_eq(amount_text_sentence(&vague).text,
			 "~512 KiB in ~8,192 objects (only 1 sample)");
}
END_TEST

START_TEST(nothing_is_called_nothing)
{
	ck_assert_str_eq(amount_text_sentence(&nothing).text, "nothing");
	ck_assert_str_eq(amount_text_error(&nothing).text, "");
}
END_TEST

START_TEST(a_share_is_of_the_bytes)
{
	ck_assert_str_eq(amount_text_share(&exact, &estimated).text, "0.0 %");
	ck_assert_str_eq(amount_text_share(&exact, &exact).text, "100 %");
	ck_assert_str_eq(amount_text_share(&nothing, &nothing).text, "0.0 %");
}
END_TEST

START_TEST(one_object_is_singular)
{
	const struct snapshot_amount one = {10, 1, 1, 0, 0};

	ck_assert_str_eq(amount_text_sentence(&one).text, "10 B in 1 object");
}
END_TEST

START_TEST(the_largest_amounts_have_a_text)
{
	const struct snapshot_amount huge = {UINT64_MAX, UINT64_MAX, UINT64_MAX, 1e300, 1e300};

	ck_assert_uint_lt(strlen(amount_text_sentence(&huge).text), sizeof(struct amount_text) - 1);
	ck_assert_str_eq(amount_text_bytes(&huge).text, "~16.0 EiB");
}
END_TEST

UNIT_MAIN(an_exact_amount_has_no_error, an_estimate_has_its_error, a_small_error_is_not_called_zero,
	  a_vague_amount_has_its_number_of_samples, nothing_is_called_nothing,
	  a_share_is_of_the_bytes, one_object_is_singular, the_largest_amounts_have_a_text)
