/*
 * A bump allocator over pieces of memory mapped from the kernel. It only ever
 * grows: what the library keeps for itself, it keeps for good.
 *
 * Context: inside malloc, any thread, signal handlers; lock-free.
 * Invariant: a piece's `used` may pass its size; only the bytes below the size
 * were handed out.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "sampler/private_memory.h"

#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>

#define PIECE_SIZE (UINT64_C(64) << 10)
#define ALIGNMENT 16

struct piece {
	size_t size;
	_Atomic size_t used; /* including this header */
};

static _Atomic(struct piece *) current_piece;
static _Atomic size_t total;

void *private_memory_map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

void private_memory_unmap(void *memory, size_t size)
{
	munmap(memory, size);
}

void private_memory_keep(size_t size)
{
	atomic_fetch_add_explicit(&total, size, memory_order_relaxed);
}

static void *take_from(struct piece *piece, size_t size)
{
	const size_t offset = atomic_fetch_add_explicit(&piece->used, size, memory_order_relaxed);

	return offset + size <= piece->size ? (char *)piece + offset : NULL;
}

void *private_memory_alloc(size_t size)
{
	size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	for (;;) {
		struct piece *piece = atomic_load_explicit(&current_piece, memory_order_acquire);
		void *memory = piece ? take_from(piece, size) : NULL;

		if (memory) {
			private_memory_keep(size);
			return memory;
		}
		const size_t wanted = sizeof(struct piece) + size;
		const size_t length = wanted > PIECE_SIZE ? wanted : PIECE_SIZE;
		struct piece *fresh = private_memory_map(length);

		if (!fresh)
			return NULL;
		fresh->size = length;
		atomic_init(&fresh->used, sizeof(*fresh));
		if (!atomic_compare_exchange_strong(&current_piece, &piece, fresh))
			private_memory_unmap(fresh, length);
	}
}

size_t private_memory_total(void)
{
	return atomic_load_explicit(&total, memory_order_relaxed);
}
