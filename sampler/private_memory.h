/*
 * Memory of the library's own, taken from the kernel in large pieces: nothing
 * inside a hook may call the program's allocator.
 *
 * Context: inside malloc, any thread, signal handlers; no lock.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_PRIVATE_MEMORY_H
#define SAMPLER_PRIVATE_MEMORY_H

#include <stddef.h>

/*
 * `size` zeroed bytes, 16-aligned, valid for the life of the process (a forked
 * child has its own copy); NULL when the kernel has none. Never freed.
 */
void *private_memory_alloc(size_t size);

/* `size` zeroed bytes, page-aligned, resident only as far as touched; give it
 * back with private_memory_unmap(). NULL when the kernel has none. */
void *private_memory_map(size_t size);
void private_memory_unmap(void *memory, size_t size);

/* Bytes taken so far, for the private_bytes counter: what private_memory_alloc()
 * gave, and what was mapped and private_memory_keep() was told of. */
size_t private_memory_total(void);
void private_memory_keep(size_t size);

#endif
