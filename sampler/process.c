/*
 * The life of the profiled process, seen from inside its malloc: one segment,
 * made once, by whichever thread needs it first; a new one in a forked child.
 *
 * A page that the kernel wipes on fork (MADV_WIPEONFORK) tells a child, even of
 * a raw clone(), from its parent; vfork children share the page and see the
 * parent's, which is right: they share its heap too.
 *
 * Context: inside malloc, any thread. The segment is made with raw system calls.
 * Invariant: the tables and the ledger are used only in the state READY.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "sampler/process.h"

#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sampler/budget.h"
#include "sampler/clock.h"
#include "sampler/free_filter.h"
#include "sampler/ledger.h"
#include "sampler/live_table.h"
#include "sampler/module_table.h"
#include "sampler/private_memory.h"
#include "sampler/sample_clock.h"
#include "sampler/stack_capture.h"
#include "sampler/stack_table.h"

enum segment_state { NO_SEGMENT, MAKING_SEGMENT, READY, FAILED };

/* How often a thread yields while another one makes the segment. */
enum { PATIENCE = 10000 };
/* A stack shorter than this tells nothing. */
enum { LEAST_DEPTH = 4 };
/* As in options.def; budget.c doubles it without overflow. */
#define MAX_INTERVAL (UINT64_C(1) << 40)

static struct {
	struct settings settings;
	const char *allocator;
	uint32_t notices;
	_Atomic bool initialised;
	pid_t pid; /* of the process that may make the segment */
	_Atomic uint32_t generation;
	_Atomic uint32_t *alive; /* in the page that fork wipes: 1 in the known process */
	_Atomic uint32_t state;	 /* enum segment_state */
	_Atomic uint64_t interval;
	_Atomic uint32_t active;
	_Atomic uint32_t control_generation; /* the last one followed */
	_Atomic uint32_t depth;
	_Atomic uint64_t seeds_given;
	uint64_t seed;
} process;

/* ---- beginning ------------------------------------------------------- */

static bool is_wanted(void)
{
	const uint32_t only_pid = process.settings.only_pid;

	return only_pid == 0 || (uint32_t)process.pid == only_pid;
}

static void take_settings(void)
{
	const struct settings *settings = &process.settings;

	process.pid = getpid();
	process.seed = settings->seed;
	if (!process.seed)
		syscall(SYS_getrandom, &process.seed, sizeof(process.seed), 1 /* GRND_NONBLOCK */);
	atomic_store(&process.seeds_given, 0);
	atomic_store(&process.interval, settings->interval);
	atomic_store(&process.active, is_wanted() && settings->start == SEGMENT_ON);
	atomic_store(&process.control_generation, 0);
	atomic_store(&process.depth, settings->depth);
}

static void watch_for_fork(void)
{
	void *page = private_memory_map(SEGMENT_PAGE_SIZE);

	/* Without the page (an old kernel) only fork() itself is noticed, by
	 * the handler that calls sampler_after_fork(). */
	if (!page || madvise(page, SEGMENT_PAGE_SIZE, MADV_WIPEONFORK) != 0)
		return;
	atomic_store((_Atomic uint32_t *)page, 1);
	process.alive = page;
}

void process_init(const struct settings *settings, const char *allocator, uint32_t notices)
{
	process.settings = *settings;
	process.allocator = allocator;
	process.notices = notices | (settings->bad_option[0] ? SEGMENT_NOTICE_BAD_OPTION : 0);
	if (!stack_capture_init(settings->unwinder))
		process.notices |= SEGMENT_NOTICE_NO_LIBUNWIND;
	take_settings();
	watch_for_fork();
	clock_init(settings->interval < SAMPLE_CLOCK_DENSE_BELOW);
	atomic_store(&process.generation, 1);
	/* Pairs with process_is_initialised(). */
	atomic_store_explicit(&process.initialised, true, memory_order_release);
	/* A dormant process must be there for `heaptide ctl` to wake, and one
	 * that cannot be seen must be there to say so. */
	if (is_wanted() &&
	    (settings->start == SEGMENT_OFF || (notices & SEGMENT_NOTICE_OWN_MALLOC)))
		process_has_segment(true);
}

bool process_is_initialised(void)
{
	return atomic_load_explicit(&process.initialised, memory_order_acquire);
}

/* ---- fork ------------------------------------------------------------ */

uint32_t process_generation(void)
{
	return atomic_load_explicit(&process.generation, memory_order_relaxed);
}

bool process_after_fork(void)
{
	uint32_t wiped = 0;

	if (!process_is_initialised())
		return false;
	/* Of several threads of a child one starts afresh; the others see no
	 * segment meanwhile. */
	if (process.alive && !atomic_compare_exchange_strong(process.alive, &wiped, 1))
		return false;
	atomic_store(&process.state, NO_SEGMENT);
	clock_after_fork();
	stack_capture_after_fork();
	segment_writer_after_fork();
	free_filter_clear();
	module_table_refill_filter();
	take_settings();
	atomic_fetch_add(&process.generation, 1);
	if (is_wanted() && process.settings.start == SEGMENT_OFF)
		process_has_segment(true);
	return true;
}

bool process_notice_fork(void)
{
	return process.alive &&
	       __builtin_expect(atomic_load_explicit(process.alive, memory_order_relaxed) == 0,
				0) &&
	       process_after_fork();
}

/* ---- the segment ----------------------------------------------------- */

static bool make_segment(void)
{
	if (segment_writer_open(&process.settings) != 0)
		return false;
	struct segment_header *header = segment_writer_header();

	/* Thread 0 takes the threads that find no record. */
	if (segment_writer_claim(SEGMENT_THREADS, 1) != SEGMENT_OVERFLOW_THREAD ||
	    !stack_table_new_segment() || !live_table_new_segment() || !ledger_new_segment())
		return false;
	budget_new_segment();
	module_table_new_segment();
	header->allocator_name = segment_writer_string(process.allocator);
	header->seed = process.seed;
	atomic_fetch_or(&header->notices, process.notices);
	memcpy(header->notice_text, process.settings.bad_option, sizeof(header->notice_text));
	atomic_store(&header->interval, process.interval);
	atomic_store(&header->active, process.active);
	atomic_store(&header->control_switch, process.active);
	if (!process.active)
		atomic_store(&header->off_since_ns, header->start_monotonic_ns);
	segment_writer_publish();
	return true;
}

static bool wait_for_segment(void)
{
	uint32_t state = MAKING_SEGMENT;

	for (int i = 0; i < PATIENCE && state == MAKING_SEGMENT; i++) {
		sched_yield();
		state = atomic_load(&process.state);
	}
	/* Its maker may have left by longjmp: do without, instead of waiting at
	 * every sample. One that was only slow makes it READY all the same. */
	if (state == MAKING_SEGMENT)
		atomic_compare_exchange_strong(&process.state, &state, FAILED);
	return atomic_load(&process.state) == READY;
}

bool process_has_segment(bool make)
{
	uint32_t state = atomic_load_explicit(&process.state, memory_order_acquire);

	if (__builtin_expect(state == READY, 1))
		return true;
	if (!make || state == FAILED)
		return false;
	if (state == MAKING_SEGMENT ||
	    !atomic_compare_exchange_strong(&process.state, &state, MAKING_SEGMENT))
		return wait_for_segment();
	if (getpid() != process.pid) {
		/* A vfork child shares our memory but not our identity: let the
		 * parent do it later. */
		atomic_store(&process.state, NO_SEGMENT);
		return false;
	}
	const bool is_made = make_segment();
	/* Pairs with the acquire above. */
	atomic_store_explicit(&process.state, is_made ? READY : FAILED, memory_order_release);
	return is_made;
}

/* ---- what is in force ------------------------------------------------ */

uint64_t process_next_seed(void)
{
	uint64_t state = process.seed;

	/* Mixed twice, or the threads of seed 2 would be those of seed 1 but one. */
	state = sample_clock_random(&state) + atomic_fetch_add(&process.seeds_given, 1);
	return sample_clock_random(&state);
}

uint64_t process_interval(void)
{
	return atomic_load_explicit(&process.active, memory_order_relaxed)
		       ? atomic_load_explicit(&process.interval, memory_order_relaxed)
		       : 0;
}

static void set_interval(uint64_t interval)
{
	/* It may come from the segment, where anybody may have put anything. */
	if (interval > MAX_INTERVAL)
		interval = MAX_INTERVAL;
	atomic_store(&process.interval, interval);
	atomic_store(&segment_writer_header()->interval, interval);
}

void process_raise_interval(uint64_t interval)
{
	set_interval(interval);
	COUNT(raised_interval);
}

static void set_active(bool active)
{
	struct segment_header *header = segment_writer_header();
	const uint64_t now = clock_now_ns();

	if (atomic_exchange(&process.active, active) == active)
		return;
	if (active)
		atomic_fetch_add(&header->off_total_ns, now - header->off_since_ns);
	atomic_store(&header->off_since_ns, active ? 0 : now);
	atomic_store(&header->active, active);
}

uint32_t process_follow_control(void)
{
	uint32_t known = atomic_load_explicit(&process.control_generation, memory_order_relaxed);

	if (!process_has_segment(false))
		return known;
	struct segment_header *header = segment_writer_header();
	/* Pairs with the release in snapshot_control(). */
	const uint32_t wanted =
		atomic_load_explicit(&header->control_generation, memory_order_acquire);

	if (__builtin_expect(wanted == known, 1) ||
	    !atomic_compare_exchange_strong(&process.control_generation, &known, wanted))
		return known;
	/* Taken, so that a later wish does not bring this one back. */
	const uint64_t interval = atomic_exchange(&header->control_interval, 0);
	if (interval)
		set_interval(interval);
	set_active(atomic_load(&header->control_switch) != SEGMENT_OFF);
	return wanted;
}

unsigned process_depth(void)
{
	return atomic_load_explicit(&process.depth, memory_order_relaxed);
}

void process_halve_depth(void)
{
	const unsigned depth = process_depth();

	if (depth / 2 < LEAST_DEPTH)
		return;
	atomic_store(&process.depth, depth / 2);
	COUNT(reduced_depth);
}
