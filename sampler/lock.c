/*
 * The slow half of lock.h: waiting.
 *
 * Context: inside malloc, any thread; makes system calls only after the lock
 * was found taken for a while.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "sampler/lock.h"

#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { SPINS = 100, YIELDS = 200, NAPS = 1000 };
#define NAP_NS 100000

static inline void pause_briefly(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#else
	__asm__ volatile("yield");
#endif
}

bool lock_take_slowly(struct lock *lock)
{
	/* A raw system call: nanosleep() is a cancellation point. */
	const struct timespec nap = {.tv_nsec = NAP_NS};

	if (lock_is_mine(lock))
		return true;
	for (int i = 0; i < SPINS + YIELDS + NAPS; i++) {
		if (atomic_load_explicit(&lock->owner, memory_order_relaxed) == 0 && lock_try(lock))
			return true;
		if (i < SPINS)
			pause_briefly();
		else if (i < SPINS + YIELDS)
			sched_yield();
		else
			syscall(SYS_nanosleep, &nap, NULL);
	}
	return false;
}
