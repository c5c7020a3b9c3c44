/*
 * What one stack capture costs, by unwinder and depth, in nanoseconds of CPU
 * time (the best of many batches, since other work only adds):
 *
 *   repeated  the same stack again, as stack_capture_by_trail() knows it
 *   warm      the same stack, walked afresh
 *   cold      walked after 32 MiB of other memory went through the caches
 *
 * The stack is a chain of different functions with different frames.
 *
 * Build with: -fno-omit-frame-pointer
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sampler/stack_capture.h"
#include "sampler/stack_trail.h"

#define BATCHES 50
#define BATCH 2000
#define COLD_RUNS 60
#define FLUSH_SIZE (32 << 20)
#define BASE_DEPTH 7 /* main(), what calls it, and what it calls */

struct times {
	double repeated, warm, cold;
	unsigned depth;
};

static struct stack_trail trail;
static uint64_t frames[STACK_TRAIL_DEPTH];
static char *flush_memory;

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double smaller(double a, double b)
{
	return a < b ? a : b;
}

static __attribute__((noinline)) unsigned capture(struct stack_trail *by_trail)
{
	const struct stack_start start = STACK_START_OF_CALLER();
	uint16_t flags = 0;

	if (by_trail)
		return stack_capture_by_trail(&start, by_trail, frames, STACK_TRAIL_DEPTH, &flags);
	return stack_capture(&start, frames, STACK_TRAIL_DEPTH, &flags);
}

static double time_batches(struct stack_trail *by_trail)
{
	double best = 1e18;

	for (int i = 0; i < BATCHES; i++) {
		const double start = now_ns();

		for (int n = 0; n < BATCH; n++)
			capture(by_trail);
		best = smaller(best, (now_ns() - start) / BATCH);
	}
	return best;
}

static double time_cold(void)
{
	double best = 1e18;

	for (int i = 0; i < COLD_RUNS; i++) {
		memset(flush_memory, i, FLUSH_SIZE);

		const double start = now_ns();

		capture(NULL);
		best = smaller(best, now_ns() - start);
	}
	/* What reading the clock costs is not the capture's. */
	double clock = 1e18;

	for (int i = 0; i < COLD_RUNS; i++) {
		const double start = now_ns();

		clock = smaller(clock, now_ns() - start);
	}
	return best - clock;
}

static void measure(struct times *times)
{
	times->depth = capture(NULL);
	times->repeated = time_batches(&trail);
	times->warm = time_batches(NULL);
	times->cold = time_cold();
}

typedef int level(unsigned depth, struct times *times);

static level *const levels[16];

/* A function with a frame of its own size. */
#define LEVEL(n)                                                                            \
	static __attribute__((noinline)) int level_##n(unsigned depth, struct times *times) \
	{                                                                                   \
		volatile char room[8 + 24 * n];                                             \
                                                                                            \
		room[0] = n;                                                                \
		if (depth == 0)                                                             \
			measure(times);                                                     \
		else                                                                        \
			levels[(n * 7 + depth) % 16](depth - 1, times);                     \
		return room[0];                                                             \
	}

LEVEL(0)
LEVEL(1)
LEVEL(2)
LEVEL(3)
LEVEL(4)
LEVEL(5)
LEVEL(6)
LEVEL(7)
LEVEL(8)
LEVEL(9)
LEVEL(10)
LEVEL(11)
LEVEL(12)
LEVEL(13)
LEVEL(14)
LEVEL(15)

static level *const levels[16] = {
	level_0, level_1, level_2,  level_3,  level_4,	level_5,  level_6,  level_7,
	level_8, level_9, level_10, level_11, level_12, level_13, level_14, level_15,
};

static void run(const char *name, enum segment_unwinder unwinder)
{
	static const unsigned depths[] = {10, 25, 60};

	/* The unwinder is chosen once per process. */
	fflush(stdout);
	if (fork() != 0) {
		wait(NULL);
		return;
	}
	if (!stack_capture_init(unwinder))
		_exit(1);
	for (unsigned i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
		struct times t;

		levels[0](depths[i] - BASE_DEPTH, &t);
		printf("| %s | %u | %.0f | %.0f | %.0f |\n", name, t.depth, t.repeated, t.warm,
		       t.cold);
	}
	fflush(stdout);
	_exit(0);
}

int main(void)
{
	flush_memory = malloc(FLUSH_SIZE);
	puts("| unwinder | frames | repeated, ns | warm, ns | cold, ns |");
	puts("|---|---|---|---|---|");
	run("tables", SEGMENT_UNWIND_TABLES);
	run("fp", SEGMENT_UNWIND_FP);
	run("libunwind", SEGMENT_UNWIND_LIBUNWIND);
	free(flush_memory);
	return 0;
}
