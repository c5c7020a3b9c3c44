/*
 * Finding segments: which files there are, whose they are, and whether the
 * process still runs.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_TARGETS_H
#define EXPORTER_TARGETS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "exporter/options.h"
#include "sampler/snapshot.h"

/* A segment, as far as its file's name and /proc tell. */
struct target {
	char path[PATH_MAX];
	char command[NAME_MAX + 1]; /* "" when the file's name does not say */
	pid_t pid;		    /* 0: the file's name does not say */
	bool alive;		    /* the process image that writes it still runs */
	uint64_t created_ns;	    /* real time; later segments sort first */
	uint64_t inode;
};

/*
 * Where segments are: --dir, HEAPTIDE_DIR or /dev/shm/heaptide-UID. The
 * directory need not exist. 0, or a status after it has said what is wrong: the
 * default directory must belong to the user and be closed to others.
 */
int targets_directory(const struct options *options, char path[PATH_MAX]);

/*
 * All segments of the directory, the newest first, to be released with
 * free(*targets); for root also those in the default directories of other users.
 * 0 or a status after it has said what is wrong.
 */
int targets_list(const struct options *options, struct target **targets, size_t *count);

/* Also takes for alive what any other process maps: its PID may be another one
 * in the namespace of the process that named the file. */
void targets_mark_mapped(struct target *targets, size_t count);

/*
 * The segment that the user means: `name` is a PID, a file or a command's name;
 * NULL takes the newest (and says which when there are several). Among the
 * segments of one PID or command the living one wins, then the newest. 0 or a
 * status after it has said what is wrong.
 */
int targets_find(const struct options *options, const char *name, struct target *target);

/*
 * targets_find() and a snapshot of what it found, to be released with
 * snapshot_free(). 0 or a status after it has said what is wrong.
 */
int targets_open(const struct options *options, const char *name, struct target *target,
		 struct snapshot **snapshot);

/* True when the process `pid` still runs the image that writes the file. */
bool targets_is_alive(const char *path, pid_t pid);

#endif
