/*
 * What the slow paths of all hooks have in common. A hook reaches its slow path
 * by a tail jump, so that the slow path's return address is the program's and
 * the walk of the stack starts at the caller of malloc.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INTERPOSE_SLOW_PATH_H
#define INTERPOSE_SLOW_PATH_H

#include "interpose/early_arena.h"
#include "interpose/lifecycle.h"
#include "sampler/free_filter.h"
#include "sampler/sample_clock.h"
#include "sampler/sampler.h"

#define HOOK __attribute__((visibility("default")))

/* Never inlined, split or cloned: the frame must be its own, and whole. */
#if __has_attribute(noipa)
#define SLOW_PATH static __attribute__((cold, noinline, noipa))
#else
#define SLOW_PATH static __attribute__((cold, noinline))
#endif

/* A part of a slow path whose variables are not to take up stack while the
 * sampler walks it: there may be little left. */
#define NOT_INLINED __attribute__((noinline))

/* Records `block` if there is one and the clock chose it; returns it. */
static inline __attribute__((always_inline)) void *
slow_path_record(void *block, size_t size, uint64_t interval, const struct stack_start *caller)
{
	if (block && interval)
		sampler_on_alloc(block, size, interval, caller);
	return block;
}

/* After the real call: the sample that was taken aside is over, or is put back. */
static inline void slow_path_settle(const struct sampler_aside *aside, bool is_gone)
{
	if (is_gone)
		sampler_drop_aside(aside);
	else
		sampler_put_back(aside);
}

/* Tells the sampler of a free to come; false when the block is of the early
 * arena, and must not be given to the real allocator. */
static inline bool slow_path_release(void *block)
{
	if (early_arena_contains(block))
		return false;
	sampler_on_free(block);
	return true;
}

#endif
