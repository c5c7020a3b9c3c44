/*
 * The processor's counter, set by the system's clock again and again: at first
 * after a millisecond, then after twice as long each time, up to about a second.
 * The rate is measured between two settings, so neither the processor nor the
 * kernel need tell it, and an error of one setting lasts until the next.
 *
 * Context: inside malloc, any thread, signal handlers; lock-free.
 * Invariant: `sequence` is odd while the setting is written; a reader that finds
 * it odd or changed asks the system's clock.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "sampler/clock.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FIRST_SPAN_NS UINT64_C(1000000)
#define LONGEST_SPAN_TICKS (UINT64_C(1) << 31)
/* ns per tick in fixed point; a counter of 1 MHz to 16 GHz fits. */
#define RATE_SHIFT 32

static struct {
	_Atomic bool counts; /* the counter is used */
	_Atomic uint32_t sequence;
	_Atomic uint64_t ticks, ns; /* the counter and the clock at the last setting */
	_Atomic uint64_t rate;	    /* 0: not measured yet */
	_Atomic uint64_t span;	    /* in ticks: after that it is set again */
} setting;

static uint64_t system_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static uint64_t counter(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#else
	uint64_t ticks;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
	return ticks;
#endif
}

/* The kernel watches the counter, and uses another clock when it cannot be
 * trusted. */
static bool kernel_trusts_counter(void)
{
	char name[32] = "";
	const long fd = syscall(SYS_openat, AT_FDCWD,
				"/sys/devices/system/clocksource/clocksource0/current_clocksource",
				O_RDONLY | O_CLOEXEC, 0);

	if (fd < 0)
		return false;
	syscall(SYS_read, fd, name, sizeof(name) - 1);
	syscall(SYS_close, fd);
	return strcmp(name, "tsc\n") == 0 || strcmp(name, "arch_sys_counter\n") == 0;
}

void clock_init(bool often)
{
	if (!often || !kernel_trusts_counter())
		return;
	setting.ticks = counter();
	setting.ns = system_ns();
	atomic_store(&setting.counts, true);
}

/* Sets the counter by the system's clock, and returns that; of several threads
 * one sets it. */
static __attribute__((cold, noinline)) uint64_t set(void)
{
	uint32_t sequence = atomic_load(&setting.sequence);
	const uint64_t ticks = counter(), ns = system_ns();

	if (sequence % 2 ||
	    !atomic_compare_exchange_strong(&setting.sequence, &sequence, sequence + 1))
		return ns;
	const uint64_t passed_ticks = ticks - setting.ticks, passed_ns = ns - setting.ns;
	if (passed_ns >= FIRST_SPAN_NS && passed_ticks > 0 &&
	    passed_ns < UINT64_C(1) << RATE_SHIFT) {
		setting.rate = (passed_ns << RATE_SHIFT) / passed_ticks;
		setting.span =
			passed_ticks < LONGEST_SPAN_TICKS ? 2 * passed_ticks : LONGEST_SPAN_TICKS;
	}
	/* Before the first span is over, and after a pause too long to measure by,
	 * the old rate stays. */
	if (setting.rate) {
		setting.ticks = ticks;
		setting.ns = ns;
	}
	atomic_store(&setting.sequence, sequence + 2);
	return ns;
}

uint64_t clock_now_ns(void)
{
	if (!atomic_load_explicit(&setting.counts, memory_order_relaxed))
		return system_ns();
	const uint32_t sequence = atomic_load_explicit(&setting.sequence, memory_order_acquire);
	const uint64_t passed =
		counter() - atomic_load_explicit(&setting.ticks, memory_order_relaxed);
	const uint64_t ns =
		atomic_load_explicit(&setting.ns, memory_order_relaxed) +
		(uint64_t)((unsigned __int128)passed *
				   atomic_load_explicit(&setting.rate, memory_order_relaxed) >>
			   RATE_SHIFT);
	const bool is_due = passed > atomic_load_explicit(&setting.span, memory_order_relaxed);

	atomic_thread_fence(memory_order_acquire);
	if (__builtin_expect(is_due, 0) ||
	    __builtin_expect(sequence % 2 || sequence != atomic_load_explicit(&setting.sequence,
									      memory_order_relaxed),
			     0))
		return set();
	return ns;
}

void clock_after_fork(void)
{
	const uint32_t sequence = atomic_load(&setting.sequence);

	atomic_store(&setting.sequence, sequence + sequence % 2);
}
