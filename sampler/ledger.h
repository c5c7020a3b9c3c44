/*
 * The sums: what each stack allocated and holds, the process's total and its
 * peak, and the histograms. Every sample enters and leaves through here.
 *
 * Context: inside malloc, guarded against re-entry by the caller.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_LEDGER_H
#define SAMPLER_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "sampler/sample_clock.h"
#include "sampler/segment_layout.h"

/* Starts the books of a new segment; false: no memory. Not thread-safe. */
bool ledger_new_segment(void);

/* Every other function is called between these two. ledger_open() is false when
 * the lock stayed taken, or, for a signal handler that must not wait (`wait`
 * false), when it is taken now. */
bool ledger_open(bool wait);
void ledger_close(void);

/* A block of `size` bytes was sampled. */
void ledger_add(uint32_t stack, uint64_t size, struct sample_weight weight, uint64_t now_ns);

/* A sampled block is live no longer: freed after `lifetime_ns`. */
void ledger_free(uint32_t stack, struct sample_weight weight, uint64_t lifetime_ns);

/* A sampled block is no longer followed, or with another weight: its live amount
 * changes, and nothing was freed. A weight of 0 objects means none. */
void ledger_reweigh(uint32_t stack, struct sample_weight before, struct sample_weight after,
		    uint64_t now_ns);

#endif
