/*
 * A counting filter over the addresses of sampled live blocks: one byte load
 * tells free() that a block is certainly not a sample.
 *
 * Context: any thread; lock-free.
 * Invariant: no false negative. The cell of every address in the live table,
 * and of every block of the early arena, is above zero from before the address
 * is returned to the program until after the block is freed. A cell that
 * reaches 255 stays there.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_FREE_FILTER_H
#define SAMPLER_FREE_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#define FREE_FILTER_CELLS 65536

extern uint8_t free_filter_cells[FREE_FILTER_CELLS] __attribute__((visibility("hidden")));

/* Multiplicative hashing (Knuth, TAOCP 3, 6.4) with the middle 16 bits, which
 * every bit of a user-space address reaches. */
static inline uint32_t free_filter_cell(const void *block)
{
	return (uint16_t)(((uintptr_t)block * UINT64_C(0x6b43a9b5)) >> 32);
}

static inline bool free_filter_may_contain(const void *block)
{
	const uint8_t *cell = &free_filter_cells[free_filter_cell(block)];
#if defined(__x86_64__)
	bool is_raised;

	/* One instruction, where an atomic load would take two. */
	__asm__ __volatile__("cmpb $0, %1" : "=@ccne"(is_raised) : "m"(*cell));
	return __builtin_expect(is_raised, 0);
#else
	return __builtin_expect(__atomic_load_n(cell, __ATOMIC_RELAXED) != 0, 0);
#endif
}

void free_filter_add(const void *block);
void free_filter_remove(const void *block);

/* For a block of the early arena: its cell stays raised for good. */
void free_filter_add_for_good(const void *block);

/* Forgets all but what was added for good, and cells that are stuck. */
void free_filter_clear(void);

#endif
