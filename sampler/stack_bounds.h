/*
 * Which addresses of a stack may be read: those of the main thread's stack or
 * of the running thread's own stack without asking, all others (alternate
 * signal stacks, coroutines) page by page after asking the kernel.
 *
 * Context: inside malloc, signal handlers, on any stack.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_STACK_BOUNDS_H
#define SAMPLER_STACK_BOUNDS_H

#include <stdbool.h>
#include <stdint.h>

/* Readable memory: [low, low + size). */
struct stack_bounds {
	uintptr_t low, size;
	bool grows; /* a window on an unknown stack, which moves as pages are asked for */
};

/* Finds the main thread's stack; once, in the main thread. */
void stack_bounds_init(void);

/* The bounds of the stack on which `sp` lies. */
void stack_bounds_find(struct stack_bounds *bounds, uintptr_t sp);

/* Whether the word at `address` outside the bounds can be read all the same;
 * moves them there if they may grow. */
bool stack_bounds_extend(struct stack_bounds *bounds, uintptr_t address);

/* Reads the word at `address`; false when it must not be read. */
__attribute__((no_sanitize("address"))) static inline bool
stack_bounds_load(struct stack_bounds *bounds, uintptr_t address, uintptr_t *word)
{
	if (__builtin_expect(address - bounds->low >= bounds->size, 0) &&
	    !stack_bounds_extend(bounds, address))
		return false;
	*word = *(const uintptr_t *)address;
	return true;
}

#endif
