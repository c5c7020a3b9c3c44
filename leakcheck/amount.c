/*
 * Sums of estimated amounts and their errors. Separate from the views because
 * every view adds up in the same way.
 *
 * Context: pure functions.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "leakcheck/amount.h"

#include <math.h>

/* The normal distribution's 97.5 % point: 95 % lie within it on both sides. */
#define CONFIDENCE_95 1.96
#define VAGUE_ERROR 0.6

static uint64_t add_saturating(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t round_objects(double objects)
{
	return objects >= 0x1p64 ? UINT64_MAX : (uint64_t)(objects + 0.5);
}

static int compare(uint64_t a, uint64_t b)
{
	return (a < b) - (a > b);
}

void amount_add_block(struct amount_sum *sum, const struct snapshot_block *block)
{
	amount_add_group(sum, 1, block->bytes, block->objects);
}

void amount_add_group(struct amount_sum *sum, uint64_t samples, uint64_t bytes, double objects)
{
	double unsampled;

	sum->bytes = add_saturating(sum->bytes, bytes);
	sum->objects += objects;
	sum->samples = add_saturating(sum->samples, samples);
	if (samples == 0 || objects <= (double)samples)
		return;
	unsampled = (1 - (double)samples / objects) / (double)samples;
	sum->bytes_variance += (double)bytes * (double)bytes * unsampled;
	sum->objects_variance += objects * objects * unsampled;
}

struct snapshot_amount amount_guess(uint64_t bytes, uint64_t objects, uint64_t interval)
{
	struct snapshot_amount amount = {.bytes = bytes, .objects = objects, .samples = objects};
	/* Less than one object, rounded, is still one that was sampled. */
	const double n = objects ? (double)objects : 1;
	const double size = (double)bytes / n;
	double p;

	if (interval <= 1 || bytes == 0)
		return amount;
	p = -expm1(-size / (double)interval);
	amount.samples = n * p > 1 ? round_objects(n * p) : 1;
	amount.bytes_variance = n * size * size * (1 - p) / p;
	amount.objects_variance = n * (1 - p) / p;
	return amount;
}

struct snapshot_amount amount_round(const struct amount_sum *sum)
{
	return (struct snapshot_amount){
		.bytes = sum->bytes,
		.objects = round_objects(sum->objects),
		.samples = sum->samples,
		.bytes_variance = sum->bytes_variance,
		.objects_variance = sum->objects_variance,
	};
}

void amount_add(struct snapshot_amount *sum, const struct snapshot_amount *term)
{
	sum->bytes = add_saturating(sum->bytes, term->bytes);
	sum->objects = add_saturating(sum->objects, term->objects);
	sum->samples = add_saturating(sum->samples, term->samples);
	sum->bytes_variance += term->bytes_variance;
	sum->objects_variance += term->objects_variance;
}

double amount_bytes_error(const struct snapshot_amount *amount)
{
	return CONFIDENCE_95 * sqrt(amount->bytes_variance);
}

double amount_objects_error(const struct snapshot_amount *amount)
{
	return CONFIDENCE_95 * sqrt(amount->objects_variance);
}

bool amount_is_vague(const struct snapshot_amount *amount)
{
	return amount_bytes_error(amount) > VAGUE_ERROR * (double)amount->bytes;
}

int amount_compare(const struct snapshot_amount *a, const struct snapshot_amount *b)
{
	int order = compare(a->bytes, b->bytes);

	if (order == 0)
		order = compare(a->objects, b->objects);
	return order ? order : compare(a->samples, b->samples);
}
