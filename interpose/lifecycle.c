/*
 * Starts the library: finds the real allocator, reads the settings, wakes the
 * sampler.
 *
 * Context: the first allocation of the process, possibly in the loader or in
 * another object's constructor, and this library's own constructor.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "interpose/lifecycle.h"

#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "interpose/cxx_hooks.h"
#include "interpose/environment.h"
#include "interpose/real_malloc.h"
#include "sampler/sampler.h"
#include "sampler/thread_state.h"

enum state { WAITING, STARTING, RUNNING, DISABLED };

static _Atomic enum state state;

/* Whether the program's own calls of malloc end here: asks for a byte as the
 * program does, and looks whether the clock moved. */
static bool is_in_the_way(void)
{
	void *volatile block;
	uint64_t countdown;

	thread_state.countdown = 2;
	block = malloc(1);
	countdown = thread_state.countdown;
	free(block);
	return countdown == 1;
}

/* The path of the object that holds this function, valid as long as that is
 * loaded; "" when unknown. */
static const char *object_path(const void *function)
{
	static char executable[512];
	const struct link_map *object = real_malloc_object(function);

	if (!object || object->l_name[0])
		return object ? object->l_name : "";
	/* The executable has no name in the loader's list. */
	const ssize_t length = readlink("/proc/self/exe", executable, sizeof(executable) - 1);
	executable[length > 0 ? length : 0] = '\0';
	return executable;
}

static void start_sampler(bool is_seeing)
{
	struct settings settings;
	void *allocator = is_seeing ? (void *)real_malloc.malloc : (void *)malloc;

	environment_read(&settings);
	sampler_init(&settings, object_path(allocator), is_seeing ? 0 : SEGMENT_NOTICE_OWN_MALLOC);
}

static void start(void)
{
	enum state before = WAITING;

	if (!atomic_compare_exchange_strong(&state, &before, STARTING))
		return;
	const int saved_errno = errno;
	const bool is_privileged = getauxval(AT_SECURE) != 0;

	real_malloc_resolve();
	const bool is_seeing = is_in_the_way();
	cxx_hooks_resolve(is_seeing && !is_privileged);
	real_malloc_forget_errors();
	if (!is_privileged)
		start_sampler(is_seeing);
	/* The next allocation of this thread begins with the sampler. */
	thread_state.countdown = 0;
	errno = saved_errno;
	atomic_store(&state, is_privileged ? DISABLED : RUNNING);
}

uint64_t lifecycle_charge(size_t size)
{
	if (atomic_load_explicit(&state, memory_order_acquire) == RUNNING)
		return sampler_charge(size);
	/* Before the C library has started there is no environment to read. */
	if (environ)
		start();
	switch (atomic_load(&state)) {
	case RUNNING:
		return sampler_charge(size);
	case DISABLED:
		thread_state.countdown = UINT64_MAX;
		return 0;
	default:
		thread_state.countdown = 0;
		return 0;
	}
}

static __attribute__((constructor(101))) void construct(void)
{
	start();
	if (atomic_load(&state) == RUNNING)
		pthread_atfork(NULL, NULL, sampler_after_fork);
}

static __attribute__((destructor)) void destruct(void)
{
	if (atomic_load(&state) == RUNNING)
		sampler_at_exit();
}
