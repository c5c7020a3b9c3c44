/*
 * Processes that multiply, turn into others, or lose what they had, at T = 1.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/preload/own_segment.h"

enum { PARENT_SIZE = 34567, CHILD_SIZE = 7654, THREADS = 8, CHILDREN = 60 };

extern char **environ;
static const char *own_path;
static void *volatile kept;

static void expect_success(pid_t pid)
{
	int status;

	CHECK_EQUAL(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		dprintf(2, "the child's status is %#x\n", status);
	CHECK_EQUAL(status, 0);
}

/* What a child does: its allocations go to a segment of its own. */
static void allocate_as_child(void)
{
	kept = malloc(CHILD_SIZE);
	for (int i = 0; i < 100; i++)
		free(malloc(i));
	CHECK(own_segment());
	CHECK_EQUAL(own_segment()->pid, getpid());
	CHECK_EQUAL(own_live_blocks(CHILD_SIZE), 1);
	/* The parent's blocks are not the child's to account for. */
	CHECK_EQUAL(own_live_blocks(PARENT_SIZE), 0);
}

static void a_child_has_its_own_segment(void)
{
	void *block = malloc(PARENT_SIZE);
	const struct own_counts before = own_counts();
	const pid_t pid = fork();

	if (pid == 0) {
		free(block);
		allocate_as_child();
		_exit(0);
	}
	expect_success(pid);
	CHECK_EQUAL(own_counts().samples, before.samples);
	CHECK_EQUAL(own_counts().frees, before.frees);
	CHECK_EQUAL(own_live_blocks(PARENT_SIZE), 1);
	CHECK_EQUAL(own_live_blocks(CHILD_SIZE), 0);
}

static void a_raw_clone_has_its_own_segment(void)
{
	void *block = malloc(PARENT_SIZE);
	const struct own_counts before = own_counts();
	const pid_t pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0) {
		/* First a free, then the rest: both must notice. */
		free(block);
		allocate_as_child();
		_exit(0);
	}
	expect_success(pid);
	CHECK_EQUAL(own_counts().samples, before.samples);
	CHECK_EQUAL(own_counts().frees, before.frees);
	CHECK_EQUAL(own_live_blocks(PARENT_SIZE), 1);
}

static void a_child_that_allocates_nothing_leaves_nothing(void)
{
	kept = malloc(PARENT_SIZE);
	const pid_t pid = fork();

	if (pid == 0)
		_exit(own_segment() && own_segment()->pid == (uint32_t)getpid());
	expect_success(pid);
}

static _Atomic int is_done;

static void *allocate_until_done(void *arg)
{
	while (!is_done) {
		void *blocks[50];

		for (int i = 0; i < 50; i++)
			blocks[i] = malloc(10 * i);
		for (int i = 0; i < 50; i++)
			blocks[i] = realloc(blocks[i], 20 * i + 1);
		for (int i = 0; i < 50; i++)
			free(blocks[i]);
	}
	return arg;
}

static void threads_may_allocate_while_another_forks(void)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		CHECK_EQUAL(pthread_create(&threads[i], NULL, allocate_until_done, NULL), 0);
	for (int i = 0; i < CHILDREN; i++) {
		const pid_t pid = i % 3 ? fork() : (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

		if (pid == 0) {
			/* After a raw clone glibc's own locks may stay taken: then only
			 * the profiler's part can be tried. */
			if (i % 3)
				allocate_as_child();
			_exit(0);
		}
		expect_success(pid);
	}
	is_done = 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQUAL(own_counter(SEGMENT_COUNTER_lost_frees), 0);
	CHECK_EQUAL(own_live_blocks(CHILD_SIZE), 0);
}

static void grandchildren_too(void)
{
	kept = malloc(PARENT_SIZE);
	const pid_t pid = fork();

	if (pid == 0) {
		allocate_as_child();
		free(kept);
		kept = malloc(PARENT_SIZE);

		const pid_t grandchild = fork();

		if (grandchild == 0) {
			allocate_as_child();
			_exit(0);
		}
		expect_success(grandchild);
		CHECK_EQUAL(own_live_blocks(PARENT_SIZE), 1);
		_exit(0);
	}
	expect_success(pid);
	CHECK_EQUAL(own_live_blocks(PARENT_SIZE), 1);
}

static void a_vfork_child_does_not_disturb(void)
{
	void *volatile block = malloc(PARENT_SIZE);

	for (int i = 0; i < 50; i++) {
		const struct own_counts before = own_counts();
		const pid_t pid = vfork();

		if (pid == 0) {
			/* It runs in our memory: its blocks are ours. */
			kept = malloc(CHILD_SIZE);
			free(kept);
			_exit(0);
		}
		expect_success(pid);
		CHECK_EQUAL(own_segment()->pid, getpid());
		CHECK_EQUAL(own_counts().live, before.live);
		CHECK_EQUAL(own_live_blocks(PARENT_SIZE), 1);
		CHECK_EQUAL(own_live_blocks(CHILD_SIZE), 0);
	}
	free(block);
	CHECK_EQUAL(own_live_blocks(PARENT_SIZE), 0);
}

/* The first sample of a process may fall into its vfork child. */
static void a_vfork_child_may_come_first(void)
{
	CHECK(!own_segment());
	const pid_t pid = vfork();

	if (pid == 0) {
		kept = malloc(CHILD_SIZE);
		_exit(0);
	}
	expect_success(pid);
	kept = malloc(PARENT_SIZE);
	CHECK_EQUAL(own_segment()->pid, getpid());
	CHECK_EQUAL(own_live_blocks(PARENT_SIZE), 1);
}

static void spawned_programs_have_their_own(void)
{
	char *argv[] = {(char *)own_path, "one_block", NULL};
	pid_t pid;

	kept = malloc(PARENT_SIZE);
	for (int i = 0; i < 10; i++) {
		CHECK_EQUAL(posix_spawn(&pid, own_path, NULL, NULL, argv, environ), 0);
		expect_success(pid);
	}
	CHECK_EQUAL(own_segment()->pid, getpid());
	CHECK_EQUAL(own_live_blocks(PARENT_SIZE), 1);
}

static void one_block(void)
{
	kept = malloc(CHILD_SIZE);
	CHECK_EQUAL(own_segment()->pid, getpid());
	CHECK_EQUAL(own_live_blocks(CHILD_SIZE), 1);
}

static void exec_begins_anew(void)
{
	kept = malloc(PARENT_SIZE);
	CHECK_EQUAL(own_live_blocks(PARENT_SIZE), 1);
	execl(own_path, own_path, "one_block", NULL);
	CHECK(!"exec");
}

/* ---- losing things --------------------------------------------------- */

static void check_sampling_goes_on(void)
{
	const struct own_counts before = own_counts();

	/* Enough that the segment must grow. */
	for (int i = 0; i < 20000; i++)
		kept = malloc(16);
	CHECK_EQUAL(own_counts().samples, before.samples + 20000);
	CHECK_EQUAL(own_counts().live, before.live + 20000);
}

static int open_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void no_descriptor_stays_open(void)
{
	const int before = open_descriptors();

	check_sampling_goes_on();
	CHECK_EQUAL(open_descriptors(), before);
}

static void a_daemon_may_close_every_descriptor(void)
{
	kept = malloc(1);
	const struct segment_header *header = own_segment();

	for (int fd = 0; fd < 1024; fd++)
		close(fd);
	const uint64_t before = header->counters[SEGMENT_COUNTER_samples];

	for (int i = 0; i < 20000; i++)
		kept = malloc(16);
	if (header->counters[SEGMENT_COUNTER_samples] != before + 20000)
		_exit(1);
}

/* After the call descriptors, files and the old root are out of reach. */
static void a_server_may_chroot_and_drop_privileges(void)
{
	kept = malloc(1);
	const struct segment_header *header = own_segment();

	CHECK_EQUAL(mkdir("empty", 0755) == 0 || errno == EEXIST, 1);
	CHECK_EQUAL(chroot("empty"), 0);
	CHECK_EQUAL(chdir("/"), 0);
	CHECK_EQUAL(setgroups(0, NULL), 0);
	CHECK_EQUAL(setgid(65534), 0);
	CHECK_EQUAL(setuid(65534), 0);
	const uint64_t before = header->counters[SEGMENT_COUNTER_samples];

	for (int i = 0; i < 20000; i++)
		kept = malloc(16);
	CHECK_EQUAL(header->counters[SEGMENT_COUNTER_samples], before + 20000);

	/* A child cannot make a segment there, and lives all the same. */
	const pid_t pid = fork();

	if (pid == 0) {
		for (int i = 0; i < 1000; i++)
			free(malloc(i));
		_exit(0);
	}
	expect_success(pid);
}

static void a_server_may_chroot_before_the_first_sample(void)
{
	CHECK(!own_segment());
	CHECK_EQUAL(mkdir("empty", 0755) == 0 || errno == EEXIST, 1);
	CHECK_EQUAL(chroot("empty"), 0);
	for (int i = 0; i < 1000; i++)
		free(malloc(i));
}

static void no_descriptor_may_be_had(void)
{
	const struct rlimit none = {0, 0};

	CHECK_EQUAL(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (int i = 0; i < 1000; i++)
		free(malloc(i));
}

static void no_descriptor_may_be_had_later(void)
{
	const struct rlimit none = {0, 0};

	kept = malloc(1);
	const struct segment_header *header = own_segment();
	const uint64_t before = header->counters[SEGMENT_COUNTER_samples];

	CHECK_EQUAL(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (int i = 0; i < 20000; i++)
		kept = malloc(16);
	CHECK_EQUAL(header->counters[SEGMENT_COUNTER_samples], before + 20000);
}

static void only_frees_and_mallocs(void)
{
	for (int i = 0; i < 20000; i++)
		free(malloc(i));
	kept = malloc(100);
	for (int i = 0; i < 2000; i++)
		kept = realloc(kept, i + 1);
}

/* ---- seccomp --------------------------------------------------------- */

/* Installs a filter: `action` for every system call but these. */
static void filter_system_calls(uint32_t action, const int *allowed, unsigned count)
{
	struct sock_filter code[64];
	unsigned n = 0;

	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, nr));
	for (unsigned i = 0; i < count; i++) {
		code[n++] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i], 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);

	const struct sock_fprog program = {n, code};

	CHECK_EQUAL(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	CHECK_EQUAL(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* What an allocator needs itself, and a program to say how it went. */
static const int essential[] = {SYS_brk,     SYS_mmap,	SYS_munmap, SYS_mremap,
				SYS_madvise, SYS_futex, SYS_write,  SYS_exit_group};

enum { ESSENTIAL = sizeof(essential) / sizeof(essential[0]) };

static void everything_else_may_be_forbidden_later(void)
{
	kept = malloc(1);
	const struct segment_header *header = own_segment();
	const uint64_t before = header->counters[SEGMENT_COUNTER_samples];

	filter_system_calls(SECCOMP_RET_ERRNO | EPERM, essential, ESSENTIAL);
	for (int i = 0; i < 20000; i++)
		kept = malloc(16);
	CHECK_EQUAL(header->counters[SEGMENT_COUNTER_samples], before + 20000);
}

static void everything_may_be_forbidden_from_the_start(void)
{
	CHECK(!own_segment());
	filter_system_calls(SECCOMP_RET_ERRNO | EPERM, essential, ESSENTIAL);
	for (int i = 0; i < 20000; i++)
		kept = malloc(16);
}

/* Here a system call too many is death. */
static void a_strict_filter_may_come_later(void)
{
	kept = malloc(1);
	const struct segment_header *header = own_segment();
	const uint64_t before = header->counters[SEGMENT_COUNTER_samples];

	filter_system_calls(SECCOMP_RET_KILL_PROCESS, essential, ESSENTIAL);
	for (int i = 0; i < 20000; i++)
		kept = malloc(16);
	for (int i = 0; i < 20000; i++)
		free(malloc(i));
	CHECK_EQUAL(header->counters[SEGMENT_COUNTER_samples], before + 40000);
}

/* ---- at the end ------------------------------------------------------ */

static void allocate_late(void)
{
	for (int i = 0; i < 100; i++)
		free(malloc(i));
	kept = malloc(CHILD_SIZE);
	CHECK_EQUAL(own_live_blocks(CHILD_SIZE), 1);
	CHECK_EQUAL(own_segment()->ended, 0);
}

static void exit_handlers_may_allocate(void)
{
	kept = malloc(1);
	atexit(allocate_late);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{"a_child_has_its_own_segment", a_child_has_its_own_segment},
		{"a_raw_clone_has_its_own_segment", a_raw_clone_has_its_own_segment},
		{"a_child_that_allocates_nothing_leaves_nothing",
		 a_child_that_allocates_nothing_leaves_nothing},
		{"threads_may_allocate_while_another_forks",
		 threads_may_allocate_while_another_forks},
		{"grandchildren_too", grandchildren_too},
		{"a_vfork_child_does_not_disturb", a_vfork_child_does_not_disturb},
		{"a_vfork_child_may_come_first", a_vfork_child_may_come_first},
		{"spawned_programs_have_their_own", spawned_programs_have_their_own},
		{"exec_begins_anew", exec_begins_anew},
		{"one_block", one_block},
		{"no_descriptor_stays_open", no_descriptor_stays_open},
		{"a_daemon_may_close_every_descriptor", a_daemon_may_close_every_descriptor},
		{"a_server_may_chroot_and_drop_privileges",
		 a_server_may_chroot_and_drop_privileges},
		{"a_server_may_chroot_before_the_first_sample",
		 a_server_may_chroot_before_the_first_sample},
		{"no_descriptor_may_be_had", no_descriptor_may_be_had},
		{"no_descriptor_may_be_had_later", no_descriptor_may_be_had_later},
		{"only_frees_and_mallocs", only_frees_and_mallocs},
		{"everything_else_may_be_forbidden_later", everything_else_may_be_forbidden_later},
		{"everything_may_be_forbidden_from_the_start",
		 everything_may_be_forbidden_from_the_start},
		{"a_strict_filter_may_come_later", a_strict_filter_may_come_later},
		{"exit_handlers_may_allocate", exit_handlers_may_allocate},
	};

	alarm(100);
	own_path = argv[0];
	return RUN_CASE(cases, argc, argv);
}
