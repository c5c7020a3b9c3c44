/*
 * Sums of estimated amounts and their errors.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "leakcheck/amount.h"

#include <math.h>

#include "tests/unit/unit.h"

START_TEST(a_sum_adds_every_part)
{
	struct snapshot_amount sum = {1, 2, 3, 4, 5};

	amount_add(&sum, &(struct snapshot_amount){10, 20, 30, 40, 50});
	ck_assert_uint_eq(sum.bytes, 11);
	ck_assert_uint_eq(sum.objects, 22);
	ck_assert_uint_eq(sum.samples, 33);
	ck_assert_double_eq(sum.bytes_variance, 44);
	ck_assert_double_eq(sum.objects_variance, 55);
}
END_TEST

START_TEST(a_sum_too_large_stays_at_the_largest_number)
{
	struct snapshot_amount sum = {UINT64_MAX - 1, UINT64_MAX, 7, 0, 0};
	struct amount_sum unrounded = {.bytes = UINT64_MAX, .objects = 0x1p80};

	amount_add(&sum, &(struct snapshot_amount){2, 1, 1, 0, 0});
	ck_assert_uint_eq(sum.bytes, UINT64_MAX);
	ck_assert_uint_eq(sum.objects, UINT64_MAX);
	ck_assert_uint_eq(sum.samples, 8);
	amount_add_group(&unrounded, 1, 1, 1);
	ck_assert_uint_eq(amount_round(&unrounded).bytes, UINT64_MAX);
	ck_assert_uint_eq(amount_round(&unrounded).objects, UINT64_MAX);
}
END_TEST

START_TEST(a_block_has_the_variance_of_its_weight)
{
	/* Size 100 taken with p = 1/4 stands for 400 bytes and 4 objects. */
	struct snapshot_block block = {.size = 100, .bytes = 400, .objects = 4};
	struct amount_sum sum = {0};

	amount_add_block(&sum, &block);
	amount_add_block(&sum, &block);
	ck_assert_uint_eq(sum.bytes, 800);
	ck_assert_uint_eq(sum.samples, 2);
	ck_assert_double_eq(sum.bytes_variance, 2 * 400.0 * 400.0 * 0.75);
	ck_assert_double_eq(sum.objects_variance, 2 * 4.0 * 4.0 * 0.75);
}
END_TEST

START_TEST(a_group_of_equal_blocks_has_the_variance_of_the_blocks)
{
	struct snapshot_block block = {.size = 100, .bytes = 400, .objects = 4};
	struct amount_sum one_by_one = {0}, together = {0};
	int i;

	for (i = 0; i < 10; i++)
		amount_add_block(&one_by_one, &block);
	amount_add_group(&together, 10, 4000, 40);
	ck_assert_double_eq_tol(one_by_one.bytes_variance, together.bytes_variance, 1e-6);
	ck_assert_double_eq_tol(one_by_one.objects_variance, together.objects_variance, 1e-6);
}
END_TEST

START_TEST(what_was_recorded_completely_is_exact)
{
	struct amount_sum sum = {0};
	struct snapshot_amount amount;

	amount_add_group(&sum, 1000, 64000, 1000);
	amount = amount_round(&sum);
	ck_assert(!amount_is_vague(&amount));
	ck_assert_double_eq(amount_bytes_error(&amount), 0);
	ck_assert_double_eq(amount_objects_error(&amount), 0);
}
END_TEST

START_TEST(nothing_is_exact_and_not_vague)
{
	struct amount_sum sum = {0};
	struct snapshot_amount amount;

	amount_add_group(&sum, 0, 0, 0);
	amount = amount_round(&sum);
	ck_assert_double_eq(amount_bytes_error(&amount), 0);
	ck_assert(!amount_is_vague(&amount));
}
END_TEST

START_TEST(the_error_is_1_96_standard_deviations)
{
	struct snapshot_amount amount = {1000, 10, 5, 10000, 4};

	ck_assert_double_eq_tol(amount_bytes_error(&amount), 196, 1e-9);
	ck_assert_double_eq_tol(amount_objects_error(&amount), 3.92, 1e-9);
}
END_TEST

START_TEST(ten_small_samples_are_vague_and_eleven_are_not)
{
	struct amount_sum ten = {0}, eleven = {0};
	struct snapshot_amount amount;

	/* 64-byte blocks at an interval of 512 KiB: p is close to 1/8192. */
	amount_add_group(&ten, 10, 10 * 524288, 10 * 8192);
	amount_add_group(&eleven, 11, 11 * 524288, 11 * 8192);
	amount = amount_round(&ten);
	ck_assert(amount_is_vague(&amount));
	amount = amount_round(&eleven);
	ck_assert(!amount_is_vague(&amount));
}
END_TEST

START_TEST(objects_are_rounded_once_when_all_are_added)
{
	struct amount_sum sum = {0};
	int i;

	for (i = 0; i < 10; i++)
		amount_add_group(&sum, 1, 100, 1.25);
	ck_assert_uint_eq(amount_round(&sum).objects, 13);
}
END_TEST

START_TEST(more_bytes_come_first_then_more_objects_then_more_samples)
{
	struct snapshot_amount a = {2, 1, 1, 0, 0}, b = {1, 9, 9, 0, 0};
	struct snapshot_amount c = {1, 8, 10, 0, 0}, d = {1, 8, 9, 0, 0};

	ck_assert_int_lt(amount_compare(&a, &b), 0);
	ck_assert_int_lt(amount_compare(&b, &c), 0);
	ck_assert_int_lt(amount_compare(&c, &d), 0);
	ck_assert_int_gt(amount_compare(&d, &a), 0);
	ck_assert_int_eq(amount_compare(&a, &a), 0);
}
END_TEST

/* The same blocks once one by one, once from their sums. */
static void compare_guess(uint64_t size, unsigned samples, uint64_t interval)
{
	const double inverse = 1 / -expm1(-(double)size / (double)interval);
	struct amount_sum sum = {0};
	struct snapshot_amount guess;
	unsigned i;

	for (i = 0; i < samples; i++)
		amount_add_group(&sum, 1, (uint64_t)((double)size * inverse + 0.5), inverse);
	guess = amount_guess(sum.bytes, amount_round(&sum).objects, interval);
	ck_assert_uint_eq(guess.samples, samples);
	ck_assert_double_eq_tol(guess.bytes_variance / sum.bytes_variance, 1, 0.02);
	ck_assert_double_eq_tol(guess.objects_variance / sum.objects_variance, 1, 0.02);
}

START_TEST(samples_and_variances_can_be_guessed_from_the_sums)
{
	compare_guess(64, 30, 524288);
	compare_guess(65536, 30, 524288);
	compare_guess(524288, 100, 524288);
	compare_guess(64, 5, 4096);
}
END_TEST

START_TEST(where_every_allocation_is_recorded_the_guess_is_exact)
{
	const struct snapshot_amount guess = amount_guess(1000, 10, 1);

	ck_assert_uint_eq(guess.samples, 10);
	ck_assert_double_eq(guess.bytes_variance, 0);
	ck_assert_double_eq(amount_guess(1000, 10, 0).bytes_variance, 0);
	ck_assert_uint_eq(amount_guess(0, 0, 512).samples, 0);
	ck_assert_uint_eq(amount_guess(UINT64_C(1) << 40, 1, 512).samples, 1);
}
END_TEST

START_TEST(less_than_half_an_object_is_a_sample_all_the_same)
{
	const struct snapshot_amount guess = amount_guess(5000, 0, 524288);

	ck_assert_uint_eq(guess.samples, 1);
	ck_assert(amount_is_vague(&guess));
}
END_TEST

UNIT_MAIN(a_sum_adds_every_part, a_sum_too_large_stays_at_the_largest_number,
	  a_block_has_the_variance_of_its_weight,
	  a_group_of_equal_blocks_has_the_variance_of_the_blocks,
	  what_was_recorded_completely_is_exact, nothing_is_exact_and_not_vague,
	  the_error_is_1_96_standard_deviations, ten_small_samples_are_vague_and_eleven_are_not,
	  objects_are_rounded_once_when_all_are_added,
	  samples_and_variances_can_be_guessed_from_the_sums,
	  where_every_allocation_is_recorded_the_guess_is_exact,
	  less_than_half_an_object_is_a_sample_all_the_same,
	  more_bytes_come_first_then_more_objects_then_more_samples)
