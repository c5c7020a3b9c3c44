/*
 * The Poisson clock: how many bytes a thread may still allocate until its next
 * sample, and what a sample weighs.
 *
 * Context: the inline part is the fast path of every allocation.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_SAMPLE_CLOCK_H
#define SAMPLER_SAMPLE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sampler/thread_state.h"

/*
 * Subtracts `size` from the thread's countdown; true when it has come to zero
 * or below, and the slow path must be taken. "Or zero" lets a zeroed countdown
 * catch malloc(0): a new thread's first call, and every call in exact mode.
 */
static inline bool sample_clock_expires(size_t size)
{
#if defined(__x86_64__)
	bool expired;

	__asm__("sub %2, %1" : "=@ccbe"(expired), "+m"(thread_state.countdown) : "r"(size));
	return __builtin_expect(expired, 0);
#else
	const uint64_t before = thread_state.countdown;

	thread_state.countdown = before - size;
	return __builtin_expect(before <= size, 0);
#endif
}

/* Below this mean gap, in bytes, so many blocks are tracked that the library
 * arranges itself as in exact mode: a larger budget, a cheaper clock. */
#define SAMPLE_CLOCK_DENSE_BELOW 4096

/* What one sample stands for. */
struct sample_weight {
	uint64_t bytes;	  /* size / p, rounded */
	uint64_t objects; /* 1 / p, fixed point (SEGMENT_OBJECT_SHIFT) */
};

/*
 * The Horvitz-Thompson weight of a block of `size` bytes sampled with a mean
 * gap of `interval` bytes: p = 1 - exp(-size / interval). Horvitz and Thompson,
 * JASA 47 (1952). interval 1 is the exact mode: p = 1.
 */
struct sample_weight sample_clock_weight(uint64_t size, uint64_t interval);

/* 1 / p of a block of `size` bytes at `interval`, as a real number. */
double sample_clock_inverse_probability(uint64_t size, uint64_t interval);

/* A gap in bytes, at least 1: exponential with mean `interval`, rounded up, so
 * that a block of s bytes is met with probability 1 - exp(-s / interval). */
uint64_t sample_clock_draw(uint64_t *random, uint64_t interval);

/* The next value of a 64-bit generator (splitmix64: Steele, Lea and Flood,
 * OOPSLA 2014); *random is its whole state. */
uint64_t sample_clock_random(uint64_t *random);

#endif
