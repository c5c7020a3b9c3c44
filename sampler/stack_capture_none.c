/*
 * The caller alone, where there is no walk of the stack for the architecture.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/stack_capture.h"

__attribute__((weak)) bool stack_capture_init(enum segment_unwinder unwinder)
{
	return unwinder != SEGMENT_UNWIND_LIBUNWIND;
}

__attribute__((weak)) unsigned stack_capture(const struct stack_start *start, uint64_t *frames,
					     unsigned max_depth, uint16_t *flags)
{
	if (max_depth > 0)
		frames[0] = start->ip;
	*flags |= SEGMENT_STACK_INCOMPLETE;
	return max_depth > 0;
}

__attribute__((weak)) void stack_capture_after_fork(void)
{
}
