/*
 * What the hooks tell the sampler. Everything here is slow path: the fast path
 * is sample_clock_expires() and free_filter_may_contain(), inlined in the hooks.
 *
 * Context: any thread of the program, under any of its locks, in signal
 * handlers. Nothing here allocates from the program's allocator, blocks for
 * long, or changes errno.
 * Invariant: a free is reported before the real free and an allocation after
 * the real one, so the live table never holds two owners of one address.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_SAMPLER_H
#define SAMPLER_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sampler/live_table.h"
#include "sampler/segment_writer.h"
#include "sampler/stack_capture.h"

/*
 * Gives the sampler its settings; the first call counts, later ones do
 * nothing. Until then every allocation passes unseen. The segment is made at
 * the first sample, or now when the settings say start=off.
 * `allocator` is the path of the object that holds the real malloc ("" unknown).
 */
void sampler_init(const struct settings *settings, const char *allocator, uint32_t notices);

/*
 * The countdown of this thread has expired for an allocation of `size` bytes
 * (which sample_clock_expires() has subtracted already). Draws the next gap and
 * returns the sampling interval in bytes with which this allocation is to be
 * recorded, or 0 when it is not a sample.
 */
uint64_t sampler_charge(size_t size);

/* Records the sample: `block`, not NULL, is what the real allocator returned
 * for `size` bytes, `interval` is what sampler_charge() said. */
void sampler_on_alloc(void *block, size_t size, uint64_t interval,
		      const struct stack_start *caller);

/* `block` is about to be freed and free_filter_may_contain() says that it may
 * be a sample. NULL and unsampled addresses are fine. */
void sampler_on_free(void *block);

/* A sample taken aside while realloc runs. When the block was not a sample,
 * is_tracked is false and the rest undefined. */
struct sampler_aside {
	struct live_block block;
	bool is_tracked;
};

/* realloc, in three steps: take the old block's sample aside, call the real
 * function, then drop it (the old block is gone) or put it back (it failed). */
void sampler_take_aside(void *block, struct sampler_aside *aside);
void sampler_drop_aside(const struct sampler_aside *aside);
void sampler_put_back(const struct sampler_aside *aside);

/* The process has come to its exit handlers. */
void sampler_at_exit(void);

/* In a forked child, single-threaded; also noticed without it at the child's
 * next slow path. */
void sampler_after_fork(void);

#endif
