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

/* Its state as ps shows it: R, S, T, Z, ...; 0 when there is no such process. */
char proc_state(pid_t pid);

/*
 * Calls visit(context, inode, path) for each file that the process maps until it
 * returns true. 1 when it did, 0 when not, -errno when the map cannot be read.
 */
int proc_visit_maps(pid_t pid, bool (*visit)(void *context, uint64_t inode, const char *path),
		    void *context);

#endif
