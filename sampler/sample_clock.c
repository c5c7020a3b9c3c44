/*
 * The arithmetic of sampling: gaps and weights.
 *
 * Context: pure but for the caller's generator; any thread, signal handlers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/sample_clock.h"

#include "sampler/exponential.h"
#include "sampler/segment_layout.h"

uint64_t sample_clock_random(uint64_t *random)
{
	uint64_t z = *random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* A gap is -T ln(u), u uniform in (0, 1) with all 53 bits of a double: the
 * inverse of the exponential distribution. */
uint64_t sample_clock_draw(uint64_t *random, uint64_t interval)
{
	const double u = ((sample_clock_random(random) >> 11) + 0.5) * 0x1p-53;
	const double gap = -exponential_log(u) * (double)interval;

	return (uint64_t)gap + 1;
}

double sample_clock_inverse_probability(uint64_t size, uint64_t interval)
{
	if (interval <= 1)
		return 1;
	/* malloc(0) still takes a chunk of memory: it is never met by a clock
	 * that counts bytes, so its weight does not arise. */
	return 1 / exponential_distribution((double)size / (double)interval);
}

struct sample_weight sample_clock_weight(uint64_t size, uint64_t interval)
{
	const double inverse = sample_clock_inverse_probability(size, interval);

	/* Beyond p = 1 - 2^-53 the weight is one; sizes stay exact there. */
	if (inverse == 1)
		return (struct sample_weight){.bytes = size, .objects = SEGMENT_ONE_OBJECT};
	return (struct sample_weight){
		.bytes = (uint64_t)((double)size * inverse + 0.5),
		.objects = (uint64_t)(inverse * (double)SEGMENT_ONE_OBJECT + 0.5),
	};
}
