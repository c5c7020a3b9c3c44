/*
 * What the agent lets other threads know: which processes are profiled, and how
 * the sinks are doing.
 *
 * Context: any thread; it has a lock of its own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_ROSTER_H
#define EXPORTER_ROSTER_H

#include <stddef.h>
#include <sys/types.h>

#include "exporter/sink.h"

struct roster_process {
	char *path; /* of its segment */
	char *service;
	pid_t pid; /* 0: it runs, but cannot be seen from here */
};

struct roster_sink {
	char name[256];
	struct sink_counters counters;
};

/* A copy of what is known at one moment. */
struct roster_copy {
	struct roster_process *processes; /* by service, then the newest first */
	size_t process_count;
	struct roster_sink *sinks;
	size_t sink_count;
};

struct roster;

/* NULL without memory. */
struct roster *roster_new(void);
void roster_free(struct roster *roster);

/* Enters a process; without memory it stays unknown. */
void roster_add(struct roster *roster, const char *path, const char *service, pid_t pid);

/* Strikes out the process of a segment, which need not be there. */
void roster_remove(struct roster *roster, const char *path);

/* Notes how all sinks are doing. */
void roster_set_sinks(struct roster *roster, const struct roster_sink *sinks, size_t count);

/* 0 and a copy to be released with roster_copy_fini(), or -ENOMEM. */
int roster_take(struct roster *roster, struct roster_copy *copy);
void roster_copy_fini(struct roster_copy *copy);

#endif
