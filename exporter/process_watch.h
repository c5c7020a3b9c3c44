/*
 * Learning that a process has ended, and how, without being its parent.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_PROCESS_WATCH_H
#define EXPORTER_PROCESS_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "exporter/job.h"

struct process_watch {
	pid_t pid;	    /* 0: not known here */
	int fd;		    /* becomes readable at the end; -1: there is none */
	int oom_fd;	    /* the memory events of its control group, or -1 */
	uint64_t oom_kills; /* as they were at the start */
	bool was_seen;	    /* it ran when the watch began */
};

/* Begins to watch. `pid` may be 0 or be gone already. */
void process_watch_open(struct process_watch *watch, pid_t pid);
void process_watch_close(struct process_watch *watch);

/* True when the process has ended; asks without waiting. Always true for a pid of 0. */
bool process_watch_has_ended(const struct process_watch *watch);

/* How it ended, as far as the kernel tells; PROCESS_ABRUPT when it does not. */
enum process_end process_watch_end(const struct process_watch *watch);

/* RSS, proportional share and swap of a running process; 0 where it cannot be told. */
void process_watch_memory(const struct process_watch *watch, uint64_t *rss, uint64_t *pss,
			  uint64_t *swap);

/*
 * True when some process, also one that cannot be seen from here, can still
 * write the file: it has it open or mapped. False when that cannot be found out.
 */
bool process_watch_is_open(const char *path);

#endif
