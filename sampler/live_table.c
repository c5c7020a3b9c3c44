/*
 * Sharded linear hashing (Litwin, VLDB 1980): each shard grows by one chain at a
 * time, so no insert ever pays for a rehash, and removal unlinks, so churn leaves
 * nothing behind. The blocks themselves lie in the segment for the reader;
 * chains and free lists are private.
 *
 * Context: inside malloc.
 * Locks: LOCK_LIVE_SHARD, one at a time; a second one is only tried.
 * Invariant: a block is in exactly one chain of its shard, or on its shard's free
 * list with address 0. Links are read from private memory only; what is read
 * back from the segment is checked.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/live_table.h"

#include <string.h>

#include "sampler/lock.h"
#include "sampler/private_memory.h"
#include "sampler/segment_writer.h"

enum {
	SHARDS = 64,	   /* a power of two */
	FIRST_CHAINS = 16, /* of a shard, a power of two */
	MAX_BATCH = 16,
	IDLE_SHARE = 32, /* a part of the table that may lie on free lists, unused */
};

/* A link is a block's index + 1; 0 ends a chain. */
struct shard {
	struct lock lock;
	uint32_t free;		/* guarded by lock: first block of the free list */
	_Atomic uint32_t count; /* written under lock: blocks in chains */
	uint32_t chain_count;	/* guarded by lock: FIRST_CHAINS <= it <= max_chains */
	uint32_t *chains;
} __attribute__((aligned(64)));

static struct {
	struct shard shards[SHARDS];
	uint32_t max_chains; /* of a shard */
	uint32_t batch;	     /* blocks a shard takes from the segment at once */
	uint32_t *next;	     /* by block */
	uint64_t *addresses; /* by block: the private, trusted copy of the key */
	struct segment_block *blocks;
	void *index;
	size_t index_bytes;
} table;

bool live_table_new_segment(void)
{
	const uint64_t capacity = segment_writer_capacity(SEGMENT_BLOCKS);

	if (table.index)
		private_memory_unmap(table.index, table.index_bytes);
	memset(&table, 0, sizeof(table));
	table.max_chains = capacity / SHARDS + FIRST_CHAINS;
	table.batch = capacity / (SHARDS * IDLE_SHARE) + 1;
	if (table.batch > MAX_BATCH)
		table.batch = MAX_BATCH;
	const size_t chain_bytes = sizeof(uint32_t) * table.max_chains * SHARDS;
	const size_t address_bytes = sizeof(uint64_t) * capacity;

	table.index_bytes = address_bytes + chain_bytes + sizeof(uint32_t) * capacity;
	table.index = private_memory_map(table.index_bytes);
	if (!table.index)
		return false;
	table.addresses = table.index;
	uint32_t *chains = (uint32_t *)(table.addresses + capacity);
	for (int i = 0; i < SHARDS; i++) {
		table.shards[i].chains = chains + (size_t)i * table.max_chains;
		table.shards[i].chain_count = FIRST_CHAINS;
	}
	table.next = chains + (size_t)SHARDS * table.max_chains;
	table.blocks = segment_writer_region(SEGMENT_BLOCKS);
	return true;
}

static uint64_t hash_of(uint64_t address)
{
	const uint64_t hash = (address >> 4) * UINT64_C(0x9e3779b97f4a7c15);

	return hash ^ (hash >> 32);
}

static struct shard *shard_of(uint64_t hash)
{
	return &table.shards[hash >> 32 & (SHARDS - 1)];
}

/* The chain of a hash when there are `count`: as many low bits as give a chain
 * that exists already. */
static uint32_t chain_of(uint64_t hash, uint32_t count)
{
	const uint32_t mask = UINT32_MAX >> __builtin_clz(count);
	const uint32_t chain = hash & mask;

	return chain < count ? chain : hash & (mask >> 1);
}

/* The link that names the block with that address, or the chain's last link. */
static uint32_t *find(struct shard *shard, uint64_t hash, uint64_t address)
{
	uint32_t *link = &shard->chains[chain_of(hash, shard->chain_count)];

	while (*link && table.addresses[*link - 1] != address)
		link = &table.next[*link - 1];
	return link;
}

/* Opens one more chain and moves to it what belongs there now. */
static void split_chain(struct shard *shard)
{
	const uint32_t fresh = shard->chain_count;
	const uint32_t old = fresh & (UINT32_MAX >> __builtin_clz(fresh) >> 1);

	shard->chain_count++;
	for (uint32_t *link = &shard->chains[old]; *link;) {
		const uint32_t block = *link;

		if (chain_of(hash_of(table.addresses[block - 1]), shard->chain_count) == old) {
			link = &table.next[block - 1];
			continue;
		}
		*link = table.next[block - 1];
		table.next[block - 1] = shard->chains[fresh];
		shard->chains[fresh] = block;
	}
}

/* Takes a block from the free list of another shard; 0: none was at hand. */
static uint32_t borrow_block(const struct shard *shard)
{
	for (int i = 1; i < SHARDS; i++) {
		struct shard *other = &table.shards[(shard - table.shards + i) % SHARDS];

		if (!lock_try(&other->lock))
			continue;
		const uint32_t link = other->free;
		if (link)
			other->free = table.next[link - 1];
		lock_release(&other->lock);
		if (link)
			return link;
	}
	return 0;
}

/* Takes a block from the free list, filling it from the segment; 0: full. */
static uint32_t take_block(struct shard *shard)
{
	if (!shard->free) {
		uint64_t count = table.batch;
		uint64_t first = segment_writer_claim(SEGMENT_BLOCKS, count);

		if (first == UINT64_MAX)
			first = segment_writer_claim(SEGMENT_BLOCKS, count = 1);
		if (first == UINT64_MAX)
			return borrow_block(shard);
		for (uint64_t i = first + count; i-- > first;) {
			table.next[i] = shard->free;
			shard->free = i + 1;
		}
	}
	const uint32_t link = shard->free;

	shard->free = table.next[link - 1];
	return link;
}

static void write_block(uint32_t link, const struct live_block *block)
{
	struct segment_block *record = &table.blocks[link - 1];

	record->size = block->size;
	record->bytes = block->weight.bytes;
	record->objects = block->weight.objects;
	record->birth_monotonic_ns = block->birth_ns;
	record->stack = block->stack;
	record->thread = block->thread;
	table.addresses[link - 1] = block->address;
	/* Pairs with the reader's acquire in snapshot.c. */
	atomic_store_explicit(&record->address, block->address, memory_order_release);
}

static void read_block(uint32_t link, struct live_block *block)
{
	const struct segment_block *record = &table.blocks[link - 1];

	*block = (struct live_block){
		.address = table.addresses[link - 1],
		.size = record->size,
		.weight = {.bytes = record->bytes, .objects = record->objects},
		.birth_ns = record->birth_monotonic_ns,
		.stack = record->stack,
		.thread = record->thread,
	};
	/* The file could have been overwritten: never divide by it unchecked. */
	if (block->weight.objects < SEGMENT_ONE_OBJECT)
		block->weight.objects = SEGMENT_ONE_OBJECT;
}

/* Called with the lock held, so no locked instruction is needed. */
static uint32_t change_count(struct shard *shard, int step)
{
	const uint32_t count = atomic_load_explicit(&shard->count, memory_order_relaxed) + step;

	atomic_store_explicit(&shard->count, count, memory_order_relaxed);
	return count;
}

/* Unlinks the block that *link names and frees its record. */
static void drop_block(struct shard *shard, uint32_t *link)
{
	const uint32_t block = *link;

	atomic_store_explicit(&table.blocks[block - 1].address, 0, memory_order_release);
	*link = table.next[block - 1];
	table.next[block - 1] = shard->free;
	shard->free = block;
	change_count(shard, -1);
}

enum live_table_result live_table_insert(const struct live_block *block, struct live_block *stale)
{
	const uint64_t hash = hash_of(block->address);
	struct shard *shard = shard_of(hash);
	enum live_table_result result = LIVE_TABLE_OK;

	stale->address = 0;
	if (!lock_take(&shard->lock))
		return LIVE_TABLE_BUSY;
	uint32_t *link = find(shard, hash, block->address);
	if (*link) {
		read_block(*link, stale);
		write_block(*link, block);
		goto out;
	}
	const uint32_t fresh = take_block(shard);
	if (!fresh) {
		result = LIVE_TABLE_FULL;
		goto out;
	}
	write_block(fresh, block);
	table.next[fresh - 1] = 0;
	*link = fresh;
	if (change_count(shard, 1) > shard->chain_count && shard->chain_count < table.max_chains)
		split_chain(shard);
out:
	lock_release(&shard->lock);
	return result;
}

enum live_table_result live_table_remove(uint64_t address, bool wait, struct live_block *removed)
{
	const uint64_t hash = hash_of(address);
	struct shard *shard = shard_of(hash);
	enum live_table_result result = LIVE_TABLE_ABSENT;

	if (!(wait ? lock_take(&shard->lock) : lock_try(&shard->lock)))
		return LIVE_TABLE_BUSY;
	uint32_t *link = find(shard, hash, address);
	if (*link) {
		read_block(*link, removed);
		drop_block(shard, link);
		result = LIVE_TABLE_OK;
	}
	lock_release(&shard->lock);
	return result;
}

static uint64_t reweigh_chain(struct shard *shard, uint32_t *link, live_table_decide *decide,
			      void *context)
{
	uint64_t removed = 0;

	while (*link) {
		struct live_block block;
		struct sample_weight weight;

		read_block(*link, &block);
		weight = block.weight;
		decide(&block, &weight, context);
		if (weight.objects == 0) {
			drop_block(shard, link);
			removed++;
			continue;
		}
		table.blocks[*link - 1].bytes = weight.bytes;
		table.blocks[*link - 1].objects = weight.objects;
		link = &table.next[*link - 1];
	}
	return removed;
}

uint64_t live_table_reweigh(live_table_decide *decide, void *context)
{
	uint64_t removed = 0;

	for (int i = 0; i < SHARDS; i++) {
		struct shard *shard = &table.shards[i];

		if (!lock_take(&shard->lock))
			continue; /* its blocks keep their weights, which is correct too */
		for (uint32_t chain = 0; chain < shard->chain_count; chain++)
			removed += reweigh_chain(shard, &shard->chains[chain], decide, context);
		lock_release(&shard->lock);
	}
	return removed;
}

size_t live_table_index_bytes(void)
{
	const size_t per_block =
		sizeof(*table.addresses) + sizeof(*table.next) + sizeof(*table.shards[0].chains);

	return per_block * segment_writer_claimed(SEGMENT_BLOCKS);
}

bool live_table_is_fuller_than(unsigned percent)
{
	const uint64_t limit = percent * segment_writer_capacity(SEGMENT_BLOCKS);
	uint64_t in_use = 0;

	/* What was never claimed is not in use: usually that answers it. */
	if (__builtin_expect(100 * segment_writer_claimed(SEGMENT_BLOCKS) <= limit, 1))
		return false;
	for (int i = 0; i < SHARDS; i++)
		in_use += atomic_load_explicit(&table.shards[i].count, memory_order_relaxed);
	return 100 * in_use > limit;
}
