/*
 * Stacks whose shape is the architecture's: signal frames, frames left at every
 * single instruction, and assembly without unwind information.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/unit/noted_stack.h"

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

#if defined(__x86_64__)

/* ---- every instruction -------------------------------------------------- */

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
	sort_many(); /* the linkage table is bound */
	step_through(sort_many);
	ck_assert_uint_gt(stepped.stacks, 1000);
	ck_assert_msg(stepped.lost == 0, "%u of %u lost, first at %#lx", stepped.lost,
		      stepped.stacks, stepped.first_lost);
}
END_TEST

START_TEST(every_instruction_of_allocating_and_printing_can_be_left)
{
	start_test();
	allocate_and_print();
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
	sort_many();
	step_through(sort_many);
	ck_assert_uint_gt(stepped.stacks, 1000);
	ck_assert_uint_eq(stepped.lost, 0);
}
END_TEST

START_TEST(every_instruction_of_the_kernels_clock_can_be_left)
{
	start_test();
	ask_the_time();
	step_through(ask_the_time);
	ck_assert_uint_gt(stepped.stacks, 100);
	ck_assert_msg(stepped.lost == 0, "%u of %u lost, first at %#lx", stepped.lost,
		      stepped.stacks, stepped.first_lost);
}
END_TEST

/* Functions without unwind information: one keeps a frame pointer, one does not,
 * and one has a pointer to data on the stack in its place. */
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
	"	ret\n"
	"call_with_data_pointer:\n"
	"	push %rbp\n"
	"	sub $32, %rsp\n"
	"	movl $123456, (%rsp)\n"
	"	movl $123456, 8(%rsp)\n"
	"	mov %rsp, %rbp\n"
	"	call *%rdi\n"
	"	add $32, %rsp\n"
	"	pop %rbp\n"
	"	ret\n");

void call_with_frame_pointer(void (*function)(void));
void call_without_frame_pointer(void (*function)(void));
void call_with_data_pointer(void (*function)(void));

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
	void (*const assembly[])(void (*)(void)) = {call_without_frame_pointer,
						    call_with_data_pointer};

	for (unsigned n = 0; n < 2; n++) {
		start_test();
		call_assembly(assembly[n]);
		ck_assert_uint_eq(flags, SEGMENT_STACK_INCOMPLETE);
		/* take(), chain() four times, and what was called from assembly. */
		ck_assert_uint_eq(depth, 6);
		for (unsigned i = 0; i < depth; i++)
			ck_assert_uint_eq(frames[i], notes[noted - 1 - i]);
	}
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

#if defined(__x86_64__)
#define OF_THIS_ARCHITECTURE                                                 \
	the_faulting_instruction_is_in_the_handlers_stack,                   \
		every_instruction_of_a_sort_can_be_left,                     \
		every_instruction_of_allocating_and_printing_can_be_left,    \
		every_instruction_can_be_left_on_an_alternate_stack,         \
		every_instruction_of_the_kernels_clock_can_be_left,          \
		assembly_with_a_frame_pointer_is_passed,                     \
		assembly_that_gives_no_hint_ends_the_stack_and_that_is_said, \
		code_made_at_run_time_with_a_frame_pointer_is_passed,        \
		a_call_from_a_stack_of_its_own_to_the_threads_is_followed_back,
#else
#define OF_THIS_ARCHITECTURE
#endif

UNIT_MAIN(OF_THIS_ARCHITECTURE a_handler_sees_the_interrupted_frames,
	  a_handler_on_an_alternate_stack_sees_the_interrupted_frames,
	  a_handler_on_a_threads_alternate_stack_sees_the_interrupted_frames,
	  a_handler_can_look_at_an_overflown_stack)
