/*
 * The allocation calls of the target program arrive here. Each hook calls the
 * real allocator and tells the sampler what happened; it decides nothing.
 *
 * An allocating hook subtracts the size from the thread's countdown and jumps
 * to the real function; a freeing one looks into the free filter and jumps.
 * Everything else is a slow path, a function of its own.
 *
 * Context: any thread of the target, under any of its locks, in atfork
 * handlers and in signal handlers. May not allocate, block or change errno.
 * Invariant: a free is reported before the real free, an allocation after the
 * real one, so the live table never holds two owners of one address.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "interpose/real_malloc.h"
#include "interpose/slow_path.h"

/* ---- taking ---------------------------------------------------------- */

SLOW_PATH void *malloc_slowly(size_t size)
{
	const struct stack_start caller = STACK_START_OF_CALLER();
	const uint64_t interval = lifecycle_charge(size);

	return slow_path_record(real_malloc.malloc(size), size, interval, &caller);
}

HOOK void *malloc(size_t size)
{
	if (sample_clock_expires(size))
		return malloc_slowly(size);
	return real_malloc.malloc(size);
}

SLOW_PATH void *calloc_slowly(size_t count, size_t size)
{
	const struct stack_start caller = STACK_START_OF_CALLER();
	const uint64_t interval = lifecycle_charge(count * size);

	return slow_path_record(real_malloc.calloc(count, size), count * size, interval, &caller);
}

HOOK void *calloc(size_t count, size_t size)
{
	size_t bytes;

	/* What overflows is not counted: the real function says no. */
	if (!__builtin_mul_overflow(count, size, &bytes) && sample_clock_expires(bytes))
		return calloc_slowly(count, size);
	return real_malloc.calloc(count, size);
}

SLOW_PATH void *memalign_slowly(size_t alignment, size_t size)
{
	const struct stack_start caller = STACK_START_OF_CALLER();
	const uint64_t interval = lifecycle_charge(size);

	return slow_path_record(real_malloc.memalign(alignment, size), size, interval, &caller);
}

HOOK void *memalign(size_t alignment, size_t size)
{
	if (sample_clock_expires(size))
		return memalign_slowly(alignment, size);
	return real_malloc.memalign(alignment, size);
}

SLOW_PATH void *aligned_alloc_slowly(size_t alignment, size_t size)
{
	const struct stack_start caller = STACK_START_OF_CALLER();
	const uint64_t interval = lifecycle_charge(size);

	return slow_path_record(real_malloc.aligned_alloc(alignment, size), size, interval,
				&caller);
}

HOOK void *aligned_alloc(size_t alignment, size_t size)
{
	if (sample_clock_expires(size))
		return aligned_alloc_slowly(alignment, size);
	return real_malloc.aligned_alloc(alignment, size);
}

SLOW_PATH int posix_memalign_slowly(void **block, size_t alignment, size_t size)
{
	const struct stack_start caller = STACK_START_OF_CALLER();
	const uint64_t interval = lifecycle_charge(size);
	const int error = real_malloc.posix_memalign(block, alignment, size);

	if (!error)
		slow_path_record(*block, size, interval, &caller);
	return error;
}

HOOK int posix_memalign(void **block, size_t alignment, size_t size)
{
	if (sample_clock_expires(size))
		return posix_memalign_slowly(block, alignment, size);
	return real_malloc.posix_memalign(block, alignment, size);
}

SLOW_PATH void *valloc_slowly(size_t size)
{
	const struct stack_start caller = STACK_START_OF_CALLER();
	const uint64_t interval = lifecycle_charge(size);

	return slow_path_record(real_malloc.valloc(size), size, interval, &caller);
}

HOOK void *valloc(size_t size)
{
	if (sample_clock_expires(size))
		return valloc_slowly(size);
	return real_malloc.valloc(size);
}

SLOW_PATH void *pvalloc_slowly(size_t size)
{
	const struct stack_start caller = STACK_START_OF_CALLER();
	const uint64_t interval = lifecycle_charge(size);

	return slow_path_record(real_malloc.pvalloc(size), size, interval, &caller);
}

HOOK void *pvalloc(size_t size)
{
	if (sample_clock_expires(size))
		return pvalloc_slowly(size);
	return real_malloc.pvalloc(size);
}

/* ---- resizing -------------------------------------------------------- */

static void *move_out_of_arena(void *early, size_t size)
{
	void *block = real_malloc.malloc(size);

	if (block)
		early_arena_copy(block, early, size);
	return block;
}

/* The real realloc, and the end of the old block's sample. */
static NOT_INLINED void *resize_really(void *old, size_t size)
{
	struct sampler_aside aside;
	void *block;

	if (early_arena_contains(old))
		return move_out_of_arena(old, size);
	sampler_take_aside(old, &aside);
	block = real_malloc.realloc(old, size);
	/* Nothing for a size of 0 is success: the old block is gone. */
	slow_path_settle(&aside, block || size == 0);
	return block;
}

/* A resized block is a free and an allocation of `size` bytes, also in place. */
SLOW_PATH void *realloc_slowly(void *old, size_t size, bool is_charged)
{
	const struct stack_start caller = STACK_START_OF_CALLER();
	const uint64_t interval = is_charged ? lifecycle_charge(size) : 0;

	return slow_path_record(resize_really(old, size), size, interval, &caller);
}

static inline __attribute__((always_inline)) void *resize(void *old, size_t size)
{
	if (sample_clock_expires(size))
		return realloc_slowly(old, size, true);
	if (free_filter_may_contain(old))
		return realloc_slowly(old, size, false);
	return real_malloc.realloc(old, size);
}

HOOK void *realloc(void *old, size_t size)
{
	return resize(old, size);
}

/* Not passed on, because some allocators' reallocarray calls realloc, which is
 * this library's, and others' does not. */
HOOK void *reallocarray(void *old, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		return real_malloc.reallocarray(old, count, size);
	return resize(old, bytes);
}

/* ---- giving back ----------------------------------------------------- */

SLOW_PATH void free_slowly(void *block)
{
	if (slow_path_release(block))
		real_malloc.free(block);
}

HOOK void free(void *block)
{
	if (free_filter_may_contain(block))
		free_slowly(block);
	else
		real_malloc.free(block);
}

void cfree(void *block);

HOOK void cfree(void *block)
{
	free(block);
}

SLOW_PATH void free_sized_slowly(void *block, size_t size)
{
	if (slow_path_release(block))
		real_malloc.free_sized(block, size);
}

void free_sized(void *block, size_t size);

HOOK void free_sized(void *block, size_t size)
{
	if (free_filter_may_contain(block))
		free_sized_slowly(block, size);
	else
		real_malloc.free_sized(block, size);
}

SLOW_PATH void free_aligned_sized_slowly(void *block, size_t alignment, size_t size)
{
	if (slow_path_release(block))
		real_malloc.free_aligned_sized(block, alignment, size);
}

void free_aligned_sized(void *block, size_t alignment, size_t size);

HOOK void free_aligned_sized(void *block, size_t alignment, size_t size)
{
	if (free_filter_may_contain(block))
		free_aligned_sized_slowly(block, alignment, size);
	else
		real_malloc.free_aligned_sized(block, alignment, size);
}
