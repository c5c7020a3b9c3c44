/*
 * Asks the kernel whether memory can be read, without a signal handler and
 * without touching it.
 *
 * Context: inside malloc, signal handlers; one system call; errno unchanged.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_MEMORY_PROBE_H
#define SAMPLER_MEMORY_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#define MEMORY_PROBE_PAGE UINT64_C(4096)

/* Whether the page that holds `address` can be read; false also when a sandbox
 * does not let us ask. */
bool memory_probe_page(uintptr_t address);

/* Whether all pages of [start, end) can be read. */
bool memory_probe_range(uintptr_t start, uintptr_t end);

#endif
