/*
 * A program whose heap is known to the byte: what each of its functions allocates,
 * keeps, frees at once and frees late. Prints "ready" when all is done, and
 * goes on when its input ends.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define MIB (1 << 20)

/* A call that is not the last thing a function does, so that its frame is there. */
#define ALLOCATE(size)                                \
	({                                            \
		void *volatile block_ = malloc(size); \
		block_;                               \
	})

static void *kept[200];
static size_t kept_count;

/* 100 blocks of 64 bytes stay. */
__attribute__((noinline)) void keep_small(void)
{
	for (int i = 0; i < 100; i++)
		kept[kept_count++] = ALLOCATE(64);
}

/* 3 blocks of 1 MiB stay. */
__attribute__((noinline)) void keep_large(void)
{
	for (int i = 0; i < 3; i++)
		kept[kept_count++] = ALLOCATE(MIB);
}

/* 5 levels of recursion, a block of 32 bytes stays from each. */
__attribute__((noinline)) void keep_recursively(int level)
{
	kept[kept_count++] = ALLOCATE(32);
	if (level > 1)
		keep_recursively(level - 1);
	__asm__ volatile("");
}

/* 1000 blocks of 100 bytes go at once. */
__attribute__((noinline)) void churn(void)
{
	for (int i = 0; i < 1000; i++)
		free(ALLOCATE(100));
}

/* 16 MiB in use here make the peak. */
__attribute__((noinline)) void reach_peak(void)
{
	free(ALLOCATE(16 * MIB));
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* 3 MiB live for 20 ms at least. */
__attribute__((noinline)) void free_late(void)
{
	void *block = ALLOCATE(3 * MIB);
	const uint64_t start = now_ns();

	while (now_ns() - start < 20000000)
		sched_yield();
	free(block);
}

/* 10 blocks of 500 bytes stay from another thread. */
__attribute__((noinline)) void *work(void *unused)
{
	if (pthread_setname_np(pthread_self(), "worker"))
		abort();
	for (int i = 0; i < 10; i++)
		kept[kept_count++] = ALLOCATE(500);
	return unused;
}

static void run_worker(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, work, NULL))
		abort();
	pthread_join(thread, NULL);
}

int main(void)
{
	char byte;

	keep_small();
	keep_large();
	keep_recursively(5);
	churn();
	free_late();
	run_worker();
	reach_peak();
	if (write(1, "ready\n", 6) != 6)
		return 1;
	while (read(0, &byte, 1) > 0)
		;
	return 0;
}
