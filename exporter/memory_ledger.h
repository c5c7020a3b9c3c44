/*
 * Where a process's resident memory is: in the mappings that its allocator keeps
 * the heap in, or elsewhere. The answer to "RSS grows, but the heap does not".
 *
 * The allocator is not asked: its own figures (mallinfo2, mallctl) take its
 * locks, which the hooks must not, since a signal handler that allocates may have
 * interrupted their holder; and glibc walks all its free chunks for them. What
 * the kernel says of the mappings holds for every allocator and costs the program nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_MEMORY_LEDGER_H
#define EXPORTER_MEMORY_LEDGER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "sampler/snapshot.h"

struct memory_ledger {
	uint64_t rss_bytes, pss_bytes, swap_bytes;
	/* Resident, in private anonymous mappings that are the break's heap, or
	 * hold a sampled block that is live: in use, free, and the allocator's own. */
	uint64_t allocator_bytes;
	bool has_mappings; /* else only rss_bytes and swap_bytes are known */
};

/*
 * Reads /proc of the snapshot's process, whose number here is `pid`. Of processes
 * with more than `rss_max` resident the mappings are left out: the kernel walks through
 * all their pages. 0, or -errno when it cannot be read.
 */
int memory_ledger_read(pid_t pid, const struct snapshot *snapshot, uint64_t rss_max,
		       struct memory_ledger *ledger);

/* Sums up a text like /proc/PID/smaps. */
int memory_ledger_sum(FILE *smaps, const struct snapshot *snapshot, struct memory_ledger *ledger);

#endif
