/*
 * Adds up the histograms of the stacks and sorts the live blocks into the same
 * buckets, so that what was and what is stand side by side.
 *
 * Context: pure functions.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "leakcheck/histogram.h"

#include <math.h>

#include "leakcheck/amount.h"

struct sums {
	struct amount_sum bucket[SEGMENT_HISTOGRAM_BUCKETS];
};

uint32_t histogram_size_bucket(uint64_t size)
{
	uint32_t bits = size ? 64 - (uint32_t)__builtin_clzll(size) : 0;

	return bits < SEGMENT_HISTOGRAM_BUCKETS ? bits : SEGMENT_HISTOGRAM_BUCKETS - 1;
}

uint32_t histogram_lifetime_bucket(uint64_t lifetime_ns)
{
	uint32_t bucket = 0;

	while (bucket + 1 < SEGMENT_LIFETIME_BUCKETS &&
	       histogram_lifetime_start_ns(bucket + 1) <= (double)lifetime_ns)
		bucket++;
	return bucket;
}

double histogram_size_start(uint32_t bucket)
{
	return bucket ? ldexp(1, (int)bucket - 1) : 0;
}

double histogram_lifetime_start_ns(uint32_t bucket)
{
	if (bucket == 0)
		return 0;
	return ldexp((double)SEGMENT_LIFETIME_BORDER_NS,
		     (int)bucket - SEGMENT_LIFETIME_BORDER_BUCKET);
}

uint32_t histogram_nearest_border(uint64_t lifetime_ns)
{
	uint32_t bucket = histogram_lifetime_bucket(lifetime_ns);
	double start = histogram_lifetime_start_ns(bucket);
	double middle = sqrt(start * histogram_lifetime_start_ns(bucket + 1));

	if (bucket + 1 == SEGMENT_LIFETIME_BUCKETS || (double)lifetime_ns < middle)
		return bucket;
	return bucket + 1;
}

static uint32_t block_bucket(const struct snapshot_block *block, enum segment_histogram_kind kind,
			     uint64_t now_ns)
{
	if (kind == SEGMENT_HISTOGRAM_SIZE)
		return histogram_size_bucket(block->size);
	if (block->birth_monotonic_ns > now_ns)
		return 0;
	return histogram_lifetime_bucket(now_ns - block->birth_monotonic_ns);
}

static void add_stack(struct sums *sums, const struct snapshot_stack *stack,
		      enum segment_histogram_kind kind)
{
	uint32_t i;

	for (i = 0; i < stack->bucket_count; i++) {
		const struct snapshot_bucket *bucket = &stack->buckets[i];

		if (bucket->kind == kind)
			amount_add_group(&sums->bucket[bucket->bucket], bucket->samples,
					 bucket->bytes, bucket->objects);
	}
}

static void round_sums(struct snapshot_amount *amounts, const struct sums *sums)
{
	uint32_t i;

	for (i = 0; i < SEGMENT_HISTOGRAM_BUCKETS; i++)
		amounts[i] = amount_round(&sums->bucket[i]);
}

void histogram_fill(struct histogram *histogram, const struct snapshot *snapshot,
		    enum segment_histogram_kind kind, const bool *selected, uint64_t now_ns)
{
	struct sums recorded = {0}, inuse = {0};
	size_t i;

	for (i = 0; i < snapshot->stack_count; i++) {
		if (!selected || selected[i])
			add_stack(&recorded, &snapshot->stacks[i], kind);
	}
	for (i = 0; i < snapshot->block_count; i++) {
		const struct snapshot_block *block = &snapshot->blocks[i];

		if (!selected || selected[block->stack])
			amount_add_block(&inuse.bucket[block_bucket(block, kind, now_ns)], block);
	}
	round_sums(histogram->recorded, &recorded);
	round_sums(histogram->inuse, &inuse);
}
