/*
 * What is true of the profiled process as a whole: its settings, whether it has
 * a segment, the sampling interval in force, and whether it is still the
 * process that it was (a forked child is another one).
 *
 * Context: inside malloc, any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_PROCESS_H
#define SAMPLER_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "sampler/segment_writer.h"

/* See sampler_init(). */
void process_init(const struct settings *settings, const char *allocator, uint32_t notices);
bool process_is_initialised(void);

/* Moves in every forked child; never 0 after process_init(). */
uint32_t process_generation(void);

/*
 * If this is a forked child that has not been noticed as one, forgets the
 * parent's segment and starts afresh. Costs one load otherwise. Threads that
 * share their parent's memory (vfork, CLONE_VM) are not children in this sense.
 * True in the thread that started afresh.
 */
bool process_notice_fork(void);
bool process_after_fork(void);

/* True when there is a segment to write to; makes it when `make` says so and
 * none was made yet. */
bool process_has_segment(bool make);

/* A seed for a thread's random generator, another one each time. */
uint64_t process_next_seed(void);

/* The mean gap in force in bytes, 0 while sampling is switched off. */
uint64_t process_interval(void);
void process_raise_interval(uint64_t interval);

/* Takes over what `heaptide ctl` has asked for since the last call. Returns the
 * generation of these wishes: a gap drawn under another one is to be redrawn. */
uint32_t process_follow_control(void);

/* Frames to keep of a stack; halved when space is short. */
unsigned process_depth(void);
void process_halve_depth(void);

#endif
