/*
 * The local history: what the agent has seen of every process, in one bounded
 * file, with less detail the older it is. Allocated amounts of a profile are those
 * of its interval; merging adds intervals up and keeps the last in-use amounts.
 *
 * Context: one thread at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_HISTORY_H
#define EXPORTER_HISTORY_H

#include <limits.h>
#include <stdint.h>

#include "exporter/job.h"
#include "exporter/profile_sum.h"

#define HISTORY_TIERS 3

/* Profiles stand for `every_ns` until they are `keep_ns` old, then for what the next
 * tier says; after the last they are removed. */
struct history_tier {
	uint64_t every_ns, keep_ns;
};

struct history_limits {
	uint64_t budget_bytes;
	struct history_tier tiers[HISTORY_TIERS];
};

extern const struct history_limits history_limits_default;

/* Reads tiers as "15s:1h,1m:1d,15m:30d", which is the default: the detail, and up to what
 * age. 0, or -EINVAL when it is not that, each tier coarser and longer than the one
 * before. */
int history_limits_parse(const char *text, struct history_limits *limits);

struct history;

/* $XDG_STATE_HOME/heaptide/history.db or ~/.local/state/heaptide/history.db; for root
 * /var/lib/heaptide/history.db. 0, -ENOENT without a home, or -ENAMETOOLONG. */
int history_default_path(char path[PATH_MAX]);

/* Opens or makes the file, and the folder that it is in. 0 or -errno: -EBADMSG when it
 * is something else, -EPROTONOSUPPORT when another version made it. */
int history_open(const char *path, const struct history_limits *limits, struct history **history);

/* The same to read what is there; -ENOENT when nothing is. */
int history_open_reading(const char *path, struct history **history);
void history_close(struct history *history);

/*
 * Keeps the job: all of it or, when the writer is killed, nothing. One that is there
 * already is left as it is. Removes the oldest things when the budget asks for it,
 * and merges some that have come of age. 0 or -errno: -EBUSY may pass, -EFBIG and
 * -EBADMSG stay.
 */
int history_append(struct history *history, const struct job *job);

/* A process as the history knows it. */
struct history_process {
	int64_t id;
	pid_t pid;
	char command[16];
	char segment[256];
	enum process_end end;
	uint64_t first_ns, last_ns; /* real time, of its timeline */
	uint64_t rows;		    /* of its timeline */
	uint64_t profiles, bytes;   /* of its series, which it may share */
	uint64_t live_bytes;	    /* at last_ns */
	uint64_t live_bytes_max;
	const char *labels; /* of its series; valid as long as visit() runs */
};

/* Calls visit() for each process, the one that was seen last first, until it returns
 * other than 0, which is then returned. */
int history_visit_processes(struct history *history,
			    int (*visit)(void *context, const struct history_process *process),
			    void *context);

/*
 * The process that `name` means at a time (0: whenever): a PID, a command or a
 * service; NULL is any. Of several it is the one that was seen last. `labels` is not
 * set. 0, -ENOENT, or another -errno.
 */
int history_find(struct history *history, const char *name, uint64_t at_ns,
		 struct history_process *process);

/* A process at a time or over a time: rows of its timeline. */
int history_visit_timeline(struct history *history, const struct history_process *process,
			   uint64_t from_ns, uint64_t to_ns,
			   int (*visit)(void *context, const struct process_figures *figures),
			   void *context);

/* What was found of a time. */
struct history_range {
	uint64_t from_ns, to_ns; /* that the profiles cover */
	uint64_t profiles;
	uint64_t processes; /* whose sum it is, if more than one */
};

/*
 * Adds the profiles that the process is in, if they end after from_ns and not after
 * to_ns, to an empty sum: allocated amounts of all, in-use amounts of the last. With
 * from_ns == to_ns it is the one profile whose interval has that time in it, or else
 * the one before. 0, -ENOENT when there is none, -EBADMSG, -ENOMEM or another -errno.
 */
int history_read(struct history *history, const struct history_process *process, uint64_t from_ns,
		 uint64_t to_ns, struct profile_sum *sum, struct history_range *range);

#endif
