/*
 * Allocates where stacks have shapes out of the ordinary. Prints nothing; what
 * the stacks are is looked at from outside.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <search.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define NOINLINE __attribute__((noinline))

static NOINLINE void allocate(void)
{
	void *block = malloc(100);

	free(realloc(block, 200));
}

/* A frame of 1 MiB, and one whose size is known only when it runs. */
static NOINLINE void allocate_in_large_frames(size_t size)
{
	volatile char large[1 << 20];
	volatile char *open = __builtin_alloca(size);

	large[0] = open[0] = 1;
	allocate();
	open[0] = large[0];
}

/* A stack that is realigned, for a vector of 64 bytes. */
static NOINLINE void allocate_realigned(size_t size)
{
	volatile char aligned[64] __attribute__((aligned(64)));
	volatile char *open = __builtin_alloca(size);

	aligned[0] = open[0] = 1;
	allocate();
	open[0] = aligned[0];
}

static int compare(const void *a, const void *b)
{
	allocate();
	return *(const int *)a - *(const int *)b;
}

static void visit(const void *node, VISIT which, int level)
{
	(void)node;
	(void)which;
	(void)level;
	allocate();
}

static void allocate_in_callbacks(void)
{
	int numbers[] = {5, 2, 4, 1, 3};
	void *root = NULL;

	qsort(numbers, 5, sizeof(numbers[0]), compare);
	for (int i = 0; i < 5; i++)
		tsearch(&numbers[i], &root, compare);
	twalk(root, visit);
	while (root)
		tdelete(*(int **)root, &root, compare);
}

static void on_signal(int number)
{
	(void)number;
	allocate();
}

static void allocate_in_handlers(void)
{
	const stack_t alternate = {.ss_sp = malloc(65536), .ss_size = 65536};
	struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	sigaltstack(&alternate, NULL);
	action.sa_flags = SA_ONSTACK;
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	raise(SIGUSR1);
}

static NOINLINE void recurse(int level)
{
	if (level > 0)
		recurse(level - 1);
	allocate();
}

static void *run_thread(void *level)
{
	recurse((int)(intptr_t)level);
	allocate_in_callbacks();
	return NULL;
}

static void allocate_in_threads(void)
{
	pthread_attr_t attributes;
	pthread_t threads[8];

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 65536);
	for (intptr_t i = 0; i < 8; i++)
		pthread_create(&threads[i], i % 2 ? &attributes : NULL, run_thread, (void *)i);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
}

static ucontext_t outside, inside;

static void run_coroutine(void)
{
	for (int i = 0; i < 10; i++) {
		recurse(i);
		swapcontext(&inside, &outside);
	}
}

static void allocate_in_coroutine(void)
{
	getcontext(&inside);
	inside.uc_stack.ss_sp = malloc(65536);
	inside.uc_stack.ss_size = 65536;
	inside.uc_link = &outside;
	makecontext(&inside, run_coroutine, 0);
	for (int i = 0; i < 10; i++) {
		swapcontext(&outside, &inside);
		recurse(i);
	}
}

static jmp_buf back;
static volatile int may_jump = 1;

static NOINLINE void jump(int level)
{
	if (level > 0)
		jump(level - 1);
	allocate();
	if (may_jump)
		longjmp(back, 1);
}

static void allocate_between_jumps(void)
{
	for (volatile int i = 0; i < 20; i++) {
		if (setjmp(back) == 0)
			jump(i);
		allocate();
	}
}

static void at_exit(void)
{
	allocate();
}

int main(void)
{
	atexit(at_exit);
	for (size_t size = 16; size <= 4096; size *= 2) {
		allocate_in_large_frames(size);
		allocate_realigned(size);
	}
	allocate_in_callbacks();
	allocate_in_handlers();
	allocate_in_threads();
	allocate_in_coroutine();
	allocate_between_jumps();
	recurse(50);
	return 0;
}
