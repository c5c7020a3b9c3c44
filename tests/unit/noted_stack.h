/*
 * Stacks with notes: each function of a chain notes its return address, and the
 * notes must be found in the captured stack, in their order. Each test program
 * that includes this has its own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_UNIT_NOTED_STACK_H
#define TESTS_UNIT_NOTED_STACK_H

#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "sampler/stack_capture.h"
#include "tests/unit/unit.h"

#define PAGE 4096
#define MAX_DEPTH 128
/* Not every test needs every helper. */
#define UNUSED __attribute__((unused))
#define NOINLINE __attribute__((noinline, unused))

static uintptr_t notes[64];
static unsigned noted;
static uint64_t frames[MAX_DEPTH];
static unsigned depth, limit = MAX_DEPTH;
static uint16_t flags;

/* Notes where the function will return to; it must not end in a tail call. */
#define NOTE() \
	(notes[noted++] = (uintptr_t)__builtin_extract_return_addr(__builtin_return_address(0)))
#define NO_TAIL_CALL() __asm__ volatile("")

/* Captures the stack of its caller. */
static NOINLINE void take(void)
{
	const struct stack_start start = STACK_START_OF_CALLER();

	NOTE();
	flags = 0;
	depth = stack_capture(&start, frames, limit, &flags);
}

static NOINLINE void chain(unsigned calls)
{
	NOTE();
	if (calls > 0)
		chain(calls - 1);
	else
		take();
	NO_TAIL_CALL();
}

static UNUSED void start_test(void)
{
	stack_capture_init(SEGMENT_UNWIND_TABLES);
	noted = 0;
	depth = 0;
}

/* How many of the notes, the last first, are in the stack in this order. */
static UNUSED unsigned notes_found(void)
{
	unsigned left = noted;

	for (unsigned i = 0; i < depth && left > 0; i++)
		if (frames[i] == notes[left - 1])
			left--;
	return noted - left;
}

#define ck_assert_whole_stack()                          \
	do {                                             \
		ck_assert_uint_eq(notes_found(), noted); \
		ck_assert_uint_eq(flags, 0);             \
	} while (0)

/* A stack of `size` bytes between pages that cannot be read. */
static UNUSED char *map_stack(size_t size)
{
	char *memory = mmap(NULL, size + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(memory, MAP_FAILED);
	ck_assert_int_eq(mprotect(memory + PAGE, size, PROT_READ | PROT_WRITE), 0);
	return memory + PAGE;
}

static UNUSED void on_signal(int number)
{
	(void)number;
	take();
}

static UNUSED void use_alternate_stack(void)
{
	const stack_t alternate = {.ss_sp = map_stack(16 * PAGE), .ss_size = 16 * PAGE};

	ck_assert_int_eq(sigaltstack(&alternate, NULL), 0);
}

static UNUSED void handle(int number, void (*handler)(int), int action_flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = action_flags};

	ck_assert_int_eq(sigaction(number, &action, NULL), 0);
}

static NOINLINE void raise_in_chain(unsigned calls)
{
	NOTE();
	if (calls > 0)
		raise_in_chain(calls - 1);
	else
		raise(SIGUSR1);
	NO_TAIL_CALL();
}

static ucontext_t main_context, coroutine;
static void (*volatile coroutine_work)(void);

static UNUSED void run_coroutine(void)
{
	coroutine_work();
	NO_TAIL_CALL();
}

static UNUSED void start_coroutine(char *stack, size_t size, void (*work)(void))
{
	ck_assert_int_eq(getcontext(&coroutine), 0);
	coroutine.uc_stack.ss_sp = stack;
	coroutine.uc_stack.ss_size = size;
	coroutine.uc_link = &main_context;
	coroutine_work = work;
	makecontext(&coroutine, run_coroutine, 0);
	ck_assert_int_eq(swapcontext(&main_context, &coroutine), 0);
}

static NOINLINE void take_and_return_twice(void)
{
	NOTE();
	chain(4);
	ck_assert_int_eq(swapcontext(&coroutine, &main_context), 0);
	noted = 0;
	chain(2);
}

static uint64_t random_state = 88172645463325252;

static UNUSED uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static NOINLINE void take_in_chain(void)
{
	NOTE();
	chain(3);
	NO_TAIL_CALL();
}

#endif
