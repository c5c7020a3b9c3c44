/*
 * Ways in which programs allocate, each as a loop: `stress WAY NUMBER [OPERATIONS]`
 * prints the CPU time of one malloc and its free, in nanoseconds.
 *
 *   pair SIZE       malloc(SIZE) and free at once
 *   deep DEPTH      the same, 64 bytes, below DEPTH calls
 *   random BLOCKS   replaces a random one of BLOCKS live blocks of 16 to 1024 bytes
 *   threads N       N threads, each `random 1000`
 *   handover SIZE   one thread allocates, another frees
 *   exchange N      N threads replace random blocks of one common array, so that most
 *                   are freed by another thread than the one that allocated
 *   stacks N        from N different call stacks in turn
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static long number, operations = 2000000;

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint64_t next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

static void *touched(size_t size)
{
	char *volatile block = malloc(size);

	block[0] = 1;
	return block;
}

static void pair(void)
{
	for (long i = 0; i < operations; i++)
		free(touched(number));
}

static __attribute__((noinline)) void descend(long depth)
{
	if (depth > 0)
		descend(depth - 1);
	else
		for (long i = 0; i < operations; i++)
			free(touched(64));
	__asm__ volatile(""); /* keeps the call from becoming a jump */
}

static void deep(void)
{
	descend(number);
}

static void replace_randomly(void **blocks, long count, long rounds, uint64_t state)
{
	for (long i = 0; i < rounds; i++) {
		void **block = &blocks[next_random(&state) % count];

		free(*block);
		*block = touched(16 + next_random(&state) % 1009);
	}
}

static void random_frees(void)
{
	void **blocks = calloc(number, sizeof(*blocks));

	replace_randomly(blocks, number, number, 1); /* fills it, more or less */
	const double start = cpu_ns();
	replace_randomly(blocks, number, operations, 2);
	printf("%.2f\n", (cpu_ns() - start) / (double)operations);
	exit(0);
}

static void *one_of_threads(void *arg)
{
	void *blocks[1000] = {0};

	replace_randomly(blocks, 1000, operations / number, (uintptr_t)arg);
	return NULL;
}

static void run_threads(void *(*function)(void *))
{
	pthread_t *threads = calloc(number, sizeof(*threads));

	for (long i = 0; i < number; i++)
		if (pthread_create(&threads[i], NULL, function, (void *)(i + 1)) != 0)
			abort();
	for (long i = 0; i < number; i++)
		pthread_join(threads[i], NULL);
}

static void threads(void)
{
	run_threads(one_of_threads);
}

enum { SLOTS = 4096 };
static _Atomic(void *) slots[SLOTS];

static void *produce(void *arg)
{
	for (long i = 0; i < operations; i++) {
		void *block = touched(number), *expected = NULL;

		while (!atomic_compare_exchange_weak(&slots[i % SLOTS], &expected, block))
			expected = NULL;
	}
	return arg;
}

static void handover(void)
{
	pthread_t producer;

	if (pthread_create(&producer, NULL, produce, NULL) != 0)
		abort();
	for (long i = 0; i < operations; i++) {
		void *block;

		while ((block = atomic_exchange(&slots[i % SLOTS], NULL)) == NULL)
			;
		free(block);
	}
	pthread_join(producer, NULL);
}

static void *exchange_blocks(void *arg)
{
	uint64_t state = (uintptr_t)arg;

	for (long i = 0; i < operations / number; i++)
		free(atomic_exchange(&slots[next_random(&state) % SLOTS],
				     touched(16 + next_random(&state) % 1009)));
	return NULL;
}

static void exchange(void)
{
	run_threads(exchange_blocks);
}

/* The bits of `path` choose the way down: 2^20 different stacks. */
static void left(uint64_t path, int levels);

static __attribute__((noinline)) void right(uint64_t path, int levels)
{
	if (levels == 0)
		free(touched(64));
	else if (path & 1)
		right(path >> 1, levels - 1);
	else
		left(path >> 1, levels - 1);
	__asm__ volatile("");
}

static __attribute__((noinline)) void left(uint64_t path, int levels)
{
	if (levels == 0)
		free(touched(64));
	else if (path & 1)
		right(path >> 1, levels - 1);
	else
		left(path >> 1, levels - 1);
	__asm__ volatile("");
}

static void stacks(void)
{
	for (long i = 0; i < operations; i++)
		left((uint64_t)(i % number), 20);
}

static const struct {
	const char *name;
	void (*run)(void);
} ways[] = {
	{"pair", pair},	      {"deep", deep},	      {"random", random_frees},
	{"threads", threads}, {"handover", handover}, {"exchange", exchange},
	{"stacks", stacks},
};

int main(int argc, char **argv)
{
	if (argc > 2)
		number = strtol(argv[2], NULL, 10);
	if (argc > 3)
		operations = strtol(argv[3], NULL, 10);
	for (size_t i = 0; argc > 2 && i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(argv[1], ways[i].name) != 0)
			continue;
		const double start = cpu_ns();
		ways[i].run();
		printf("%.2f\n", (cpu_ns() - start) / (double)operations);
		return 0;
	}
	fputs("usage: stress pair|deep|random|threads|handover|exchange|stacks NUMBER "
	      "[OPERATIONS]\n",
	      stderr);
	return 2;
}
