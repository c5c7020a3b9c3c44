/*
 * Signal handlers that allocate, at T = 1.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "tests/preload/own_segment.h"

enum { SIZE = 77, IN_HANDLER = 66, ENOUGH_ROUNDS = 3000000 };

static volatile long handled;

static void handle(int signal, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	CHECK_EQUAL(sigaction(signal, &action, NULL), 0);
}

static void tick_every(long microseconds)
{
	const struct itimerval timer = {{0, microseconds}, {0, microseconds}};

	CHECK_EQUAL(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

static void use_small_stack(void)
{
	/* What the kernel needs for its frame, two kilobytes for the handler, and
	 * below them nothing. */
	const size_t size = (sysconf(_SC_MINSIGSTKSZ) + 2048 + 4095) & ~(size_t)4095;
	char *memory = mmap(NULL, size + 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const stack_t stack = {.ss_sp = memory + 4096, .ss_size = size};

	CHECK_EQUAL(mprotect(memory + 4096, size, PROT_READ | PROT_WRITE), 0);
	CHECK_EQUAL(sigaltstack(&stack, NULL), 0);
}

static void take_and_give_back(int signal)
{
	(void)signal;
	void *block = malloc(IN_HANDLER);

	block = realloc(block, IN_HANDLER + 1);
	free(block);
	handled++;
}

static void a_handler_on_a_small_stack_may_allocate(void)
{
	use_small_stack();
	handle(SIGUSR1, take_and_give_back, SA_ONSTACK);
	free(malloc(1));
	const struct own_counts before = own_counts();

	for (int i = 0; i < 1000; i++)
		raise(SIGUSR1);
	CHECK_EQUAL(handled, 1000);
	CHECK_EQUAL(own_counts().samples, before.samples + 2000);
	CHECK_EQUAL(own_counts().live, before.live);
}

static uint64_t drops(void)
{
	return own_counter(SEGMENT_COUNTER_dropped_reentrant) +
	       own_counter(SEGMENT_COUNTER_dropped_busy);
}

/* Handlers that interrupt the profiler's slow paths: what they allocate is
 * recorded or counted as dropped, and nothing hangs. */
static void interrupted_for_a_while(void)
{
	const struct own_counts before = own_counts();
	const uint64_t drops_before = drops();
	long rounds = 0;

	handle(SIGALRM, take_and_give_back, SA_ONSTACK | SA_RESTART);
	tick_every(100);
	for (; handled < 2000 && rounds < ENOUGH_ROUNDS; rounds++)
		free(malloc(SIZE));
	tick_every(0);
	CHECK(handled > 0);
	const long recorded = own_counts().samples - before.samples + drops() - drops_before;

	/* All of the main line's; of a handler's not those that came in the few
	 * instructions between a countdown's end and the slow path. */
	CHECK(recorded >= rounds);
	CHECK(recorded >= rounds + handled);
	CHECK(recorded <= rounds + 2 * handled);
	/* A free that could not be recorded leaves its block. */
	CHECK(own_counts().live - before.live <= own_counter(SEGMENT_COUNTER_lost_frees));
}

static void a_handler_may_interrupt_the_profiler(void)
{
	free(malloc(1));
	interrupted_for_a_while();
	/* The main line itself lost nothing but to a handler in between. */
	CHECK(own_live_blocks(SIZE) <= own_counter(SEGMENT_COUNTER_lost_frees));
}

static void a_handler_on_another_stack_may_interrupt_the_profiler(void)
{
	free(malloc(1));
	use_small_stack();
	interrupted_for_a_while();
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{"a_handler_on_a_small_stack_may_allocate",
		 a_handler_on_a_small_stack_may_allocate},
		{"a_handler_may_interrupt_the_profiler", a_handler_may_interrupt_the_profiler},
		{"a_handler_on_another_stack_may_interrupt_the_profiler",
		 a_handler_on_another_stack_may_interrupt_the_profiler},
	};

	return RUN_CASE(cases, argc, argv);
}
