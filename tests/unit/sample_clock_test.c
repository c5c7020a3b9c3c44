/*
 * The gaps are exponential and the weights undo the sampling.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/sample_clock.h"

#include <math.h>
#include <stdlib.h>

#include "sampler/segment_layout.h"
#include "tests/unit/unit.h"

#define KIB UINT64_C(1024)

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Anderson and Darling, Ann. Math. Stat. 23 (1952), for a distribution that is
 * known completely; 3.857 is exceeded by chance in 1 % of the cases. */
static double anderson_darling(double *u, int n)
{
	double sum = 0;

	qsort(u, n, sizeof(*u), compare);
	for (int i = 0; i < n; i++)
		sum += (2 * i + 1) * (log(u[i]) + log1p(-u[n - 1 - i]));
	return -n - sum / n;
}

START_TEST(gaps_are_exponential)
{
	enum { N = 20000 };
	static const uint64_t intervals[] = {64 * KIB, 512 * KIB, KIB * KIB * KIB};
	uint64_t random = 42;
	static double u[N];

	for (unsigned t = 0; t < sizeof(intervals) / sizeof(intervals[0]); t++) {
		for (int i = 0; i < N; i++) {
			const double gap = (double)sample_clock_draw(&random, intervals[t]) - 0.5;

			u[i] = -expm1(-gap / (double)intervals[t]);
		}
		ck_assert_double_lt(anderson_darling(u, N), 3.857);
	}
}
END_TEST

START_TEST(a_gap_is_at_least_one_byte)
{
	uint64_t random = 7;

	for (int i = 0; i < 100000; i++)
		UNIT_CHECK(sample_clock_draw(&random, 2) >= 1);
}
END_TEST

START_TEST(exact_mode_weighs_every_block_as_itself)
{
	static const uint64_t sizes[] = {0, 1, 64, 1 << 20, UINT64_C(1) << 62};

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const struct sample_weight weight = sample_clock_weight(sizes[i], 1);

		ck_assert_uint_eq(weight.bytes, sizes[i]);
		ck_assert_uint_eq(weight.objects, SEGMENT_ONE_OBJECT);
	}
}
END_TEST

START_TEST(a_weight_is_one_over_the_probability)
{
	for (uint64_t size = 1; size < UINT64_C(1) << 34; size = size * 3 + 1) {
		const double p = -expm1(-(double)size / (512.0 * 1024));
		const struct sample_weight weight = sample_clock_weight(size, 512 * KIB);

		ck_assert_double_le(fabs((double)weight.objects / SEGMENT_ONE_OBJECT * p - 1),
				    1e-5);
		ck_assert_double_le(fabs((double)weight.bytes * p / (double)size - 1), 1e-5);
		ck_assert_uint_ge(weight.objects, SEGMENT_ONE_OBJECT);
	}
}
END_TEST

/* Draws the samples of `count` blocks of `size` and returns the estimated bytes. */
static double estimate(uint64_t *random, uint64_t size, uint64_t count, uint64_t interval)
{
	const struct sample_weight weight = sample_clock_weight(size, interval);
	uint64_t gap = sample_clock_draw(random, interval);
	double bytes = 0;

	for (uint64_t i = 0; i < count; i++) {
		if (size < gap) {
			gap -= size;
			continue;
		}
		bytes += (double)weight.bytes;
		gap = sample_clock_draw(random, interval);
	}
	return bytes;
}

START_TEST(equal_bytes_in_small_and_large_blocks_come_out_equal)
{
	enum { RUNS = 200 };
	const uint64_t total = 64 * KIB * KIB;
	uint64_t random = 3;
	double small = 0, large = 0;

	for (int run = 0; run < RUNS; run++) {
		small += estimate(&random, 64, total / 64, 512 * KIB) / (double)total / RUNS;
		large += estimate(&random, 64 * KIB, total / (64 * KIB), 512 * KIB) /
			 (double)total / RUNS;
	}
	/* One run's relative error is sqrt(T / M) = 1 / sqrt(128); three standard errors. */
	ck_assert_double_le(fabs(small - 1), 3 / sqrt(128.0 * RUNS));
	ck_assert_double_le(fabs(large - 1), 3 / sqrt(128.0 * RUNS));
}
END_TEST

START_TEST(the_clock_expires_at_its_last_byte)
{
	thread_state.countdown = 100;
	ck_assert(!sample_clock_expires(99));
	ck_assert(sample_clock_expires(1));
	ck_assert_uint_eq(thread_state.countdown, 0);
	ck_assert(sample_clock_expires(0));
	thread_state.countdown = 5;
	ck_assert(!sample_clock_expires(0));
	ck_assert(sample_clock_expires(SIZE_MAX));
}
END_TEST

UNIT_MAIN(gaps_are_exponential, a_gap_is_at_least_one_byte, exact_mode_weighs_every_block_as_itself,
	  a_weight_is_one_over_the_probability,
	  equal_bytes_in_small_and_large_blocks_come_out_equal, the_clock_expires_at_its_last_byte)
