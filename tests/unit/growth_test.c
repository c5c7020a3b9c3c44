/*
 * What has changed between two groupings, and how sure that is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "leakcheck/growth.h"

#include "tests/unit/unit.h"

static struct snapshot_amount bytes(uint64_t n)
{
	return (struct snapshot_amount){.bytes = n, .objects = n / 10, .samples = 1};
}

static struct grouping_row row(uint32_t key, uint64_t n)
{
	return (struct grouping_row){.key = key, .flat = bytes(n), .cumulative = bytes(n)};
}

START_TEST(rows_of_one_name_are_joined_and_the_largest_change_comes_first)
{
	struct grouping_row before_rows[] = {row(7, 100), row(2, 500), row(5, 40)};
	struct grouping_row after_rows[] = {row(2, 100), row(9, 50), row(7, 130)};
	const struct grouping before = {before_rows, 3, bytes(640)};
	const struct grouping after = {after_rows, 3, bytes(280)};
	struct growth growth;

	ck_assert_int_eq(growth_fill(&growth, &before, &after), 0);
	ck_assert_uint_eq(growth.count, 4);
	ck_assert_uint_eq(growth.rows[0].key, 2);
	ck_assert_double_eq(growth_bytes(&growth.rows[0].flat), -400);
	ck_assert_double_eq(growth_objects(&growth.rows[0].flat), -40);
	ck_assert_uint_eq(growth.rows[1].key, 9);
	ck_assert_uint_eq(growth.rows[1].flat.before.bytes, 0);
	ck_assert_double_eq(growth_bytes(&growth.rows[1].flat), 50);
	ck_assert_uint_eq(growth.rows[2].key, 5);
	ck_assert_double_eq(growth_bytes(&growth.rows[2].flat), -40);
	ck_assert_uint_eq(growth.rows[3].key, 7);
	ck_assert_double_eq(growth_bytes(&growth.rows[3].flat), 30);
	ck_assert_double_eq(growth_bytes(&growth.total), -360);
	growth_free(&growth);
}
END_TEST

START_TEST(what_has_not_changed_is_left_out)
{
	struct grouping_row rows[] = {row(1, 100), row(2, 50)};
	const struct grouping same = {rows, 2, bytes(150)}, nothing = {0};
	struct growth growth;

	ck_assert_int_eq(growth_fill(&growth, &same, &same), 0);
	ck_assert_uint_eq(growth.count, 0);
	growth_free(&growth);
	ck_assert_int_eq(growth_fill(&growth, &nothing, &nothing), 0);
	ck_assert_uint_eq(growth.count, 0);
	growth_free(&growth);
}
END_TEST

static enum growth_certainty certainty(uint64_t before, uint64_t after, double variance)
{
	struct growth_amount amount = {bytes(before), bytes(after)};

	amount.before.bytes_variance = amount.after.bytes_variance = variance / 2;
	return growth_certainty(&amount);
}

START_TEST(a_change_is_sure_beyond_its_error_only)
{
	ck_assert_int_eq(certainty(1000, 1190, 100 * 100), GROWTH_WITHIN_ERROR);
	ck_assert_int_eq(certainty(1000, 1200, 100 * 100), GROWTH_LIKELY);
	ck_assert_int_eq(certainty(1000, 1320, 100 * 100), GROWTH_LIKELY);
	ck_assert_int_eq(certainty(1000, 1340, 100 * 100), GROWTH_SURE);
	ck_assert_int_eq(certainty(1340, 1000, 100 * 100), GROWTH_SURE);
	ck_assert_int_eq(certainty(1000, 1001, 0), GROWTH_SURE);
	ck_assert_int_eq(certainty(1000, 1000, 0), GROWTH_WITHIN_ERROR);
}
END_TEST

START_TEST(the_error_of_a_change_has_both_variances)
{
	struct growth_amount amount = {bytes(10), bytes(20)};

	amount.before.bytes_variance = 9;
	amount.after.bytes_variance = 16;
	ck_assert_double_eq_tol(growth_bytes_error(&amount), 1.96 * 5, 1e-9);
}
END_TEST

UNIT_MAIN(rows_of_one_name_are_joined_and_the_largest_change_comes_first,
	  what_has_not_changed_is_left_out, a_change_is_sure_beyond_its_error_only,
	  the_error_of_a_change_has_both_variances)
