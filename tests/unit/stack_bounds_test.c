/*
 * Stacks that end where nobody knows, are broken, or must not be asked about: no
 * word is read that cannot be.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/noted_stack.h"

static NOINLINE void take_deep_down(unsigned kib)
{
	volatile char room[1024];

	room[0] = (char)kib;
	if (kib > 0)
		take_deep_down(kib - 1);
	else
		chain(2);
	room[1] = room[0];
}

static void *take_first_deep_down(void *kib)
{
	take_deep_down((unsigned)(uintptr_t)kib);
	noted = 0;
	take_deep_down(10);
	return NULL;
}

START_TEST(a_thread_may_be_deep_down_when_it_is_first_seen)
{
	pthread_attr_t attributes;
	pthread_t thread;

	start_test();
	pthread_attr_init(&attributes);
	ck_assert_int_eq(pthread_attr_setstacksize(&attributes, 16 << 20), 0);
	ck_assert_int_eq(pthread_create(&thread, &attributes, take_first_deep_down, (void *)5000),
			 0);
	pthread_join(thread, NULL);
	ck_assert_whole_stack();
}
END_TEST

/* ---- broken stacks ----------------------------------------------------------- */

/* Words as a broken stack may hold them: addresses on it and around it, of code,
 * and anything. */
static uintptr_t random_word(const char *stack, size_t size)
{
	const uintptr_t random = next_random();

	switch (next_random() % 6) {
	case 0:
		return (uintptr_t)stack + random % (size + 2 * PAGE) - PAGE;
	case 1:
		return ((uintptr_t)stack + random % size) & ~(uintptr_t)7;
	case 2:
		return (uintptr_t)chain + random % 256;
	case 3:
		return (uintptr_t)qsort + random % 100000;
	case 4:
		return random % 1000;
	default:
		return random;
	}
}

static void check_random_walk(char *stack, size_t size)
{
	const struct stack_start start = {
		.ip = random_word(stack, size),
		.sp = next_random() % 8 ? (uintptr_t)stack + (next_random() % size & ~(size_t)7)
					: random_word(stack, size),
		.bp = random_word(stack, size),
	};

	flags = 0;
	frames[MAX_DEPTH - 1] = 0;
	depth = stack_capture(&start, frames, 1 + next_random() % (MAX_DEPTH - 1), &flags);
	ck_assert_uint_ge(depth, 1);
	ck_assert_uint_lt(depth, MAX_DEPTH);
	ck_assert_uint_eq(frames[0], start.ip);
	ck_assert_uint_eq(frames[MAX_DEPTH - 1], 0);
	ck_assert_uint_eq(flags & ~(SEGMENT_STACK_INCOMPLETE | SEGMENT_STACK_TRUNCATED), 0);
}

static void walk_at_random(enum segment_unwinder unwinder)
{
	const size_t size = 2 * PAGE;
	char *stack = map_stack(size);

	start_test();
	ck_assert(stack_capture_init(unwinder));
	for (int n = 0; n < 40000; n++) {
		if (n % 8 == 0)
			for (size_t i = 0; i < size; i += sizeof(uintptr_t))
				*(uintptr_t *)(stack + i) = random_word(stack, size);
		check_random_walk(stack, size);
	}
}

START_TEST(random_registers_and_stacks_are_survived)
{
	walk_at_random(SEGMENT_UNWIND_TABLES);
}
END_TEST

START_TEST(random_frame_pointers_are_survived)
{
	walk_at_random(SEGMENT_UNWIND_FP);
}
END_TEST

/* The same on the running stack, of which more can be read. */
START_TEST(random_registers_on_the_main_stack_are_survived)
{
	uintptr_t words[1024];

	start_test();
	for (int n = 0; n < 20000; n++) {
		if (n % 8 == 0)
			for (size_t i = 0; i < 1024; i++)
				words[i] = random_word((char *)words, sizeof(words));
		check_random_walk((char *)words, sizeof(words));
	}
}
END_TEST

static void *walk_at_random_in_thread(void *unused)
{
	uintptr_t words[512];

	(void)unused;
	for (int n = 0; n < 20000; n++) {
		if (n % 8 == 0)
			for (size_t i = 0; i < 512; i++)
				words[i] = random_word((char *)words, sizeof(words));
		check_random_walk((char *)words, sizeof(words));
	}
	return NULL;
}

START_TEST(random_registers_on_a_threads_stack_are_survived)
{
	pthread_t thread;

	start_test();
	ck_assert_int_eq(pthread_create(&thread, NULL, walk_at_random_in_thread, NULL), 0);
	pthread_join(thread, NULL);
}
END_TEST

START_TEST(where_a_coroutine_was_need_not_be_readable_any_more)
{
	char *stack = map_stack(4 * PAGE);
	struct stack_start start;

	start_test();
	start_coroutine(stack, 4 * PAGE, take_and_return_twice);
	ck_assert_whole_stack();
	/* All that was left there leads outwards. */
	for (size_t i = 0; i < 2 * PAGE; i += sizeof(uintptr_t))
		*(uintptr_t *)(stack + i) = notes[0];
	/* Another stack is there now, with its guard where the old one's middle was. */
	ck_assert_int_eq(mprotect(stack + 2 * PAGE, 2 * PAGE, PROT_NONE), 0);
	start = (struct stack_start){
		.ip = notes[0],
		.sp = (uintptr_t)stack + 2 * PAGE - 64,
		.bp = (uintptr_t)stack + 2 * PAGE - 16,
	};
	flags = 0;
	stack_capture(&start, frames, MAX_DEPTH, &flags);
	ck_assert_uint_eq(flags, SEGMENT_STACK_INCOMPLETE);
}
END_TEST

/* ---- a kernel that does not answer ---------------------------------------- */

static void forbid_probing(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigprocmask, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

static volatile unsigned other_depth;
static volatile uint16_t other_flags;

static void on_forbidden_stack(int number)
{
	(void)number;
	chain(3);
	other_depth = depth;
	other_flags = flags;
}

/* The sandbox is this thread's alone. */
static void *live_in_sandbox(void *unused)
{
	(void)unused;
	chain(5);
	use_alternate_stack();
	forbid_probing();
	noted = 0;
	chain(3);
	ck_assert_whole_stack();
	/* Not raise(), which blocks signals. */
	syscall(SYS_tgkill, getpid(), gettid(), SIGALRM);
	return NULL;
}

START_TEST(a_sandbox_costs_no_more_than_frames)
{
	pthread_t thread;

	start_test();
	handle(SIGALRM, on_forbidden_stack, SA_ONSTACK);
	ck_assert_int_eq(pthread_create(&thread, NULL, live_in_sandbox, NULL), 0);
	pthread_join(thread, NULL);
	ck_assert_uint_ge(other_depth, 1);
	ck_assert_uint_eq(other_flags, SEGMENT_STACK_INCOMPLETE);
}
END_TEST

UNIT_MAIN(a_thread_may_be_deep_down_when_it_is_first_seen, random_registers_and_stacks_are_survived,
	  random_frame_pointers_are_survived, random_registers_on_the_main_stack_are_survived,
	  random_registers_on_a_threads_stack_are_survived,
	  where_a_coroutine_was_need_not_be_readable_any_more, a_sandbox_costs_no_more_than_frames)
