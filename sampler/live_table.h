/*
 * The sampled blocks that are live, found by address.
 *
 * Context: inside malloc, guarded against re-entry by the caller.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_LIVE_TABLE_H
#define SAMPLER_LIVE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sampler/sample_clock.h"
#include "sampler/segment_layout.h"

/* Makes the private index for a new segment. False: no memory. Not thread-safe. */
bool live_table_new_segment(void);

/* What is known of a block; the address is the key. */
struct live_block {
	uint64_t address;
	uint64_t size;
	struct sample_weight weight;
	uint64_t birth_ns;
	uint32_t stack;
	uint32_t thread;
};

enum live_table_result {
	LIVE_TABLE_OK,
	LIVE_TABLE_ABSENT,
	LIVE_TABLE_FULL, /* no space for another block */
	LIVE_TABLE_BUSY, /* the shard's lock stayed taken, or is (wait false) */
};

/*
 * Adds a block. One that was there under the same address is replaced: its free
 * was not seen. It is copied to *stale, whose address is 0 otherwise.
 */
enum live_table_result live_table_insert(const struct live_block *block, struct live_block *stale);

/* Takes the block at `address` out and copies it to *removed. */
enum live_table_result live_table_remove(uint64_t address, bool wait, struct live_block *removed);

/*
 * Calls decide() for every block, with its shard locked; decide() sets
 * weight->objects to 0 to have the block removed, or changes the weight. Returns the number
 * of blocks removed. decide() must not call this table.
 */
typedef void live_table_decide(const struct live_block *block, struct sample_weight *weight,
			       void *context);
uint64_t live_table_reweigh(live_table_decide *decide, void *context);

/* Bytes of the private index that are in use, about. */
size_t live_table_index_bytes(void);

/* Whether more than that part of the table's space is in use. */
bool live_table_is_fuller_than(unsigned percent);

#endif
