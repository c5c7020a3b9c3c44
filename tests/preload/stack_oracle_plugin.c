/*
 * An oracle for stack_capture(): preloaded into a program, it takes the stack of
 * every ORACLE_EVERYth allocation twice, with our unwinder and step by step with
 * libunwind, and compares them frame by frame. The sums are in ORACLE_OUT.PID, a
 * struct oracle_sums; what differed is told in ORACLE_OUT.PID.txt.
 *
 * libunwind is opened privately: as a dependency it would take over the
 * program's C++ exceptions.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sampler/free_filter.h"
#include "sampler/module_table.h"
#include "sampler/stack_capture.h"

#define MAX_DEPTH 256
#define MAX_REPORTS 40
#define EXPAND(x) TEXT(x)
#define TEXT(x) #x

struct oracle_sums {
	uint64_t stacks, equal, frames;
	uint64_t different; /* two complete stacks that are not the same */
	uint64_t longer;    /* libunwind's is the beginning of ours */
	uint64_t shorter;   /* ours is the beginning of libunwind's */
};

struct stack {
	uint64_t frames[MAX_DEPTH];
	unsigned depth;
	uint16_t flags;
};

static int (*get_context)(unw_tdep_context_t *);
static int (*init_local)(unw_cursor_t *, unw_context_t *);
static int (*step)(unw_cursor_t *);
static int (*get_register)(unw_cursor_t *, int, unw_word_t *);
static int (*is_signal_frame)(unw_cursor_t *);
static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static void (*real_free)(void *);

static struct oracle_sums *sums;
static pid_t sums_pid;
static uint64_t every = 1, calls;
static _Thread_local int busy __attribute__((tls_model("initial-exec")));
static char early[65536] __attribute__((aligned(16)));
static size_t early_used;

static void *early_malloc(size_t size)
{
	void *block = early + early_used;

	early_used += (size + 31) & ~(size_t)15;
	if (early_used > sizeof(early))
		abort();
	return block;
}

static int is_early(const void *block)
{
	return (uintptr_t)block - (uintptr_t)early < sizeof(early);
}

static void resolve(void)
{
	busy++;
	real_calloc = dlsym(RTLD_NEXT, "calloc");
	real_realloc = dlsym(RTLD_NEXT, "realloc");
	real_free = dlsym(RTLD_NEXT, "free");
	real_malloc = dlsym(RTLD_NEXT, "malloc");
	busy--;
}

static void open_sums(void)
{
	char path[512];
	const char *prefix = getenv("ORACLE_OUT");

	sums_pid = getpid();
	snprintf(path, sizeof(path), "%s.%d", prefix ? prefix : "/dev/null", sums_pid);

	const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	sums = NULL;
	if (fd < 0 || ftruncate(fd, sizeof(*sums)) != 0)
		return;
	sums = mmap(NULL, sizeof(*sums), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (sums == MAP_FAILED)
		sums = NULL;
}

__attribute__((constructor)) static void start(void)
{
	void *libunwind;

	busy++;
	libunwind = dlopen("libunwind.so.8", RTLD_LOCAL | RTLD_NOW);
	get_context = dlsym(libunwind, EXPAND(UNW_ARCH_OBJ(getcontext)));
	init_local = dlsym(libunwind, EXPAND(UNW_OBJ(init_local)));
	step = dlsym(libunwind, EXPAND(UNW_OBJ(step)));
	get_register = dlsym(libunwind, EXPAND(UNW_OBJ(get_reg)));
	is_signal_frame = dlsym(libunwind, EXPAND(UNW_OBJ(is_signal_frame)));
	if (getenv("ORACLE_EVERY"))
		every = strtoull(getenv("ORACLE_EVERY"), NULL, 10);
	if (!real_malloc)
		resolve();
	stack_capture_init(SEGMENT_UNWIND_TABLES);
	open_sums();
	busy--;
}

/* Our own frames come first; the stack begins where `first` is met. */
static __attribute__((noinline)) void walk_with_libunwind(uint64_t first, struct stack *stack)
{
	unw_context_t context;
	unw_cursor_t cursor;
	unw_word_t ip;

	stack->depth = 0;
	get_context(&context);
	init_local(&cursor, &context);
	do {
		if (get_register(&cursor, UNW_REG_IP, &ip) != 0 || ip == 0)
			break;
		/* What libunwind calls a signal frame is the interrupted one. */
		if (stack->depth || ip == first)
			stack->frames[stack->depth++] = ip + (is_signal_frame(&cursor) > 0);
	} while (stack->depth < MAX_DEPTH && step(&cursor) > 0);
}

static void describe(FILE *file, const char *title, const struct stack *stack)
{
	fprintf(file, "%s depth %u flags %u\n", title, stack->depth, stack->flags);
	for (unsigned i = 0; i < stack->depth; i++) {
		Dl_info info = {0};

		if (dladdr((void *)(stack->frames[i] - 1), &info))
			fprintf(file, "  %#lx %s+%#lx %s\n", stack->frames[i], info.dli_fname,
				stack->frames[i] - (uintptr_t)info.dli_fbase,
				info.dli_sname ? info.dli_sname : "");
		else
			fprintf(file, "  %#lx\n", stack->frames[i]);
	}
}

static void report(const struct stack *ours, const struct stack *theirs)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s.%d.txt", getenv("ORACLE_OUT"), sums_pid);
	file = fopen(path, "a");
	if (!file)
		return;
	describe(file, "ours", ours);
	describe(file, "libunwind's", theirs);
	fclose(file);
}

static void compare(const struct stack *ours, const struct stack *theirs)
{
	const unsigned shared = ours->depth < theirs->depth ? ours->depth : theirs->depth;
	uint64_t unequal;

	__atomic_fetch_add(&sums->stacks, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&sums->frames, ours->depth, __ATOMIC_RELAXED);
	if (memcmp(ours->frames, theirs->frames, shared * sizeof(ours->frames[0])) != 0) {
		unequal = __atomic_fetch_add(&sums->different, 1, __ATOMIC_RELAXED);
	} else if (ours->depth > shared) {
		unequal = __atomic_fetch_add(&sums->longer, 1, __ATOMIC_RELAXED);
	} else if (theirs->depth > shared) {
		unequal = __atomic_fetch_add(&sums->shorter, 1, __ATOMIC_RELAXED);
	} else {
		__atomic_fetch_add(&sums->equal, 1, __ATOMIC_RELAXED);
		return;
	}
	if (unequal < MAX_REPORTS)
		report(ours, theirs);
}

static __attribute__((noinline)) void check(const struct stack_start *caller)
{
	static _Thread_local struct stack ours, theirs;
	const int saved = errno;

	busy++;
	if (getpid() != sums_pid)
		open_sums();
	if (sums) {
		ours.flags = 0;
		ours.depth = stack_capture(caller, ours.frames, MAX_DEPTH, &ours.flags);
		walk_with_libunwind(caller->ip, &theirs);
		compare(&ours, &theirs);
	}
	busy--;
	errno = saved;
}

#define CHECK()                                                                     \
	do {                                                                        \
		if (sums && !busy &&                                                \
		    __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED) % every == 0) { \
			const struct stack_start caller = STACK_START_OF_CALLER();  \
                                                                                    \
			check(&caller);                                             \
		}                                                                   \
	} while (0)

void *malloc(size_t size)
{
	if (!real_malloc) {
		if (busy)
			return early_malloc(size);
		resolve();
	}
	CHECK();
	return real_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	if (!real_malloc) {
		if (busy)
			return early_malloc(count * size);
		resolve();
	}
	CHECK();
	return real_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
	if (!real_malloc)
		resolve();
	CHECK();
	return real_realloc(is_early(block) ? NULL : block, size);
}

void free(void *block)
{
	if (is_early(block) || !real_malloc)
		return;
	if (free_filter_may_contain(block))
		module_table_on_free(block);
	real_free(block);
}
