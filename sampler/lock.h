/*
 * Locks that may be taken inside malloc: short, bounded, private to the
 * process, and never waited for by a signal handler.
 *
 * Locks nest in the order of enum lock_rank: who holds one may take only a
 * higher one. A thread that finds a lock in its own hands has left the critical
 * section by longjmp from a signal handler, and takes it over.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_LOCK_H
#define SAMPLER_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sampler/thread_state.h"

enum lock_rank {
	LOCK_LIVE_SHARD,  /* live_table.c, one per shard */
	LOCK_STACK_TABLE, /* stack_table.c, inserts only */
	LOCK_LEDGER,	  /* ledger.c */
	LOCK_GROWTH,	  /* segment_writer.c, taking space */
};

struct lock {
	_Atomic uintptr_t owner; /* lock_self() of the holder, 0: free */
};

/* A number that no two living threads share, never 0. */
static inline uintptr_t lock_self(void)
{
	return (uintptr_t)&thread_state;
}

/* Waits for the lock, at most about a tenth of a second; false when it stayed
 * taken. Not for signal handlers that may have interrupted a holder. */
bool lock_take_slowly(struct lock *lock);

/* Takes the lock if it is free now; for signal handlers. */
static inline bool lock_try(struct lock *lock)
{
	uintptr_t free = 0;

	return atomic_compare_exchange_strong_explicit(&lock->owner, &free, lock_self(),
						       memory_order_acquire, memory_order_relaxed);
}

/* Whether this thread holds it: outside its critical section that means it was
 * left there by longjmp. */
static inline bool lock_is_mine(struct lock *lock)
{
	return atomic_load_explicit(&lock->owner, memory_order_acquire) == lock_self();
}

static inline bool lock_take(struct lock *lock)
{
	return lock_try(lock) || lock_take_slowly(lock);
}

static inline void lock_release(struct lock *lock)
{
	atomic_store_explicit(&lock->owner, 0, memory_order_release);
}

#endif
