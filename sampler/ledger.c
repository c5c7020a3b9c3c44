/*
 * Double-entry in the literal sense: a stack's amounts and the process's total
 * change together under one lock, so the peak of the total is also the exact
 * sum of what the stacks held at that moment.
 *
 * The peak costs O(1): when the total makes a new maximum only the epoch moves.
 * A stack that changes later first saves its live amount, if it has not done so
 * in this epoch. Amounts are integers that wrap, so what was added and taken
 * away again leaves no trace.
 *
 * Context: inside malloc.
 * Locks: LOCK_LEDGER.
 * Invariant: outside the lock every stack's sequence is even, and the total is
 * the sum of the stacks' live bytes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/ledger.h"

#include <string.h>

#include "sampler/lock.h"
#include "sampler/private_memory.h"
#include "sampler/segment_writer.h"
#include "sampler/stack_table.h"

typedef unsigned __int128 wide;

/* All guarded by the lock. The segment's header has copies for the reader. */
static struct {
	struct lock lock;
	uint64_t live_bytes;
	uint64_t live_objects;
	uint64_t peak_bytes;
	uint64_t peak_epoch;
	struct segment_histogram_node *nodes;
	/* By stack and kind: index + 1 of the node that was used last. */
	uint32_t (*recent)[SEGMENT_HISTOGRAM_KINDS];
	size_t recent_bytes;
} books;

bool ledger_new_segment(void)
{
	if (books.recent)
		private_memory_unmap(books.recent, books.recent_bytes);
	memset(&books, 0, sizeof(books));
	books.nodes = segment_writer_region(SEGMENT_HISTOGRAMS);
	books.recent_bytes = segment_writer_capacity(SEGMENT_STACKS) * sizeof(*books.recent);
	books.recent = private_memory_map(books.recent_bytes);
	return books.recent != NULL;
}

bool ledger_open(bool wait)
{
	return wait ? lock_take(&books.lock) : lock_try(&books.lock);
}

void ledger_close(void)
{
	lock_release(&books.lock);
}

/* ---- amounts --------------------------------------------------------- */

static void wide_add(struct segment_wide *sum, wide term)
{
	const wide total = ((wide)sum->high << 64 | sum->low) + term;

	sum->low = (uint64_t)total;
	sum->high = (uint64_t)(total >> 64);
}

/* w^2 (1 - p), where 1 / p is the weight in objects: the variance that one
 * Horvitz-Thompson sample adds. Deterministic, so a free takes away exactly
 * what the allocation brought. */
static wide bytes_variance(struct sample_weight weight)
{
	const wide square = (wide)weight.bytes * weight.bytes;

	return square / weight.objects * (weight.objects - SEGMENT_ONE_OBJECT);
}

static wide objects_variance(struct sample_weight weight)
{
	return (wide)weight.objects * (weight.objects - SEGMENT_ONE_OBJECT);
}

static void amount_add(struct segment_amount *amount, struct sample_weight weight)
{
	amount->bytes += weight.bytes;
	amount->objects += weight.objects;
	amount->samples++;
	if (weight.objects == SEGMENT_ONE_OBJECT)
		return;
	wide_add(&amount->bytes_variance, bytes_variance(weight));
	wide_add(&amount->objects_variance, objects_variance(weight));
}

static void amount_subtract(struct segment_amount *amount, struct sample_weight weight)
{
	amount->bytes -= weight.bytes;
	amount->objects -= weight.objects;
	amount->samples--;
	if (weight.objects == SEGMENT_ONE_OBJECT)
		return;
	wide_add(&amount->bytes_variance, -bytes_variance(weight));
	wide_add(&amount->objects_variance, -objects_variance(weight));
}

/* ---- one stack's change ---------------------------------------------- */

/* Readers that copy the record meanwhile see an odd sequence and copy again;
 * pairs with the copying in snapshot.c. */
static struct segment_stack *begin_change(uint32_t *index)
{
	/* It was kept in the segment, where others may have written. */
	if (*index >= segment_writer_claimed(SEGMENT_STACKS))
		*index = SEGMENT_OVERFLOW_STACK;
	struct segment_stack *stack = stack_table_record(*index);

	atomic_store_explicit(&stack->sequence, stack->sequence | 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	if (stack->peak_epoch != books.peak_epoch) {
		stack->peak = stack->live;
		stack->peak_epoch = books.peak_epoch;
	}
	return stack;
}

static void end_change(struct segment_stack *stack)
{
	atomic_store_explicit(&stack->sequence, (stack->sequence | 1) + 1, memory_order_release);
}

static void publish_total(uint64_t now_ns)
{
	struct segment_header *header = segment_writer_header();

	atomic_store_explicit(&header->live_bytes, books.live_bytes, memory_order_relaxed);
	atomic_store_explicit(&header->live_objects, books.live_objects, memory_order_relaxed);
	if (books.live_bytes <= books.peak_bytes || books.live_bytes > INT64_MAX)
		return;
	books.peak_bytes = books.live_bytes;
	books.peak_epoch++;
	atomic_store_explicit(&header->peak_bytes, books.peak_bytes, memory_order_relaxed);
	atomic_store_explicit(&header->peak_monotonic_ns, now_ns, memory_order_relaxed);
	atomic_store_explicit(&header->peak_epoch, books.peak_epoch, memory_order_release);
}

/* ---- histograms ------------------------------------------------------ */

static unsigned bits_of(uint64_t n)
{
	return n ? 64 - __builtin_clzll(n) : 0;
}

static unsigned size_bucket(uint64_t size)
{
	const unsigned bucket = bits_of(size);

	return bucket < SEGMENT_HISTOGRAM_BUCKETS ? bucket : SEGMENT_HISTOGRAM_BUCKETS - 1;
}

/* 2^20 / 10 ms in fixed point with 64 fractional bits, rounded up, so that 10 ms
 * times a power of two falls exactly on its border. */
#define LIFETIME_SCALE UINT64_C(1934281311383406680)
_Static_assert(SEGMENT_LIFETIME_BORDER_NS == 10000000 && SEGMENT_LIFETIME_BORDER_BUCKET == 21,
	       "LIFETIME_SCALE is 2^(64 + border bucket - 1) / border: compute it anew");

static unsigned lifetime_bucket(uint64_t ns)
{
	return size_bucket((uint64_t)((wide)ns * LIFETIME_SCALE >> 64));
}

/* The stack's node of that kind and bucket, made when there is none yet: index
 * + 1, or 0 when there is no space. A stack's sizes and lifetimes lie in a few
 * buckets, so the chain is short. */
static uint32_t find_node(struct segment_stack *stack, enum segment_histogram_kind kind,
			  unsigned bucket)
{
	const uint64_t claimed = segment_writer_claimed(SEGMENT_HISTOGRAMS);
	const uint32_t first = atomic_load_explicit(&stack->histogram, memory_order_relaxed);
	uint32_t index = first;

	for (int n = 0; index < claimed && n < 2 * SEGMENT_HISTOGRAM_BUCKETS; n++) {
		if (books.nodes[index].kind == kind && books.nodes[index].bucket == bucket)
			return index + 1;
		index = atomic_load_explicit(&books.nodes[index].next, memory_order_relaxed);
	}
	const uint64_t fresh = segment_writer_claim(SEGMENT_HISTOGRAMS, 1);
	if (fresh == UINT64_MAX)
		return 0;
	books.nodes[fresh].kind = kind;
	books.nodes[fresh].bucket = bucket;
	atomic_init(&books.nodes[fresh].next, first);
	/* Pairs with the reader's acquire in snapshot.c. */
	atomic_store_explicit(&stack->histogram, fresh, memory_order_release);
	return fresh + 1;
}

static void histogram_add(uint32_t index, struct segment_stack *stack,
			  enum segment_histogram_kind kind, unsigned bucket,
			  struct sample_weight weight)
{
	uint32_t *recent = &books.recent[index][kind];

	if (*recent == 0 || books.nodes[*recent - 1].bucket != bucket)
		*recent = find_node(stack, kind, bucket);
	if (*recent == 0) {
		COUNT(dropped_histogram);
		return;
	}
	struct segment_histogram_node *node = &books.nodes[*recent - 1];

	node->samples++;
	node->bytes += weight.bytes;
	node->objects += weight.objects;
}

/* ---- entries --------------------------------------------------------- */

/* A counter that only the ledger moves needs no locked instruction. */
static void count_in_books(enum segment_counter_id counter)
{
	_Atomic uint64_t *word = &segment_writer_header()->counters[counter];

	atomic_store_explicit(word, atomic_load_explicit(word, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

void ledger_add(uint32_t index, uint64_t size, struct sample_weight weight, uint64_t now_ns)
{
	struct segment_stack *stack = begin_change(&index);

	amount_add(&stack->allocated, weight);
	amount_add(&stack->live, weight);
	end_change(stack);
	histogram_add(index, stack, SEGMENT_HISTOGRAM_SIZE, size_bucket(size), weight);
	books.live_bytes += weight.bytes;
	books.live_objects += weight.objects;
	publish_total(now_ns);
	count_in_books(SEGMENT_COUNTER_samples);
}

void ledger_free(uint32_t index, struct sample_weight weight, uint64_t lifetime_ns)
{
	struct segment_stack *stack = begin_change(&index);

	amount_subtract(&stack->live, weight);
	end_change(stack);
	histogram_add(index, stack, SEGMENT_HISTOGRAM_LIFETIME, lifetime_bucket(lifetime_ns),
		      weight);
	books.live_bytes -= weight.bytes;
	books.live_objects -= weight.objects;
	publish_total(0);
	count_in_books(SEGMENT_COUNTER_frees);
}

void ledger_reweigh(uint32_t index, struct sample_weight before, struct sample_weight after,
		    uint64_t now_ns)
{
	struct segment_stack *stack = begin_change(&index);

	amount_subtract(&stack->live, before);
	if (after.objects)
		amount_add(&stack->live, after);
	end_change(stack);
	books.live_bytes += after.bytes - before.bytes;
	books.live_objects += after.objects - before.objects;
	publish_total(now_ns);
}
