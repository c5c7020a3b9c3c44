/*
 * Walking stacks with libunwind, for machines where the compiled tables are
 * doubted. It is opened on request and never linked: its _Unwind_* functions
 * would take the place of libgcc's in the program.
 *
 * Context: inside malloc. libunwind may take the loader's lock, allocate and
 * use several KiB of stack, which is why it is only an option.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_STACK_LIBUNWIND_H
#define SAMPLER_STACK_LIBUNWIND_H

#include <stdbool.h>

#include "sampler/stack_capture.h"

/* Context: initialisation. */
bool stack_libunwind_open(void);

/* As stack_capture(), once stack_libunwind_open() has returned true. */
unsigned stack_libunwind_walk(const struct stack_start *start, uint64_t *frames, unsigned max_depth,
			      uint16_t *flags);

#endif
