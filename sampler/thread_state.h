/*
 * What the library keeps per thread: 64 zero-initialised bytes of initial-exec
 * TLS, without a constructor, a destructor or a pthread key, so that it is
 * valid from a thread's first instruction to its last.
 *
 * Invariant: all zero means "this thread was never seen", and makes the first
 * allocation of a thread take the slow path, which fills the state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_THREAD_STATE_H
#define SAMPLER_THREAD_STATE_H

#include <stdint.h>

struct thread_state {
	/* Bytes until the slow path is taken. The fast path of every
	 * allocation subtracts from it; see sample_clock_expires(). */
	uint64_t countdown;
	/* Bytes of the present gap that were not put into countdown. */
	uint64_t remaining;
	uint64_t interval; /* the interval the gap was drawn with; 0: no gap drawn yet */
	uint64_t random;   /* state of the random generator */
	/* The frame address of the slow path that is running, 0 when none is:
	 * an allocation or free that finds it set comes from a signal handler. */
	uintptr_t guard;
	/* From here up to its thread pointer, this thread's own stack is known to
	 * be readable; 0: not known, UINTPTR_MAX: it is not. See stack_bounds.c. */
	uintptr_t stack_low;
	uint32_t thread_record;	     /* index into SEGMENT_THREADS, of process_generation */
	uint32_t process_generation; /* moves in a forked child: 0 means never initialised */
	uint32_t control_generation; /* the segment's, when the gap was drawn */
	uint32_t slow_paths;	     /* counts, to time every 64th */
};

_Static_assert(sizeof(struct thread_state) <= 64,
	       "static TLS is scarce: a preloaded library may take 64 bytes of it");

extern _Thread_local struct thread_state thread_state
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

#endif
