/*
 * jemalloc's extended calls, for programs that make them. Without a jemalloc
 * behind us they allocate nothing, and free as free() does.
 *
 * Context and Invariant: as for malloc and free.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "interpose/real_malloc.h"
#include "interpose/slow_path.h"

void *mallocx(size_t size, int flags);
void *rallocx(void *old, size_t size, int flags);
size_t xallocx(void *block, size_t size, size_t extra, int flags);
void dallocx(void *block, int flags);
void sdallocx(void *block, size_t size, int flags);

SLOW_PATH void *mallocx_slowly(size_t size, int flags)
{
	const struct stack_start caller = STACK_START_OF_CALLER();
	const uint64_t interval = lifecycle_charge(size);

	return slow_path_record(real_malloc.mallocx(size, flags), size, interval, &caller);
}

HOOK void *mallocx(size_t size, int flags)
{
	if (sample_clock_expires(size))
		return mallocx_slowly(size, flags);
	return real_malloc.mallocx(size, flags);
}

static NOT_INLINED void *rallocx_really(void *old, size_t size, int flags)
{
	struct sampler_aside aside;
	void *block;

	sampler_take_aside(old, &aside);
	block = real_malloc.rallocx(old, size, flags);
	slow_path_settle(&aside, block != NULL);
	return block;
}

SLOW_PATH void *rallocx_slowly(void *old, size_t size, int flags, bool is_charged)
{
	const struct stack_start caller = STACK_START_OF_CALLER();
	const uint64_t interval = is_charged ? lifecycle_charge(size) : 0;

	return slow_path_record(rallocx_really(old, size, flags), size, interval, &caller);
}

HOOK void *rallocx(void *old, size_t size, int flags)
{
	if (sample_clock_expires(size))
		return rallocx_slowly(old, size, flags, true);
	if (free_filter_may_contain(old))
		return rallocx_slowly(old, size, flags, false);
	return real_malloc.rallocx(old, size, flags);
}

/* Resizes in place, and returns the size the block has afterwards: less than
 * was asked for when it could not. */
static NOT_INLINED size_t xallocx_really(void *block, size_t size, size_t extra, int flags)
{
	struct sampler_aside aside;
	size_t now;

	sampler_take_aside(block, &aside);
	now = real_malloc.xallocx(block, size, extra, flags);
	slow_path_settle(&aside, now >= size);
	return now;
}

SLOW_PATH size_t xallocx_slowly(void *block, size_t size, size_t extra, int flags, bool is_charged)
{
	const struct stack_start caller = STACK_START_OF_CALLER();
	const uint64_t interval = is_charged ? lifecycle_charge(size) : 0;
	const size_t now = xallocx_really(block, size, extra, flags);

	if (now >= size)
		slow_path_record(block, size, interval, &caller);
	return now;
}

HOOK size_t xallocx(void *block, size_t size, size_t extra, int flags)
{
	if (sample_clock_expires(size))
		return xallocx_slowly(block, size, extra, flags, true);
	if (free_filter_may_contain(block))
		return xallocx_slowly(block, size, extra, flags, false);
	return real_malloc.xallocx(block, size, extra, flags);
}

SLOW_PATH void dallocx_slowly(void *block, int flags)
{
	if (slow_path_release(block))
		real_malloc.dallocx(block, flags);
}

HOOK void dallocx(void *block, int flags)
{
	if (free_filter_may_contain(block))
		dallocx_slowly(block, flags);
	else
		real_malloc.dallocx(block, flags);
}

SLOW_PATH void sdallocx_slowly(void *block, size_t size, int flags)
{
	if (slow_path_release(block))
		real_malloc.sdallocx(block, size, flags);
}

HOOK void sdallocx(void *block, size_t size, int flags)
{
	if (free_filter_may_contain(block))
		sdallocx_slowly(block, size, flags);
	else
		real_malloc.sdallocx(block, size, flags);
}
