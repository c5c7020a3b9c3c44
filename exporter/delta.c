/*
 * Stacks are known by a hash of 64 bits: with 10,000 stacks, the chance that any
 * two share one is 3 in 10^12.
 *
 * Invariant: a baseline is sorted by stack, and no stack is in it twice.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/delta.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PACK_MAGIC UINT64_C(0x31617461644b4c44)

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	hash ^= hash >> 29;
	hash *= UINT64_C(0xbf58476d1ce4e5b9);
	return hash ^ (hash >> 32);
}

static uint64_t hash_stack(const struct snapshot_stack *stack)
{
	uint64_t hash = mix(stack->module_epoch, (uint64_t)stack->depth << 16 | stack->flags);

	for (uint32_t i = 0; i < stack->depth; i++)
		hash = mix(hash, stack->frames[i]);
	return hash;
}

static int compare_stacks(const void *one, const void *other)
{
	const struct delta_sum *a = one, *b = other;

	return (a->stack > b->stack) - (a->stack < b->stack);
}

static const struct delta_sum *find(const struct delta_baseline *baseline, uint64_t stack)
{
	const struct delta_sum wanted = {.stack = stack};

	if (baseline->count == 0)
		return NULL;
	return bsearch(&wanted, baseline->sums, baseline->count, sizeof(wanted), compare_stacks);
}

static struct delta_sum sum_of(const struct snapshot_stack *stack)
{
	return (struct delta_sum){
		.stack = hash_stack(stack),
		.bytes = stack->allocated.bytes,
		.objects = stack->allocated.objects,
		.samples = stack->allocated.samples,
		.bytes_variance = stack->allocated.bytes_variance,
		.objects_variance = stack->allocated.objects_variance,
	};
}

static uint64_t minus(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

static double minus_variance(double now, double before)
{
	return now > before ? now - before : 0;
}

static void subtract(struct snapshot_amount *amount, const struct delta_sum *before)
{
	amount->bytes = minus(amount->bytes, before->bytes);
	amount->objects = minus(amount->objects, before->objects);
	amount->samples = minus(amount->samples, before->samples);
	amount->bytes_variance = minus_variance(amount->bytes_variance, before->bytes_variance);
	amount->objects_variance =
		minus_variance(amount->objects_variance, before->objects_variance);
}

static void add(struct snapshot_amount *sum, const struct snapshot_amount *amount)
{
	sum->bytes += amount->bytes;
	sum->objects += amount->objects;
	sum->samples += amount->samples;
	sum->bytes_variance += amount->bytes_variance;
	sum->objects_variance += amount->objects_variance;
}

static uint64_t larger(uint64_t one, uint64_t other)
{
	return one > other ? one : other;
}

/* A stack never falls below what was exported of it. */
static void raise_to(struct delta_sum *sum, const struct delta_sum *before)
{
	sum->bytes = larger(sum->bytes, before->bytes);
	sum->objects = larger(sum->objects, before->objects);
	sum->samples = larger(sum->samples, before->samples);
}

/* Sorts, and of several sums of one stack keeps the largest amounts. */
static size_t merge_equals(struct delta_sum *sums, size_t count)
{
	size_t kept = 0;

	qsort(sums, count, sizeof(*sums), compare_stacks);
	for (size_t i = 0; i < count; i++) {
		if (kept > 0 && sums[kept - 1].stack == sums[i].stack)
			raise_to(&sums[kept - 1], &sums[i]);
		else
			sums[kept++] = sums[i];
	}
	return kept;
}

int delta_apply(struct delta_baseline *baseline, struct snapshot *snapshot)
{
	const size_t capacity = baseline->count + snapshot->stack_count + 1;
	struct delta_sum *sums = reallocarray(NULL, capacity, sizeof(*sums));
	size_t count = baseline->count;

	if (!sums)
		return -ENOMEM;
	if (count > 0)
		memcpy(sums, baseline->sums, count * sizeof(*sums));
	memset(&snapshot->allocated, 0, sizeof(snapshot->allocated));
	for (size_t i = 0; i < snapshot->stack_count; i++) {
		struct snapshot_stack *const stack = &snapshot->stacks[i];
		const struct delta_sum *before;

		if (stack->allocated.samples == 0)
			continue;
		sums[count] = sum_of(stack);
		before = find(baseline, sums[count].stack);
		if (before)
			subtract(&stack->allocated, before);
		add(&snapshot->allocated, &stack->allocated);
		count++;
	}
	free(baseline->sums);
	*baseline = (struct delta_baseline){sums, merge_equals(sums, count)};
	sums = realloc(baseline->sums, (baseline->count + 1) * sizeof(*sums));
	if (sums)
		baseline->sums = sums;
	return 0;
}

void delta_baseline_fini(struct delta_baseline *baseline)
{
	free(baseline->sums);
	*baseline = (struct delta_baseline){0};
}

int delta_baseline_pack(const struct delta_baseline *baseline, uint8_t **bytes, size_t *size)
{
	const uint64_t magic = PACK_MAGIC;
	const size_t body = baseline->count * sizeof(*baseline->sums);

	*size = sizeof(magic) + body;
	*bytes = malloc(*size);
	if (!*bytes)
		return -ENOMEM;
	memcpy(*bytes, &magic, sizeof(magic));
	if (body > 0)
		memcpy(*bytes + sizeof(magic), baseline->sums, body);
	return 0;
}

static bool is_sorted(const struct delta_sum *sums, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (sums[i - 1].stack >= sums[i].stack)
			return false;
	return true;
}

int delta_baseline_unpack(struct delta_baseline *baseline, const uint8_t *bytes, size_t size)
{
	const size_t body = size - sizeof(uint64_t);
	uint64_t magic = 0;
	struct delta_sum *sums;

	if (size >= sizeof(magic))
		memcpy(&magic, bytes, sizeof(magic));
	if (magic != PACK_MAGIC || body % sizeof(*sums) != 0)
		return -EBADMSG;
	sums = malloc(body + 1);
	if (!sums)
		return -ENOMEM;
	memcpy(sums, bytes + sizeof(magic), body);
	if (!is_sorted(sums, body / sizeof(*sums))) {
		free(sums);
		return -EBADMSG;
	}
	*baseline = (struct delta_baseline){sums, body / sizeof(*sums)};
	return 0;
}
