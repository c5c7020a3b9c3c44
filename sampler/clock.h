/*
 * Monotonic time, asked for at every event in exact mode, where the system's
 * clock would cost a quarter of the whole.
 *
 * Context: inside malloc, any thread, signal handlers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_CLOCK_H
#define SAMPLER_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Chooses the clock. `often` asks for one that is cheap rather than exact to the
 * nanosecond: the processor's counter, where the kernel itself trusts that.
 */
void clock_init(bool often);

/* CLOCK_MONOTONIC in ns; within a microsecond of it after clock_init(true), and
 * then possibly a little less than an earlier answer. */
uint64_t clock_now_ns(void);

/* In a forked child: a thread that was setting the clock does not exist here. */
void clock_after_fork(void);

#endif
