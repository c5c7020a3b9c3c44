/*
 * The arena only ever grows: it serves a handful of small blocks in the life
 * of a process.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "interpose/early_arena.h"

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "sampler/free_filter.h"

#define ARENA_SIZE (32 << 10)
#define ALIGNMENT 16

struct early_block {
	size_t size;
	_Alignas(ALIGNMENT) unsigned char bytes[];
};

static _Alignas(ALIGNMENT) unsigned char arena[ARENA_SIZE];
static _Atomic size_t used;

void *early_arena_take(size_t size)
{
	size_t offset = atomic_load(&used);
	size_t end;

	if (size > ARENA_SIZE)
		return NULL;
	do {
		end = offset + ((sizeof(struct early_block) + size + ALIGNMENT - 1) &
				~(size_t)(ALIGNMENT - 1));
		if (end > ARENA_SIZE)
			return NULL;
	} while (!atomic_compare_exchange_weak(&used, &offset, end));

	struct early_block *block = (struct early_block *)(arena + offset);

	block->size = size;
	free_filter_add_for_good(block->bytes);
	return block->bytes;
}

bool early_arena_contains(const void *block)
{
	return (uintptr_t)block - (uintptr_t)arena < ARENA_SIZE;
}

void early_arena_copy(void *destination, const void *block, size_t size)
{
	const struct early_block *early =
		(const void *)((const unsigned char *)block - sizeof(struct early_block));

	memcpy(destination, block, size < early->size ? size : early->size);
}
