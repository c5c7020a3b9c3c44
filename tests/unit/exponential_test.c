/*
 * log and 1 - exp(-x) against the mathematics library.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/exponential.h"

#include <math.h>

#include "tests/unit/unit.h"

START_TEST(log_is_that_of_libm)
{
	for (double x = 1e-17; x < 1e6; x *= 1.0003)
		UNIT_CHECK(fabs(exponential_log(x) - log(x)) <= 1e-15 * fabs(log(x)) + 1e-18);
	ck_assert_double_eq(exponential_log(1), 0);
}
END_TEST

START_TEST(distribution_is_that_of_libm)
{
	for (double x = 1e-15; x < 800; x *= 1.0003)
		UNIT_CHECK(fabs(exponential_distribution(x) / -expm1(-x) - 1) <= 1e-15);
}
END_TEST

START_TEST(distribution_runs_from_zero_to_one)
{
	ck_assert_double_eq(exponential_distribution(0), 0);
	ck_assert_double_eq(exponential_distribution(1e9), 1);
}
END_TEST

UNIT_MAIN(log_is_that_of_libm, distribution_is_that_of_libm, distribution_runs_from_zero_to_one)
