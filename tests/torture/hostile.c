/*
 * Programs that do what hardly anybody does. Each case ends with status 0 and
 * prints nothing when all is well, with the library or without.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>

#include "tests/preload/own_segment.h"

enum { THREADS = 8, FORKS = 100, SLOTS = 64, JUMPS = 500, FIBERS = 200, TURNS = 50 };
enum { FIBER_STACK = 16384 };

static _Atomic bool is_over;

/* ---- threads that allocate all the time ------------------------------ */

static void churn(unsigned *random, void **slots)
{
	void **slot = &slots[rand_r(random) % SLOTS];

	free(*slot);
	*slot = malloc(rand_r(random) % 3000);
	CHECK(*slot);
}

static void *churn_until_over(void *unused)
{
	unsigned random = (uintptr_t)&unused;
	void *slots[SLOTS] = {0};

	while (!is_over)
		churn(&random, slots);
	for (int i = 0; i < SLOTS; i++)
		free(slots[i]);
	return NULL;
}

static void with_busy_threads(void (*act)(void))
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		CHECK_EQUAL(pthread_create(&threads[i], NULL, churn_until_over, NULL), 0);
	act();
	is_over = true;
	for (int i = 0; i < THREADS; i++)
		CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
}

/* ---- forks ----------------------------------------------------------- */

static void child(int depth)
{
	unsigned random = depth;
	void *slots[SLOTS] = {0};

	for (int i = 0; i < 1000; i++)
		churn(&random, slots);
	_exit(depth == 0 || fork() != 0 ? 7 : 8);
}

static void fork_many(void)
{
	for (int i = 0; i < FORKS; i++) {
		const pid_t pid = fork();
		int status;

		CHECK(pid >= 0);
		if (pid == 0)
			child(i % 3);
		CHECK_EQUAL(waitpid(pid, &status, 0), pid);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	}
}

static void a_fork_storm_among_threads(void)
{
	with_busy_threads(fork_many);
}

/* ---- jumps out of handlers ------------------------------------------- */

static sigjmp_buf before_the_loop;

static void jump_out(int signal)
{
	(void)signal;
	siglongjmp(before_the_loop, 1);
}

static __attribute__((noinline)) void allocate_for_ever(void)
{
	char deeper[1000];

	for (;;) {
		__asm__ volatile("" : : "r"(deeper));
		free(malloc(100));
	}
}

/* The bump allocator must be behind: glibc's own would keep its lock. */
static void handlers_may_jump_out_of_malloc(void)
{
	static volatile int jumps;
	const struct itimerval timer = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};

	free(malloc(1));
	signal(SIGALRM, jump_out);
	sigsetjmp(before_the_loop, 1);
	if (jumps++ < JUMPS) {
		setitimer(ITIMER_REAL, &timer, NULL);
		allocate_for_ever();
	}
	setitimer(ITIMER_REAL, &never, NULL);
	/* Nothing that was left behind keeps this thread for ever. */
	for (int i = 0; i < 100; i++)
		free(malloc(i));
}

/* ---- stacks of the program's own ------------------------------------- */

static ucontext_t scheduler, fibers[FIBERS];
static int turns[FIBERS];

static void fiber(int number)
{
	void *block = NULL;

	for (int i = 0; i < TURNS; i++) {
		block = realloc(block, 100 + i * number % 500);
		CHECK(block);
		turns[number]++;
		swapcontext(&fibers[number], &scheduler);
	}
	free(block);
}

static void *run_fibers(void *unused)
{
	const size_t size = (size_t)FIBERS * FIBER_STACK;
	char *stacks = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)unused;
	for (int i = 0; i < FIBERS; i++) {
		CHECK_EQUAL(getcontext(&fibers[i]), 0);
		fibers[i].uc_stack.ss_sp = stacks + (size_t)i * FIBER_STACK;
		fibers[i].uc_stack.ss_size = FIBER_STACK;
		fibers[i].uc_link = &scheduler;
		makecontext(&fibers[i], (void (*)(void))fiber, 1, i);
	}
	for (int turn = 0; turn <= TURNS; turn++)
		for (int i = 0; i < FIBERS; i++)
			swapcontext(&scheduler, &fibers[i]);
	for (int i = 0; i < FIBERS; i++)
		CHECK_EQUAL(turns[i], TURNS);
	munmap(stacks, size);
	return NULL;
}

static void coroutines_on_their_own_stacks(void)
{
	pthread_t thread;

	free(malloc(1));
	const struct own_counts before = own_counts();

	run_fibers(NULL);
	memset(turns, 0, sizeof(turns));
	CHECK_EQUAL(pthread_create(&thread, NULL, run_fibers, NULL), 0);
	CHECK_EQUAL(pthread_join(thread, NULL), 0);
	if (before.samples) {
		CHECK(own_counts().samples >= before.samples + 2 * FIBERS * TURNS);
		CHECK(own_counts().live <= before.live + 10);
	}
}

/* ---- a kernel that kills --------------------------------------------- */

static void seccomp_strict_after_the_start(void)
{
	for (int i = 0; i < 1000; i++)
		free(malloc(100));
	CHECK_EQUAL(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT), 0);
	for (int i = 0; i < 1000; i++)
		free(malloc(100));
	syscall(SYS_exit, 0);
}

/* ---- the segment's file ---------------------------------------------- */

static void find_segment(char *path, size_t size)
{
	char maps[65536];
	const int fd = open("/proc/self/maps", O_RDONLY);
	size_t length = 0;
	ssize_t n;

	while ((n = read(fd, maps + length, sizeof(maps) - 1 - length)) > 0)
		length += n;
	close(fd);
	maps[length] = '\0';
	char *end = strstr(maps, ".heaptide\n");
	char *start = end;

	if (!end)
		_exit(0); /* without the library there is nothing to lose */
	end += strlen(".heaptide");
	while (*start != ' ')
		start--;
	snprintf(path, size, "%.*s", (int)(end - start - 1), start + 1);
}

static void a_while(void)
{
	unsigned random = 1;
	void *slots[SLOTS] = {0};

	for (int i = 0; i < 200000; i++)
		churn(&random, slots);
}

static void the_segment_may_be_removed(void)
{
	char path[4096];

	a_while();
	find_segment(path, sizeof(path));
	CHECK_EQUAL(unlink(path), 0);
	*strrchr(path, '/') = '\0';
	rmdir(path);
	a_while();
	fork_many();
}

/* ---- for a debugger -------------------------------------------------- */

static void sleepers(void)
{
	free(malloc(100));
	usleep(1000);
	_exit(3);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{"a_fork_storm_among_threads", a_fork_storm_among_threads},
		{"handlers_may_jump_out_of_malloc", handlers_may_jump_out_of_malloc},
		{"coroutines_on_their_own_stacks", coroutines_on_their_own_stacks},
		{"seccomp_strict_after_the_start", seccomp_strict_after_the_start},
		{"the_segment_may_be_removed", the_segment_may_be_removed},
		{"sleepers", sleepers},
	};

	alarm(100);
	return RUN_CASE(cases, argc, argv);
}
