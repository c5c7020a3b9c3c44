/*
 * Threads: many, short, tiny, dying, freeing each other's blocks.
 * Build with: -Wl,-z,now
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <sys/mman.h>

#include "tests/preload/own_segment.h"

enum { THREADS = 8, BLOCKS = 2000, SIZE = 12321 };

static void *blocks[THREADS][BLOCKS];

static void run_threads(int count, void *(*body)(void *))
{
	pthread_t threads[256];

	for (long i = 0; i < count; i++)
		CHECK_EQUAL(pthread_create(&threads[i], NULL, body, (void *)i), 0);
	for (int i = 0; i < count; i++)
		CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
}

static void check_nothing_was_dropped(void)
{
	CHECK_EQUAL(own_counter(SEGMENT_COUNTER_dropped_reentrant), 0);
	CHECK_EQUAL(own_counter(SEGMENT_COUNTER_dropped_busy), 0);
	CHECK_EQUAL(own_counter(SEGMENT_COUNTER_dropped_table_full), 0);
	CHECK_EQUAL(own_counter(SEGMENT_COUNTER_dropped_no_segment), 0);
	CHECK_EQUAL(own_counter(SEGMENT_COUNTER_lost_frees), 0);
}

static void *fill(void *row)
{
	for (int i = 0; i < BLOCKS; i++) {
		blocks[(long)row][i] = malloc(SIZE);
		free(malloc(100));
	}
	return NULL;
}

static void *empty_the_next_row(void *row)
{
	for (int i = 0; i < BLOCKS; i++)
		free(blocks[((long)row + 1) % THREADS][i]);
	return NULL;
}

static void blocks_outlive_their_threads_and_die_in_others(void)
{
	run_threads(THREADS, fill);
	CHECK_EQUAL(own_live_blocks(SIZE), THREADS * BLOCKS);
	CHECK_EQUAL(own_live_blocks(100), 0);
	run_threads(THREADS, empty_the_next_row);
	CHECK_EQUAL(own_live_blocks(SIZE), 0);
	check_nothing_was_dropped();
}

static pthread_barrier_t all_there;

static void *take_one(void *arg)
{
	pthread_barrier_wait(&all_there);
	return arg = malloc(SIZE);
}

static void two_hundred_threads_are_recorded(void)
{
	pthread_barrier_init(&all_there, NULL, 200);
	run_threads(200, take_one);
	CHECK_EQUAL(own_live_blocks(SIZE), 200);
	/* Thread 0 is for those without a record; main is there too. */
	CHECK(own_segment()->used[SEGMENT_THREADS] >= 202);
	check_nothing_was_dropped();
}

static pthread_key_t key;
static _Atomic int destructor_runs;

static void destroy(void *block)
{
	free(block);
	free(malloc(200));
	blocks[0][destructor_runs++] = malloc(SIZE);
	if (destructor_runs % 3)
		pthread_setspecific(key, malloc(300));
}

static void *leave_specific_data(void *arg)
{
	pthread_setspecific(key, malloc(300));
	return arg;
}

static void destructors_of_thread_data_may_allocate_and_free(void)
{
	pthread_key_create(&key, destroy);
	for (int i = 0; i < 20; i++)
		run_threads(1, leave_specific_data);
	CHECK_EQUAL(destructor_runs, 60);
	CHECK_EQUAL(own_live_blocks(SIZE), 60);
	CHECK_EQUAL(own_live_blocks(200), 0);
	CHECK_EQUAL(own_live_blocks(300), 0);
	check_nothing_was_dropped();
}

static void the_smallest_stacks_are_enough(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN);
	for (long i = 0; i < 50; i++) {
		CHECK_EQUAL(pthread_create(&thread, &attributes, fill, (void *)0), 0);
		CHECK_EQUAL(pthread_join(thread, NULL), 0);
		CHECK_EQUAL(pthread_create(&thread, &attributes, empty_the_next_row,
					   (void *)(THREADS - 1)),
			    0);
		CHECK_EQUAL(pthread_join(thread, NULL), 0);
	}
	CHECK_EQUAL(own_live_blocks(SIZE), 0);
}

/* ---- with 1 KiB of stack left ---------------------------------------- */

static void *block_of_small_stack;

static void take_there(void)
{
	block_of_small_stack = malloc(SIZE);
}

static void resize_there(void)
{
	block_of_small_stack = realloc(block_of_small_stack, SIZE + 1);
}

static void give_back_there(void)
{
	free(block_of_small_stack);
}

/* Calls the function with `room` bytes of stack, and nothing below them. */
static void call_with_stack(size_t room, void (*function)(void))
{
	static char *stack;

	if (!stack) {
		stack = mmap(NULL, 1 << 16, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(stack != MAP_FAILED);
		CHECK_EQUAL(mprotect(stack + 4096, 8192, PROT_READ | PROT_WRITE), 0);
	}
#if defined(__x86_64__)
	__asm__ volatile("mov %%rsp, %%rbx; mov %0, %%rsp; call *%1; mov %%rbx, %%rsp"
			 :
			 : "r"(stack + 4096 + room), "r"(function)
			 : "rbx", "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11",
			   "memory", "cc");
#else
	(void)room, function();
#endif
}

/* Of these 1024 bytes the first look at a function's unwind table takes most. */
enum { LITTLE_STACK = 1024 };

static void a_little_stack_is_enough(void)
{
	/* The allocator and the segment have needs of their own at the first call. */
	free(malloc(SIZE));
	for (int i = 0; i < 100; i++) {
		call_with_stack(LITTLE_STACK, take_there);
		CHECK_EQUAL(own_live_blocks(SIZE), 1);
		call_with_stack(LITTLE_STACK, resize_there);
		CHECK_EQUAL(own_live_blocks(SIZE + 1), 1);
		call_with_stack(LITTLE_STACK, give_back_there);
		CHECK_EQUAL(own_live_blocks(SIZE + 1), 0);
	}
}

/* ---- while the loader is busy ---------------------------------------- */

static const char *plugin_path;
static _Atomic int stormers_left;

static void *storm(void *arg)
{
	for (int i = 0; i < 200; i++) {
		void *plugin = dlopen(plugin_path, RTLD_NOW | RTLD_LOCAL);

		CHECK(plugin);
		void *(*take)(size_t) = (void *(*)(size_t))dlsym(plugin, "take");

		free(take(SIZE));
		dlclose(plugin);
	}
	stormers_left--;
	return arg;
}

static void *allocate_meanwhile(void *arg)
{
	while (stormers_left > 0)
		for (int i = 0; i < 100; i++)
			free(malloc(i));
	return arg;
}

static void *storm_or_allocate(void *row)
{
	return (long)row < 2 ? storm(row) : allocate_meanwhile(row);
}

static void the_loader_may_be_busy(void)
{
	stormers_left = 2;
	run_threads(6, storm_or_allocate);
	CHECK_EQUAL(own_live_blocks(SIZE), 0);
	CHECK_EQUAL(own_counter(SEGMENT_COUNTER_lost_frees), 0);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{"blocks_outlive_their_threads_and_die_in_others",
		 blocks_outlive_their_threads_and_die_in_others},
		{"two_hundred_threads_are_recorded", two_hundred_threads_are_recorded},
		{"destructors_of_thread_data_may_allocate_and_free",
		 destructors_of_thread_data_may_allocate_and_free},
		{"the_smallest_stacks_are_enough", the_smallest_stacks_are_enough},
		{"a_little_stack_is_enough", a_little_stack_is_enough},
		{"the_loader_may_be_busy", the_loader_may_be_busy},
	};

	alarm(60);
	plugin_path = getenv("PLUGIN");
	return RUN_CASE(cases, argc, argv);
}
