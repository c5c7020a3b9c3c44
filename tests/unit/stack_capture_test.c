/*
 * Stacks as programs have them: each function of a chain notes its return
 * address, and the notes must be found in the captured stack, in their order.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "sampler/module_table.h"
#include "sampler/stack_capture.h"
#include "sampler/stack_trail.h"
#include "tests/unit/unit.h"

#define PAGE 4096
#define MAX_DEPTH 128
#define NOINLINE __attribute__((noinline))

static uintptr_t notes[64];
static unsigned noted;
static uint64_t frames[MAX_DEPTH];
static unsigned depth, limit = MAX_DEPTH;
static uint16_t flags;

/* Notes where the function will return to; it must not end in a tail call. */
#define NOTE() \
	(notes[noted++] = (uintptr_t)__builtin_extract_return_addr(__builtin_return_address(0)))
#define NO_TAIL_CALL() __asm__ volatile("")

/* Captures the stack of its caller. */
static NOINLINE void take(void)
{
	const struct stack_start start = STACK_START_OF_CALLER();

	NOTE();
	flags = 0;
	depth = stack_capture(&start, frames, limit, &flags);
}

static NOINLINE void chain(unsigned calls)
{
	NOTE();
	if (calls > 0)
		chain(calls - 1);
	else
		take();
	NO_TAIL_CALL();
}

static void start_test(void)
{
	stack_capture_init(SEGMENT_UNWIND_TABLES);
	noted = 0;
	depth = 0;
}

/* How many of the notes, the last first, are in the stack in this order. */
static unsigned notes_found(void)
{
	unsigned left = noted;

	for (unsigned i = 0; i < depth && left > 0; i++)
		if (frames[i] == notes[left - 1])
			left--;
	return noted - left;
}

#define ck_assert_whole_stack()                          \
	do {                                             \
		ck_assert_uint_eq(notes_found(), noted); \
		ck_assert_uint_eq(flags, 0);             \
	} while (0)

/* A stack of `size` bytes between pages that cannot be read. */
static char *map_stack(size_t size)
{
	char *memory = mmap(NULL, size + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(memory, MAP_FAILED);
	ck_assert_int_eq(mprotect(memory + PAGE, size, PROT_READ | PROT_WRITE), 0);
	return memory + PAGE;
}

START_TEST(a_chain_of_calls_is_seen_whole)
{
	start_test();
	chain(20);
	ck_assert_whole_stack();
	ck_assert_uint_eq(frames[0], notes[noted - 1]);
	/* The chain is consecutive. */
	for (unsigned i = 0; i < noted; i++)
		ck_assert_uint_eq(frames[i], notes[noted - 1 - i]);
}
END_TEST

START_TEST(frames_beyond_the_limit_are_cut_and_that_is_said)
{
	unsigned whole;

	start_test();
	chain(3);
	whole = depth;
	for (limit = 1; limit < whole; limit++) {
		noted = 0;
		chain(3);
		ck_assert_uint_eq(depth, limit);
		ck_assert_uint_eq(flags, SEGMENT_STACK_TRUNCATED);
		ck_assert_uint_eq(frames[0], notes[noted - 1]);
	}
	chain(3);
	ck_assert_uint_eq(depth, whole);
	ck_assert_uint_eq(flags, 0);
}
END_TEST

static unsigned outer_notes;

static int compare(const void *a, const void *b)
{
	noted = outer_notes; /* forgets the calls before */
	NOTE();
	take();
	return *(const int *)a - *(const int *)b;
}

static NOINLINE void sort_numbers(void)
{
	int numbers[] = {3, 1, 2};

	NOTE();
	outer_notes = noted;
	qsort(numbers, 3, sizeof(numbers[0]), compare);
	ck_assert_int_eq(numbers[0], 1);
}

START_TEST(callers_of_the_c_library_are_seen_through_its_callbacks)
{
	start_test();
	sort_numbers();
	ck_assert_whole_stack();
}
END_TEST

/* ---- signals ----------------------------------------------------------- */

static void on_signal(int number)
{
	(void)number;
	take();
}

static void use_alternate_stack(void)
{
	const stack_t alternate = {.ss_sp = map_stack(16 * PAGE), .ss_size = 16 * PAGE};

	ck_assert_int_eq(sigaltstack(&alternate, NULL), 0);
}

static void handle(int number, void (*handler)(int), int action_flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = action_flags};

	ck_assert_int_eq(sigaction(number, &action, NULL), 0);
}

static NOINLINE void raise_in_chain(unsigned calls)
{
	NOTE();
	if (calls > 0)
		raise_in_chain(calls - 1);
	else
		raise(SIGUSR1);
	NO_TAIL_CALL();
}

START_TEST(a_handler_sees_the_interrupted_frames)
{
	start_test();
	handle(SIGUSR1, on_signal, 0);
	raise_in_chain(5);
	ck_assert_whole_stack();
}
END_TEST

START_TEST(a_handler_on_an_alternate_stack_sees_the_interrupted_frames)
{
	start_test();
	use_alternate_stack();
	handle(SIGUSR1, on_signal, SA_ONSTACK);
	raise_in_chain(5);
	ck_assert_whole_stack();
}
END_TEST

static void *raise_in_thread(void *unused)
{
	(void)unused;
	use_alternate_stack();
	raise_in_chain(5);
	return NULL;
}

START_TEST(a_handler_on_a_threads_alternate_stack_sees_the_interrupted_frames)
{
	pthread_t thread;

	start_test();
	handle(SIGUSR1, on_signal, SA_ONSTACK);
	ck_assert_int_eq(pthread_create(&thread, NULL, raise_in_thread, NULL), 0);
	pthread_join(thread, NULL);
	ck_assert_whole_stack();
}
END_TEST

static sigjmp_buf back;

static void on_fault(int number)
{
	(void)number;
	take();
	siglongjmp(back, 1);
}

static volatile bool go_on = true;

static NOINLINE void recurse_for_ever(volatile const char *outer)
{
	volatile char room[1000];

	room[0] = *outer;
	if (go_on)
		recurse_for_ever(room);
	room[1] = room[0];
}

START_TEST(a_handler_can_look_at_an_overflown_stack)
{
	start_test();
	use_alternate_stack();
	handle(SIGSEGV, on_fault, SA_ONSTACK);
	if (sigsetjmp(back, 1) == 0)
		recurse_for_ever("");
	ck_assert_uint_eq(depth, MAX_DEPTH);
	ck_assert_uint_eq(flags, SEGMENT_STACK_TRUNCATED);
}
END_TEST

/* ---- every instruction -------------------------------------------------- */

#if defined(__x86_64__)

static uintptr_t fault_address;

static void on_fault_at(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	fault_address = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
	on_fault(number);
}

static volatile int *volatile unreadable = (volatile int *)8;

static NOINLINE void fault(void)
{
	NOTE();
	*unreadable = 0;
	NO_TAIL_CALL();
}

START_TEST(the_faulting_instruction_is_in_the_handlers_stack)
{
	struct sigaction action = {.sa_sigaction = on_fault_at, .sa_flags = SA_SIGINFO};
	volatile unsigned found = 0;

	start_test();
	ck_assert_int_eq(sigaction(SIGSEGV, &action, NULL), 0);
	if (sigsetjmp(back, 1) == 0)
		fault();
	ck_assert_whole_stack();
	for (unsigned i = 0; i < depth; i++)
		found += frames[i] == fault_address + 1;
	ck_assert_uint_eq(found, 1);
}
END_TEST

static struct {
	uintptr_t expected; /* a return address that every stack must show */
	unsigned stacks, lost;
	uintptr_t first_lost;
} stepped;

static volatile sig_atomic_t stepping;

/* Captures at each instruction, and looks for the frame from which stepping began. */
static void on_step(int number, siginfo_t *info, void *context)
{
	ucontext_t *interrupted = context;
	unsigned i = 0;

	(void)number;
	(void)info;
	if (!stepping) {
		interrupted->uc_mcontext.gregs[REG_EFL] &= ~0x100;
		return;
	}
	noted = 0;
	take();
	while (i < depth && frames[i] != stepped.expected)
		i++;
	stepped.stacks++;
	if (i < depth && flags == 0)
		return;
	if (stepped.lost++ == 0)
		stepped.first_lost = (uintptr_t)interrupted->uc_mcontext.gregs[REG_RIP];
}

/* The trap flag of the interrupted code is in its saved registers. */
static void start_stepping(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	stepping = 1;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] |= 0x100;
}

static NOINLINE void step_through(void (*work)(void))
{
	struct sigaction start = {.sa_sigaction = start_stepping, .sa_flags = SA_SIGINFO};
	struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	stepped.expected = (uintptr_t)__builtin_return_address(0);
	ck_assert_int_eq(sigaction(SIGUSR2, &start, NULL), 0);
	ck_assert_int_eq(sigaction(SIGTRAP, &action, NULL), 0);
	raise(SIGUSR2);
	work();
	stepping = 0;
}

static void sort_many(void)
{
	int numbers[40];

	for (int i = 0; i < 40; i++)
		numbers[i] = i * 7 % 40;
	outer_notes = 0;
	qsort(numbers, 40, sizeof(numbers[0]), (int (*)(const void *, const void *))strcmp);
}

static void allocate_and_print(void)
{
	char text[200];
	char *volatile copies[20];

	for (int i = 0; i < 20; i++) {
		snprintf(text, sizeof(text), "%d %s %g", i, "text", 1.5 * i);
		copies[i] = strdup(text);
	}
	for (int i = 0; i < 20; i++)
		free(copies[i]);
}

static void ask_the_time(void)
{
	struct timespec now;

	for (clockid_t clock = 0; clock < 5; clock++)
		clock_gettime(clock, &now);
}

START_TEST(every_instruction_of_a_sort_can_be_left)
{
	start_test();
	step_through(sort_many);
	ck_assert_uint_gt(stepped.stacks, 1000);
	ck_assert_msg(stepped.lost == 0, "%u of %u lost, first at %#lx", stepped.lost,
		      stepped.stacks, stepped.first_lost);
}
END_TEST

START_TEST(every_instruction_of_allocating_and_printing_can_be_left)
{
	start_test();
	allocate_and_print(); /* the linkage table is bound */
	step_through(allocate_and_print);
	ck_assert_uint_gt(stepped.stacks, 10000);
	ck_assert_msg(stepped.lost == 0, "%u of %u lost, first at %#lx", stepped.lost,
		      stepped.stacks, stepped.first_lost);
}
END_TEST

START_TEST(every_instruction_can_be_left_on_an_alternate_stack)
{
	start_test();
	use_alternate_stack();
	step_through(sort_many);
	ck_assert_uint_gt(stepped.stacks, 1000);
	ck_assert_uint_eq(stepped.lost, 0);
}
END_TEST

START_TEST(every_instruction_of_the_kernels_clock_can_be_left)
{
	start_test();
	step_through(ask_the_time);
	ck_assert_uint_gt(stepped.stacks, 100);
	ck_assert_msg(stepped.lost == 0, "%u of %u lost, first at %#lx", stepped.lost,
		      stepped.stacks, stepped.first_lost);
}
END_TEST

/* Functions without unwind information: one keeps a frame pointer, one does not. */
__asm__(".text\n"
	"call_with_frame_pointer:\n"
	"	push %rbp\n"
	"	mov %rsp, %rbp\n"
	"	sub $32, %rsp\n"
	"	call *%rdi\n"
	"	leave\n"
	"	ret\n"
	"call_without_frame_pointer:\n"
	"	push %rbp\n"
	"	mov $5, %ebp\n"
	"	call *%rdi\n"
	"	pop %rbp\n"
	"	ret\n");

void call_with_frame_pointer(void (*function)(void));
void call_without_frame_pointer(void (*function)(void));

static NOINLINE void take_in_chain(void)
{
	NOTE();
	chain(3);
	NO_TAIL_CALL();
}

static NOINLINE void call_assembly(void (*assembly)(void (*)(void)))
{
	NOTE();
	assembly(take_in_chain);
	NO_TAIL_CALL();
}

START_TEST(assembly_with_a_frame_pointer_is_passed)
{
	start_test();
	call_assembly(call_with_frame_pointer);
	ck_assert_whole_stack();
}
END_TEST

START_TEST(assembly_that_gives_no_hint_ends_the_stack_and_that_is_said)
{
	start_test();
	call_assembly(call_without_frame_pointer);
	ck_assert_uint_eq(flags, SEGMENT_STACK_INCOMPLETE);
	/* take(), chain() four times, and what was called from assembly. */
	ck_assert_uint_eq(depth, 6);
	for (unsigned i = 0; i < depth; i++)
		ck_assert_uint_eq(frames[i], notes[noted - 1 - i]);
}
END_TEST

START_TEST(code_made_at_run_time_with_a_frame_pointer_is_passed)
{
	static const uint8_t code[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};
	void *made = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(made, MAP_FAILED);
	memcpy(made, code, sizeof(code));
	start_test();
	call_assembly((void (*)(void (*)(void)))(uintptr_t)made);
	ck_assert_whole_stack();
	ck_assert_uint_eq(frames[5], (uintptr_t)made + 6);
}
END_TEST

#endif

/* ---- other stacks -------------------------------------------------------- */

static ucontext_t main_context, coroutine;
static void (*coroutine_work)(void);

static void run_coroutine(void)
{
	coroutine_work();
	NO_TAIL_CALL();
}

static void start_coroutine(char *stack, size_t size, void (*work)(void))
{
	ck_assert_int_eq(getcontext(&coroutine), 0);
	coroutine.uc_stack.ss_sp = stack;
	coroutine.uc_stack.ss_size = size;
	coroutine.uc_link = &main_context;
	coroutine_work = work;
	makecontext(&coroutine, run_coroutine, 0);
	ck_assert_int_eq(swapcontext(&main_context, &coroutine), 0);
}

static void take_and_return_twice(void)
{
	NOTE();
	chain(4);
	ck_assert_int_eq(swapcontext(&coroutine, &main_context), 0);
	noted = 0;
	chain(2);
}

START_TEST(a_coroutines_frames_are_seen)
{
	start_test();
	start_coroutine(map_stack(4 * PAGE), 4 * PAGE, take_and_return_twice);
	ck_assert_whole_stack();
	swapcontext(&main_context, &coroutine);
	ck_assert_whole_stack();
	noted = 0;
	chain(2);
	ck_assert_whole_stack();
}
END_TEST

#if defined(__x86_64__)
/* Calls a function on another stack, as Go calls C: no unwind information, but
 * the frame pointer stays. */
__asm__(".text\n"
	"call_on_stack:\n"
	"	push %rbp\n"
	"	mov %rsp, %rbp\n"
	"	mov %rsi, %rsp\n"
	"	call *%rdi\n"
	"	mov %rbp, %rsp\n"
	"	pop %rbp\n"
	"	ret\n");

void call_on_stack(void (*function)(void), char *stack_end);

static char *own_stack_end;

static void take_on_own_stack(void)
{
	NOTE();
	call_on_stack(take_in_chain, own_stack_end);
	NO_TAIL_CALL();
}

START_TEST(a_call_from_a_stack_of_its_own_to_the_threads_is_followed_back)
{
	char room[8 * PAGE] __attribute__((aligned(16)));

	own_stack_end = room + sizeof(room);
	start_test();
	start_coroutine(map_stack(4 * PAGE), 4 * PAGE, take_on_own_stack);
	ck_assert_whole_stack();
}
END_TEST
#endif

static void *run_coroutine_in_thread(void *stack)
{
	start_coroutine(stack, 4 * PAGE, take_and_return_twice);
	return NULL;
}

START_TEST(a_coroutines_frames_are_seen_in_a_thread)
{
	pthread_t thread;

	start_test();
	ck_assert_int_eq(
		pthread_create(&thread, NULL, run_coroutine_in_thread, map_stack(4 * PAGE)), 0);
	pthread_join(thread, NULL);
	ck_assert_whole_stack();
}
END_TEST

START_TEST(errno_is_left_alone)
{
	start_test();
	errno = EDOM;
	start_coroutine(map_stack(4 * PAGE), 4 * PAGE, take_and_return_twice);
	ck_assert_int_eq(errno, EDOM);
}
END_TEST

static void *take_in_thread(void *calls)
{
	chain((unsigned)(uintptr_t)calls);
	return NULL;
}

static void run_thread(size_t stack_size, unsigned calls)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	ck_assert_int_eq(pthread_attr_setstacksize(&attributes, stack_size), 0);
	ck_assert_int_eq(
		pthread_create(&thread, &attributes, take_in_thread, (void *)(uintptr_t)calls), 0);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attributes);
}

START_TEST(a_threads_stack_is_seen_whole)
{
	start_test();
	run_thread(1 << 20, 20);
	ck_assert_whole_stack();
}
END_TEST

START_TEST(a_small_threads_stack_is_seen_whole)
{
	start_test();
	run_thread(16384, 20);
	ck_assert_whole_stack();
}
END_TEST

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

/* ---- long jumps ----------------------------------------------------------- */

static NOINLINE void jump_out(unsigned calls)
{
	if (calls > 0)
		jump_out(calls - 1);
	take();
	siglongjmp(back, 1);
}

START_TEST(a_long_jump_leaves_nothing_behind)
{
	start_test();
	for (int i = 0; i < 20; i++) {
		if (sigsetjmp(back, 0) == 0)
			jump_out((unsigned)i);
		noted = 0;
		chain((unsigned)(20 - i));
		ck_assert_whole_stack();
	}
}
END_TEST

/* ---- the other unwinders --------------------------------------------------- */

START_TEST(libunwind_sees_what_the_tables_see)
{
	start_test();
	ck_assert(stack_capture_init(SEGMENT_UNWIND_LIBUNWIND));
	chain(20);
	ck_assert_whole_stack();
	ck_assert_uint_eq(frames[0], notes[noted - 1]);
	noted = 0;
	handle(SIGUSR1, on_signal, 0);
	raise_in_chain(5);
	ck_assert_whole_stack();
	limit = 4;
	noted = 0;
	chain(20);
	ck_assert_uint_le(depth, limit);
	ck_assert_uint_eq(flags, SEGMENT_STACK_TRUNCATED);
	ck_assert_uint_eq(frames[0], notes[noted - 1]);
}
END_TEST

/* The interrupted frame is told as that also by libunwind, which does not. */
START_TEST(an_interrupted_frame_is_the_same_for_both)
{
	uint64_t by_tables[MAX_DEPTH];
	unsigned depth_by_tables;

	start_test();
	handle(SIGUSR1, on_signal, 0);
	for (int i = 0; i < 2; i++) {
		stack_capture_init(i == 0 ? SEGMENT_UNWIND_TABLES : SEGMENT_UNWIND_LIBUNWIND);
		noted = 0;
		raise_in_chain(5);
		if (i == 0) {
			memcpy(by_tables, frames, sizeof(by_tables));
			depth_by_tables = depth;
		}
	}
	ck_assert_uint_eq(depth, depth_by_tables);
	/* The trampoline, raise() and the chain; the call from here may be two. */
	ck_assert_mem_eq(frames, by_tables, 8 * sizeof(frames[0]));
}
END_TEST

/* Who asks for its frame address keeps a frame pointer. */
static NOINLINE void framed_chain(unsigned calls)
{
	NOTE();
	if (calls > 0)
		framed_chain(calls - 1);
	else
		take();
	__asm__ volatile("" ::"r"(__builtin_frame_address(0)));
}

START_TEST(frame_pointers_are_followed)
{
	start_test();
	stack_capture_init(SEGMENT_UNWIND_FP);
	framed_chain(20);
	ck_assert_uint_ge(notes_found(), 21);
}
END_TEST

/* ---- the remembered stack --------------------------------------------------- */

/* Two trails, one of which is mostly cut short. */
static struct {
	unsigned limit, depth, repeated;
	struct stack_trail trail;
	uint64_t frames[STACK_TRAIL_DEPTH], before[STACK_TRAIL_DEPTH];
} trails[2] = {{.limit = MAX_DEPTH}, {.limit = 16}};

/* Captures the stack of its caller with and without each trail. */
static NOINLINE void take_twice(void)
{
	const struct stack_start start = STACK_START_OF_CALLER();

	for (int i = 0; i < 2; i++) {
		uint16_t trail_flags = 0;
		unsigned trail_depth;

		flags = 0;
		depth = stack_capture(&start, frames, trails[i].limit, &flags);
		trail_depth = stack_capture_by_trail(&start, &trails[i].trail, trails[i].frames,
						     trails[i].limit, &trail_flags);
		ck_assert_uint_eq(depth, trail_depth);
		ck_assert_uint_eq(flags, trail_flags);
		ck_assert_mem_eq(frames, trails[i].frames, depth * sizeof(frames[0]));
		if (trails[i].trail.is_repeated) {
			trails[i].repeated++;
			ck_assert_uint_eq(depth, trails[i].depth);
			ck_assert_mem_eq(frames, trails[i].before, depth * sizeof(frames[0]));
		}
		trails[i].depth = depth;
		memcpy(trails[i].before, frames, depth * sizeof(frames[0]));
	}
}

static void take_twice_in_handler(int number)
{
	(void)number;
	take_twice();
	take_twice();
}

static uint64_t random_state = 88172645463325252;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static unsigned walks_left;

/* Calls itself and two others of its kind, at random. */
static void wander_a(unsigned level);
static void wander_b(unsigned level);
static void wander_c(unsigned level);

static NOINLINE void wander(unsigned level)
{
	static void (*const ways[])(unsigned) = {wander_a, wander_b, wander_c};

	while (walks_left > 0 && next_random() % 4 != 0) {
		if (level < 100)
			ways[next_random() % 3](level + 1);
		if (walks_left > 0 && next_random() % 2) {
			walks_left--;
			if (next_random() % 16 == 0)
				raise(next_random() % 2 ? SIGUSR1 : SIGUSR2);
			for (int n = next_random() % 3; n > 0; n--)
				take_twice();
		}
	}
}

static NOINLINE void wander_a(unsigned level)
{
	wander(level);
	NO_TAIL_CALL();
}

static NOINLINE void wander_b(unsigned level)
{
	volatile char room[64];

	room[0] = 1;
	wander(level);
	room[1] = room[0];
}

static NOINLINE void wander_c(unsigned level)
{
	wander(level);
	take_twice();
	NO_TAIL_CALL();
}

START_TEST(a_trail_gives_the_stack_that_a_walk_gives)
{
	start_test();
	use_alternate_stack();
	handle(SIGUSR1, take_twice_in_handler, 0);
	handle(SIGUSR2, take_twice_in_handler, SA_ONSTACK);
	walks_left = 30000;
	while (walks_left > 0)
		wander(0);
	ck_assert_uint_gt(trails[0].repeated, 2000);
	ck_assert_uint_gt(trails[1].repeated, 2000);
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

/* ---- little stack ----------------------------------------------------------- */

#define PAINT 0x5a
/* Sanitizers take much for themselves. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define STACK_LIMIT 16384
#endif
#endif
#ifndef STACK_LIMIT
#define STACK_LIMIT 850
#endif

static char *painted;
static uintptr_t painted_sp;

static NOINLINE void take_and_note_sp(void)
{
	painted_sp = (uintptr_t)__builtin_frame_address(0);
	take();
	NO_TAIL_CALL();
}

START_TEST(a_first_capture_takes_little_stack)
{
	const size_t size = 16 * PAGE;
	uintptr_t lowest;

	start_test();
	painted = map_stack(size);
	memset(painted, PAINT, size);
	start_coroutine(painted, size, take_and_note_sp);
	for (lowest = (uintptr_t)painted; *(char *)lowest == PAINT; lowest++)
		;
	ck_assert_uint_ge(depth, 3);
	ck_assert_uint_lt(painted_sp - lowest, STACK_LIMIT);
}
END_TEST

#if defined(__x86_64__)
#define OF_THIS_ARCHITECTURE                                                    \
	the_faulting_instruction_is_in_the_handlers_stack,                      \
		every_instruction_of_a_sort_can_be_left,                        \
		every_instruction_of_allocating_and_printing_can_be_left,       \
		every_instruction_can_be_left_on_an_alternate_stack,            \
		every_instruction_of_the_kernels_clock_can_be_left,             \
		assembly_with_a_frame_pointer_is_passed,                        \
		a_call_from_a_stack_of_its_own_to_the_threads_is_followed_back, \
		assembly_that_gives_no_hint_ends_the_stack_and_that_is_said,    \
		code_made_at_run_time_with_a_frame_pointer_is_passed,
#else
#define OF_THIS_ARCHITECTURE
#endif

UNIT_MAIN(OF_THIS_ARCHITECTURE a_chain_of_calls_is_seen_whole,
	  frames_beyond_the_limit_are_cut_and_that_is_said,
	  callers_of_the_c_library_are_seen_through_its_callbacks,
	  a_handler_sees_the_interrupted_frames,
	  a_handler_on_an_alternate_stack_sees_the_interrupted_frames,
	  a_handler_on_a_threads_alternate_stack_sees_the_interrupted_frames,
	  a_handler_can_look_at_an_overflown_stack, a_coroutines_frames_are_seen,
	  a_coroutines_frames_are_seen_in_a_thread, errno_is_left_alone,
	  a_threads_stack_is_seen_whole, a_small_threads_stack_is_seen_whole,
	  a_thread_may_be_deep_down_when_it_is_first_seen, a_long_jump_leaves_nothing_behind,
	  libunwind_sees_what_the_tables_see, an_interrupted_frame_is_the_same_for_both,
	  frame_pointers_are_followed, a_trail_gives_the_stack_that_a_walk_gives,
	  random_registers_and_stacks_are_survived, random_frame_pointers_are_survived,
	  random_registers_on_the_main_stack_are_survived,
	  random_registers_on_a_threads_stack_are_survived,
	  where_a_coroutine_was_need_not_be_readable_any_more, a_sandbox_costs_no_more_than_frames,
	  a_first_capture_takes_little_stack)
