/*
 * One sampled allocation, from the expired countdown to the ledger: here is the
 * order of things; how each is done is in the files that are called.
 *
 * Context: any thread of the program, under any of its locks, in signal
 * handlers that may have interrupted this very file. Does not allocate, does
 * not change errno, uses less than 1 KiB of stack.
 * Locks: none of its own; the callees' are taken one after the other.
 * Invariant: guard is set while this thread is between enter() and leave().
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "sampler/sampler.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>

#include "sampler/budget.h"
#include "sampler/clock.h"
#include "sampler/free_filter.h"
#include "sampler/ledger.h"
#include "sampler/live_table.h"
#include "sampler/lock.h"
#include "sampler/module_table.h"
#include "sampler/private_memory.h"
#include "sampler/process.h"
#include "sampler/sample_clock.h"
#include "sampler/stack_table.h"
#include "sampler/stack_trail.h"

/* A thread looks at least this often, in bytes allocated, whether the interval
 * was changed or sampling switched on. */
#define LOOK_EVERY (UINT64_C(8) << 20)
/* When samples are dense the time of one in so many is taken. */
#define TIME_EVERY 64
/* What took longer was interrupted by the scheduler: that is not our time. */
#define LONGEST_NS 200000

enum { SCRATCHES = 64 };

/* The OpenTelemetry memory-profiling probes; a tracer raises the semaphore of
 * those it listens to. */
unsigned short otel_memory_alloc_semaphore __attribute__((section(".probes"), used));
unsigned short otel_memory_free_semaphore __attribute__((section(".probes"), used));

/* Where stacks are captured: not on the program's stack, which may be tiny. */
static struct scratch {
	struct lock lock;
	struct stack_trail trail;
	uint32_t stack;		     /* index of the stack that the trail remembers, */
	uint32_t process_generation; /* in the segment of this generation */
	uint64_t frames[STACK_TRAIL_DEPTH];
} scratches[SCRATCHES];

/* ---- entering and leaving -------------------------------------------- */

/* Is this code running in a signal handler on an alternate stack? */
static bool is_on_alternate_stack(void)
{
	stack_t stack;

	return syscall(SYS_sigaltstack, NULL, &stack) == 0 && (stack.ss_flags & SS_ONSTACK) != 0;
}

/*
 * False when a slow path of this thread is running already: we are in a signal
 * handler that interrupted it. A guard whose frame is not above ours on the same
 * stack belongs to a slow path that was left by longjmp; it counts no more.
 */
static bool enter(uintptr_t frame)
{
	struct thread_state *thread = &thread_state;

	if (__builtin_expect(thread->guard != 0, 0) &&
	    (frame < thread->guard || is_on_alternate_stack()))
		return false;
	thread->guard = frame;
	return true;
}

static void leave(void)
{
	thread_state.guard = 0;
}

#define FRAME() ((uintptr_t)__builtin_frame_address(0))

/* In a forked child: the parent's other threads, which do not exist here, may
 * have been capturing stacks. */
static void free_scratches(void)
{
	for (int i = 0; i < SCRATCHES; i++)
		lock_release(&scratches[i].lock);
}

static void notice_fork(void)
{
	if (process_notice_fork())
		free_scratches();
}

/* The start of a timed slow path, or 0 when this one is not timed. */
static uint64_t start_timer(uint64_t interval)
{
	return interval >= SAMPLE_CLOCK_DENSE_BELOW || ++thread_state.slow_paths % TIME_EVERY == 0
		       ? clock_now_ns()
		       : 0;
}

static void stop_timer(uint64_t start_ns, uint64_t interval)
{
	if (!start_ns)
		return;
	uint64_t took_ns = clock_now_ns() - start_ns;

	if (took_ns > LONGEST_NS)
		took_ns = LONGEST_NS;
	segment_writer_count(SEGMENT_COUNTER_own_cpu_ns,
			     took_ns * (interval >= SAMPLE_CLOCK_DENSE_BELOW ? 1 : TIME_EVERY));
	atomic_store_explicit(&segment_writer_header()->counters[SEGMENT_COUNTER_private_bytes],
			      private_memory_total() + live_table_index_bytes() +
				      stack_table_index_bytes(),
			      memory_order_relaxed);
}

/* ---- the countdown --------------------------------------------------- */

void sampler_init(const struct settings *settings, const char *allocator, uint32_t notices)
{
	if (!process_is_initialised())
		process_init(settings, allocator, notices);
}

static void init_thread(struct thread_state *thread)
{
	thread->random = process_next_seed();
	thread->interval = 0;
	thread->thread_record = SEGMENT_NONE;
	thread->process_generation = process_generation();
}

/* Puts a gap into the countdown, in pieces that let the thread look up. */
static void set_gap(struct thread_state *thread, uint64_t gap)
{
	thread->countdown = gap < LOOK_EVERY ? gap : LOOK_EVERY;
	thread->remaining = gap - thread->countdown;
}

/* Begins a new gap with the interval in force and returns its length. Exact
 * mode has no gaps: its countdown stays 0. */
static uint64_t begin_gap(struct thread_state *thread)
{
	thread->interval = process_interval();
	if (thread->interval > 1)
		return sample_clock_draw(&thread->random, thread->interval);
	return thread->interval ? 0 : LOOK_EVERY;
}

uint64_t sampler_charge(size_t size)
{
	struct thread_state *thread = &thread_state;
	/* What was left of the gap before this allocation. Below zero when a
	 * signal handler came between the subtraction and this, and allocated. */
	int64_t left = (int64_t)(thread->countdown + size + thread->remaining);

	thread->countdown = 0;
	if (!process_is_initialised())
		return 0;
	notice_fork();
	if (thread->process_generation != process_generation())
		init_thread(thread);
	const uint32_t control = process_follow_control();
	const bool is_changed = thread->control_generation != control;
	thread->control_generation = control;
	if (thread->interval == 0)
		left = begin_gap(thread);
	const uint64_t interval = thread->interval;
	const bool is_sample = interval != 0 && (left <= 0 || size >= (uint64_t)left);
	/* A wish that is noticed now holds from the next allocation on: this one
	 * came here by the old gap, and dropping it would lose what it stands
	 * for. Gaps have no memory, so what is left of one may be drawn anew. */
	set_gap(thread, is_sample || is_changed || interval == 0 ? begin_gap(thread) : left - size);
	return is_sample && thread->interval != 0 ? interval : 0;
}

/* ---- recording an allocation ----------------------------------------- */

/* Records this thread in the segment at its first sample. */
static uint32_t thread_record(void)
{
	struct thread_state *thread = &thread_state;

	if (thread->thread_record != SEGMENT_NONE)
		return thread->thread_record;
	const uint64_t index = segment_writer_claim(SEGMENT_THREADS, 1);
	if (index == UINT64_MAX) {
		COUNT(overflow_threads);
		return thread->thread_record = SEGMENT_OVERFLOW_THREAD;
	}
	struct segment_thread *record =
		(struct segment_thread *)segment_writer_region(SEGMENT_THREADS) + index;

	prctl(PR_GET_NAME, record->name);
	atomic_store_explicit(&record->tid, syscall(SYS_gettid), memory_order_release);
	return thread->thread_record = index;
}

/* Called with the ledger open, since threads may share the overflow record. */
static void charge_thread(uint32_t index, struct sample_weight weight)
{
	struct segment_thread *record =
		(struct segment_thread *)segment_writer_region(SEGMENT_THREADS) + index;

	atomic_store_explicit(&record->bytes, record->bytes + weight.bytes, memory_order_relaxed);
	atomic_store_explicit(&record->objects, record->objects + weight.objects,
			      memory_order_relaxed);
	atomic_store_explicit(&record->samples, record->samples + 1, memory_order_relaxed);
}

static struct scratch *take_scratch(void)
{
	const uintptr_t self = lock_self();
	/* The same one each time, if possible: it remembers the last stack. */
	const uint32_t first = (uint32_t)(self * UINT64_C(0x9e3779b97f4a7c15) >> 58);

	/* 64 slow paths at the same time on fewer cores: some end soon. */
	for (uint32_t i = 0; i < 100 * SCRATCHES; i++) {
		struct scratch *scratch = &scratches[(first + i) % SCRATCHES];

		if (lock_try(&scratch->lock) || lock_is_mine(&scratch->lock))
			return scratch;
	}
	return NULL;
}

static void count_flags(uint16_t flags)
{
	if (flags & SEGMENT_STACK_TRUNCATED)
		COUNT(truncated_stacks);
	if (flags & SEGMENT_STACK_INCOMPLETE)
		COUNT(incomplete_stacks);
}

/* The index of the stack that was captured there, or SEGMENT_OVERFLOW_STACK. */
static uint32_t intern(struct scratch *scratch, unsigned depth, uint16_t flags)
{
	if (scratch->trail.is_repeated && scratch->stack != SEGMENT_OVERFLOW_STACK &&
	    scratch->process_generation == process_generation())
		return scratch->stack;
	scratch->stack = stack_table_intern(&(struct stack_table_key){
		.frames = scratch->frames,
		.depth = depth,
		.flags = flags,
		.module_epoch = module_table_record(scratch->frames, depth),
	});
	scratch->process_generation = process_generation();
	return scratch->stack;
}

/* The caller's stack as an index, or SEGMENT_OVERFLOW_STACK. */
static uint32_t capture(const struct stack_start *caller)
{
	struct scratch *scratch = take_scratch();
	uint16_t flags = 0;

	if (!scratch) {
		COUNT(overflow_stacks);
		return SEGMENT_OVERFLOW_STACK;
	}
	const unsigned depth = stack_capture_by_trail(caller, &scratch->trail, scratch->frames,
						      process_depth(), &flags);
	const uint32_t stack = intern(scratch, depth, flags);
	lock_release(&scratch->lock);
	count_flags(flags);
	if (stack == SEGMENT_OVERFLOW_STACK)
		COUNT(overflow_stacks);
	return stack;
}

/* Enters the block into the ledger and the live table. */
static void record(const struct live_block *block)
{
	const void *address = (const void *)(uintptr_t)block->address;
	struct live_block stale;

	if (!ledger_open(true)) {
		COUNT(dropped_busy);
		return;
	}
	ledger_add(block->stack, block->size, block->weight, block->birth_ns);
	charge_thread(block->thread, block->weight);
	ledger_close();

	/* The filter first: from now on a free of this address is looked up. */
	free_filter_add(address);
	enum live_table_result result = live_table_insert(block, &stale);
	if (result == LIVE_TABLE_FULL) {
		budget_wait_for_room();
		result = live_table_insert(block, &stale);
	}
	const bool is_lost = result != LIVE_TABLE_OK;
	if (!is_lost && stale.address == 0)
		return;
	/* Either this block will not be followed, or the one that was known
	 * under its address was freed unseen: one of them is not live. */
	const struct live_block *gone = is_lost ? block : &stale;
	free_filter_remove(address);
	if (ledger_open(true)) {
		ledger_reweigh(gone->stack, gone->weight, (struct sample_weight){0, 0},
			       block->birth_ns);
		ledger_close();
	}
	if (!is_lost)
		COUNT(stale_blocks);
	else if (result == LIVE_TABLE_FULL)
		COUNT(dropped_table_full);
	else
		COUNT(dropped_busy);
}

static void on_alloc(void *address, size_t size, uint64_t interval,
		     const struct stack_start *caller)
{
	const uint64_t start_ns = start_timer(interval);
	const struct live_block block = {
		.address = (uintptr_t)address,
		.size = size,
		.weight = sample_clock_weight(size, interval),
		.birth_ns = clock_now_ns(),
		.stack = capture(caller),
		.thread = thread_record(),
	};

	record(&block);
	atomic_store_explicit(&segment_writer_header()->last_sample_monotonic_ns, block.birth_ns,
			      memory_order_relaxed);
	budget_check();
	if (__builtin_expect(otel_memory_alloc_semaphore != 0, 0))
		STAP_PROBE3(otel_memory, alloc, address, size, block.weight.bytes);
	stop_timer(start_ns, interval);
}

void sampler_on_alloc(void *block, size_t size, uint64_t interval, const struct stack_start *caller)
{
	const int saved_errno = errno;

	if (!enter(FRAME())) {
		COUNT(dropped_reentrant);
		return;
	}
	/* Between the charge and now a signal handler may have forked: the
	 * interval, and this thread's record, are the parent's. */
	notice_fork();
	if (thread_state.process_generation != process_generation())
		COUNT(dropped_reentrant);
	else if (process_has_segment(true))
		on_alloc(block, size, interval, caller);
	else
		COUNT(dropped_no_segment);
	leave();
	errno = saved_errno;
}

/* ---- recording a free ------------------------------------------------ */

static void settle(const struct live_block *block)
{
	const uint64_t now = clock_now_ns();

	ledger_free(block->stack, block->weight, now > block->birth_ns ? now - block->birth_ns : 0);
}

/* A free in a signal handler that interrupted a slow path: the ledger is taken
 * first, and only if both locks are free now does anything happen. */
static void free_without_waiting(uint64_t address)
{
	struct live_block block;

	if (!ledger_open(false)) {
		COUNT(lost_frees);
		return;
	}
	const enum live_table_result result = live_table_remove(address, false, &block);
	if (result == LIVE_TABLE_OK)
		settle(&block);
	ledger_close();
	if (result == LIVE_TABLE_OK)
		free_filter_remove((const void *)(uintptr_t)address);
	else if (result == LIVE_TABLE_BUSY)
		COUNT(lost_frees);
}

static bool take_out(uint64_t address, struct live_block *block)
{
	const enum live_table_result result = live_table_remove(address, true, block);

	if (result == LIVE_TABLE_OK)
		free_filter_remove((const void *)(uintptr_t)address);
	else if (result == LIVE_TABLE_BUSY)
		COUNT(lost_frees);
	return result == LIVE_TABLE_OK;
}

static void settle_waiting(const struct live_block *block)
{
	if (!ledger_open(true)) {
		COUNT(lost_frees);
		return;
	}
	settle(block);
	ledger_close();
}

void sampler_on_free(void *address)
{
	const int saved_errno = errno;
	struct live_block block;

	notice_fork();
	if (!address)
		return;
	module_table_on_free(address);
	if (!process_has_segment(false))
		return;
	if (!enter(FRAME())) {
		free_without_waiting((uintptr_t)address);
		errno = saved_errno;
		return;
	}
	if (take_out((uintptr_t)address, &block)) {
		const uint64_t interval = process_interval();
		const uint64_t start_ns = start_timer(interval);

		settle_waiting(&block);
		if (__builtin_expect(otel_memory_free_semaphore != 0, 0))
			STAP_PROBE1(otel_memory, free, address);
		stop_timer(start_ns, interval);
	}
	leave();
	errno = saved_errno;
}

/* ---- realloc --------------------------------------------------------- */

void sampler_take_aside(void *address, struct sampler_aside *aside)
{
	const int saved_errno = errno;

	aside->is_tracked = false;
	notice_fork();
	if (!address || !process_has_segment(false))
		return;
	if (!enter(FRAME())) {
		COUNT(lost_frees);
		return;
	}
	aside->is_tracked = take_out((uintptr_t)address, &aside->block);
	leave();
	errno = saved_errno;
}

void sampler_drop_aside(const struct sampler_aside *aside)
{
	const int saved_errno = errno;

	if (!aside->is_tracked)
		return;
	if (!enter(FRAME())) {
		COUNT(lost_frees);
		return;
	}
	settle_waiting(&aside->block);
	leave();
	errno = saved_errno;
}

void sampler_put_back(const struct sampler_aside *aside)
{
	const int saved_errno = errno;
	const void *address = (const void *)(uintptr_t)aside->block.address;
	struct live_block stale;

	if (!aside->is_tracked)
		return;
	if (!enter(FRAME())) {
		COUNT(lost_frees);
		return;
	}
	free_filter_add(address);
	if (live_table_insert(&aside->block, &stale) != LIVE_TABLE_OK) {
		free_filter_remove(address);
		COUNT(lost_frees);
	}
	leave();
	errno = saved_errno;
}

/* ---- the end --------------------------------------------------------- */

void sampler_at_exit(void)
{
	notice_fork();
	if (process_has_segment(false))
		atomic_store(&segment_writer_header()->ended, 1);
}

void sampler_after_fork(void)
{
	const int saved_errno = errno;

	if (process_after_fork())
		free_scratches();
	errno = saved_errno;
}
