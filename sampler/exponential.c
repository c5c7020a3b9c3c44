/*
 * log and 1 - exp(-x) by argument reduction and series.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/exponential.h"

#include <stdint.h>
#include <string.h>

/* ln 2 in two parts: the first has its low bits zero, so that k * LN2_HIGH is
 * exact for |k| < 2^11. */
static const double LN2_HIGH = 0x1.62e42fefa3800p-1;
static const double LN2_LOW = 0x1.ef35793c76730p-45;

static double from_bits(uint64_t bits)
{
	double x;

	memcpy(&x, &bits, sizeof(x));
	return x;
}

/*
 * x = 2^k m with m in [sqrt(1/2), sqrt(2)); ln m = 2 artanh(z), z = (m-1)/(m+1),
 * |z| < 0.172; artanh by its Taylor series (Abramowitz and Stegun, 4.6.33).
 */
double exponential_log(double x)
{
	uint64_t bits;

	memcpy(&bits, &x, sizeof(bits));
	int k = (int)(bits >> 52) - 1023;
	double m = from_bits((bits & ((UINT64_C(1) << 52) - 1)) | (UINT64_C(1023) << 52));
	if (m > 0x1.6a09e667f3bcdp0) {
		m /= 2;
		k++;
	}
	const double z = (m - 1) / (m + 1);
	const double z2 = z * z;
	double series = 0;

	for (int n = 21; n >= 3; n -= 2)
		series = z2 * (1.0 / n + series);
	return k * LN2_HIGH + (2 * z + (2 * z * series + k * LN2_LOW));
}

/*
 * Small x: the Taylor series of 1 - exp(-x). Else exp(-x) = 2^-k exp(-r) with
 * 0 <= r < ln 2, halved four times so that few terms suffice.
 */
double exponential_distribution(double x)
{
	if (x > 745)
		return 1; /* exp(-x) is below every double */
	const int k = (int)(x / 0x1.62e42fefa39efp-1);
	const double r = ((x - k * LN2_HIGH) - k * LN2_LOW) / 16;
	double small = 0; /* 1 - exp(-r), r < 0.0434 */

	for (int n = 10; n >= 1; n--)
		small = r / n * (1 - small);
	/* 1 - (1 - a)^2 = a (2 - a), four times. */
	for (int i = 0; i < 4; i++)
		small *= 2 - small;
	if (k == 0)
		return small;
	return 1 - (1 - small) * (k < 1023 ? from_bits((uint64_t)(1023 - k) << 52) : 0);
}
