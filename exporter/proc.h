/*
 * What /proc says of a process.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_PROC_H
#define EXPORTER_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_stat {
	char state;	      /* as ps shows it: R, S, T, Z, ... */
	uint64_t start_ticks; /* since the machine's start */
};

/* 0 or -errno. */
int proc_read_stat(pid_t pid, struct proc_stat *stat);

/*
 * Calls visit(context, inode, path) for each file that the process maps until it
 * returns true. 1 when it did, 0 when not, -errno when the map cannot be read.
 */
int proc_visit_maps(pid_t pid, bool (*visit)(void *context, uint64_t inode, const char *path),
		    void *context);

#endif
