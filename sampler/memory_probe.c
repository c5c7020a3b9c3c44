/*
 * The probe is a system call that copies a word from the given address before
 * it finds another argument wrong: EINVAL tells that the word could be read,
 * EFAULT that it could not. rt_sigprocmask is one that every sandbox allows.
 *
 * Context: inside malloc, signal handlers; errno unchanged.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "sampler/memory_probe.h"

#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WRONG_HOW (-1)
#define KERNEL_SIGSET_SIZE 8

bool memory_probe_page(uintptr_t address)
{
	const int saved = errno;
	const uintptr_t page = address & ~(MEMORY_PROBE_PAGE - 1);
	const long result = syscall(SYS_rt_sigprocmask, WRONG_HOW, page, NULL, KERNEL_SIGSET_SIZE);
	const bool readable = page != 0 && result == -1 && errno == EINVAL;

	errno = saved;
	return readable;
}

bool memory_probe_range(uintptr_t start, uintptr_t end)
{
	for (uintptr_t page = start & ~(MEMORY_PROBE_PAGE - 1); page < end;
	     page += MEMORY_PROBE_PAGE) {
		if (!memory_probe_page(page))
			return false;
	}
	return true;
}
