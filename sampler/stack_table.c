/*
 * Interning by a chained hash index in private memory. Looking up takes no
 * lock; adding does, and is rare.
 *
 * Context: inside malloc.
 * Locks: LOCK_STACK_TABLE while a stack is added.
 * Invariant: a chain only grows, at its head, by records that are complete.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/stack_table.h"

#include <string.h>

#include "sampler/lock.h"
#include "sampler/private_memory.h"
#include "sampler/segment_writer.h"

static struct {
	struct lock lock;
	_Atomic uint32_t *heads; /* index + 1 of the first record of a chain; 0: empty */
	uint32_t *next;		 /* by record: index + 1 of the next one */
	struct segment_stack *records;
	uint64_t *frames;
	uint64_t head_count; /* a power of two */
	size_t index_bytes;
} table;

static uint64_t power_of_two_from(uint64_t n)
{
	uint64_t power = 1;

	while (power < n)
		power *= 2;
	return power;
}

/* The overflow stack: no frames, always record 0. */
static bool add_overflow_stack(void)
{
	if (segment_writer_claim(SEGMENT_STACKS, 1) != SEGMENT_OVERFLOW_STACK)
		return false;
	struct segment_stack *stack = &table.records[SEGMENT_OVERFLOW_STACK];

	stack->histogram = SEGMENT_NONE;
	atomic_store_explicit(&stack->ready, 1, memory_order_release);
	return true;
}

bool stack_table_new_segment(void)
{
	const uint64_t capacity = segment_writer_capacity(SEGMENT_STACKS);

	if (table.heads)
		private_memory_unmap((void *)table.heads, table.index_bytes);
	memset(&table, 0, sizeof(table));
	table.head_count = power_of_two_from(capacity);
	table.index_bytes = (table.head_count + capacity) * sizeof(uint32_t);
	table.heads = private_memory_map(table.index_bytes);
	if (!table.heads)
		return false;
	table.next = (uint32_t *)table.heads + table.head_count;
	table.records = segment_writer_region(SEGMENT_STACKS);
	table.frames = segment_writer_region(SEGMENT_FRAMES);
	return add_overflow_stack();
}

/* Two independent multiply chains, so that the latency of one hides behind the
 * other; finished as in splitmix64. */
static uint64_t hash_of(const struct stack_table_key *key)
{
	uint64_t even = key->depth | (uint64_t)key->module_epoch << 32;
	uint64_t odd = key->flags;
	unsigned i = 0;

	for (; i + 1 < key->depth; i += 2) {
		even = (even ^ key->frames[i]) * UINT64_C(0x9e3779b97f4a7c15);
		odd = (odd ^ key->frames[i + 1]) * UINT64_C(0xc2b2ae3d27d4eb4f);
	}
	if (i < key->depth)
		even = (even ^ key->frames[i]) * UINT64_C(0x9e3779b97f4a7c15);
	even ^= odd >> 29 ^ odd << 35;
	even = (even ^ (even >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	return even ^ (even >> 31);
}

static bool is_same(const struct segment_stack *stack, uint64_t hash,
		    const struct stack_table_key *key)
{
	/* The record lies in a file that others could write at any time: what
	 * is followed is what was checked. */
	const uint64_t first = *(const volatile uint32_t *)&stack->first_frame;

	return stack->hash == hash && stack->depth == key->depth && stack->flags == key->flags &&
	       stack->module_epoch == key->module_epoch &&
	       first + key->depth <= segment_writer_claimed(SEGMENT_FRAMES) &&
	       memcmp(&table.frames[first], key->frames, key->depth * sizeof(*key->frames)) == 0;
}

/* Index + 1 of the stack in the chain that starts at `link`, or 0. */
static uint32_t find(uint32_t link, uint64_t hash, const struct stack_table_key *key)
{
	while (link && !is_same(&table.records[link - 1], hash, key))
		link = table.next[link - 1];
	return link;
}

/* Called with the lock held. Index + 1 of the new record, or 0. */
static uint32_t add(uint64_t hash, const struct stack_table_key *key)
{
	const uint64_t first = segment_writer_claim(SEGMENT_FRAMES, key->depth);
	const uint64_t index =
		first == UINT64_MAX ? first : segment_writer_claim(SEGMENT_STACKS, 1);

	if (index == UINT64_MAX)
		return 0;
	struct segment_stack *stack = &table.records[index];

	memcpy(&table.frames[first], key->frames, key->depth * sizeof(*key->frames));
	stack->hash = hash;
	stack->first_frame = first;
	stack->depth = key->depth;
	stack->flags = key->flags;
	stack->module_epoch = key->module_epoch;
	stack->histogram = SEGMENT_NONE;
	/* Pairs with the reader's acquire in snapshot.c. */
	atomic_store_explicit(&stack->ready, 1, memory_order_release);
	return index + 1;
}

uint32_t stack_table_intern(const struct stack_table_key *key)
{
	const uint64_t hash = hash_of(key);
	_Atomic uint32_t *head = &table.heads[hash & (table.head_count - 1)];
	uint32_t link = find(atomic_load_explicit(head, memory_order_acquire), hash, key);

	if (link)
		return link - 1;
	if (!lock_take(&table.lock))
		return SEGMENT_OVERFLOW_STACK;
	/* Again, under the lock: another thread may have added it. */
	const uint32_t first = atomic_load_explicit(head, memory_order_relaxed);
	link = find(first, hash, key);
	if (!link && (link = add(hash, key)) != 0) {
		table.next[link - 1] = first;
		/* Pairs with the acquire above. */
		atomic_store_explicit(head, link, memory_order_release);
	}
	lock_release(&table.lock);
	return link ? link - 1 : SEGMENT_OVERFLOW_STACK;
}

struct segment_stack *stack_table_record(uint32_t stack)
{
	return &table.records[stack];
}

static bool is_fuller_than(enum segment_region_id region, unsigned percent)
{
	return 100 * segment_writer_claimed(region) > percent * segment_writer_capacity(region);
}

size_t stack_table_index_bytes(void)
{
	/* Each stack has a page of heads to itself until there are many. */
	const size_t touched = segment_writer_claimed(SEGMENT_STACKS) * SEGMENT_PAGE_SIZE;

	return touched < table.index_bytes ? touched : table.index_bytes;
}

bool stack_table_is_fuller_than(unsigned percent)
{
	return is_fuller_than(SEGMENT_STACKS, percent) || is_fuller_than(SEGMENT_FRAMES, percent);
}
