/*
 * Walking the stack of the thread that allocates, by the compiled tables of
 * unwind_table.c, by frame pointers, or with libunwind.
 *
 * Context: inside malloc of somebody else's program, in any thread, in signal
 * handlers, possibly on a broken stack and with 1 KiB of it left. Takes no
 * lock that it waits for, does not allocate from the program's allocator,
 * never calls dl_iterate_phdr, dladdr or dlsym, and cannot fault: every load
 * is bounded by the thread's stack or checked.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_STACK_CAPTURE_H
#define SAMPLER_STACK_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "sampler/segment_layout.h"

/* The registers of the frame at which a walk starts: the caller of malloc. */
struct stack_start {
	uintptr_t ip; /* the return address into that frame */
	uintptr_t sp; /* its stack pointer just after the call returns */
	uintptr_t bp; /* its frame pointer register */
};

/*
 * The stack_start of the caller of the function in which it stands, which the
 * use of __builtin_frame_address() gives a frame pointer. It must have been
 * reached by a call or tail jump from the program, so that its return address
 * is the program's. On aarch64 the frame record is not next to the caller's
 * frame; the CFA is the caller's stack pointer everywhere.
 */
#define STACK_START_OF_CALLER()                                           \
	((struct stack_start){                                            \
		.ip = ((const uintptr_t *)__builtin_frame_address(0))[1], \
		.sp = (uintptr_t)__builtin_dwarf_cfa(),                   \
		.bp = ((const uintptr_t *)__builtin_frame_address(0))[0], \
	})

/*
 * Chooses how stacks are walked, once, before the first stack_capture(). For
 * libunwind it opens the library; returns false when that cannot be had, and
 * then the tables are used. Context: initialisation, allocation allowed.
 */
bool stack_capture_init(enum segment_unwinder unwinder);

/*
 * Writes the return addresses from `start` outwards to frames[0 .. max_depth),
 * innermost (start->ip) first, and returns how many. Each is a return address
 * (look it up at address - 1), except one found in a signal frame, which is the
 * interrupted instruction itself and is stored + 1, so that all are alike.
 * Or-s SEGMENT_STACK_TRUNCATED or SEGMENT_STACK_INCOMPLETE into *flags.
 */
unsigned stack_capture(const struct stack_start *start, uint64_t *frames, unsigned max_depth,
		       uint16_t *flags);

struct stack_trail;

/*
 * The same, but remembers the walk in *trail (zeroed at first) and ends where it
 * meets the one before. `frames` must be the same memory each time a trail is
 * used: when trail->is_repeated is true afterwards, it holds the stack already.
 * max_depth is at most STACK_TRAIL_DEPTH.
 */
unsigned stack_capture_by_trail(const struct stack_start *start, struct stack_trail *trail,
				uint64_t *frames, unsigned max_depth, uint16_t *flags);

/* In a forked child, before anything else there is captured: forgets locks held
 * by threads that do not exist in the child. */
void stack_capture_after_fork(void);

#endif
