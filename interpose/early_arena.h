/*
 * A few kilobytes of static memory for the allocations that arrive while the
 * real allocator is still being looked up (the loader allocates while it looks).
 *
 * Context: any thread; lock-free.
 * Invariant: every block's cell of the free filter is above zero for good, so
 * that free() needs no test of its own to recognise one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INTERPOSE_EARLY_ARENA_H
#define INTERPOSE_EARLY_ARENA_H

#include <stdbool.h>
#include <stddef.h>

/* `size` zeroed bytes, 16-aligned, never given out twice; NULL when the arena is used up. */
void *early_arena_take(size_t size);

bool early_arena_contains(const void *block);

/* Copies what a block of the arena holds to `destination`, at most `size` bytes. */
void early_arena_copy(void *destination, const void *block, size_t size);

#endif
