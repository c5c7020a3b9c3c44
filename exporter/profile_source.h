/*
 * Where a profile comes from, as the user names it: a process or a segment as it
 * is now, a pprof file, or the local history at a time or over a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_PROFILE_SOURCE_H
#define EXPORTER_PROFILE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "exporter/history.h"
#include "exporter/options.h"
#include "exporter/profile.h"

struct profile_source {
	const struct profile *profile;
	bool is_alive;
	/* Not from a segment: then it has allocated and in-use amounts only, whose
	 * errors are guessed, and `about` says in words what it is of. */
	bool is_stored;
	char about[320];
	struct history_process process; /* id 0: not from the history */
	struct history_range range;
	/* Private. */
	struct snapshot *snapshot;
	struct profile *own;
	struct profile_sum *sum;
};

/*
 * Opens what `name` means, and of the history, when the options have --at or --from,
 * that time. 0, or a status after it has said what is wrong. Release with
 * profile_source_close() when it was 0.
 */
int profile_source_open(struct profile_source *source, const struct options *options,
			const char *name);

/* From the history: at a time when both are the same, else what was allocated
 * between and was in use at the end. */
int profile_source_open_history(struct profile_source *source, const struct options *options,
				const char *name, uint64_t from_ns, uint64_t to_ns);

/* Opens the local history that the options name, to be read. 0 or a status after it has
 * said what is wrong. */
int profile_source_open_database(const struct options *options, struct history **history);

/* A time that the user wrote. 0 or a status after it has said what is wrong. */
int profile_source_parse_time(const char *text, uint64_t *time_ns);

/* The same process's allocations after one profile and up to another; -ENOENT when they
 * are not of one process in the history, or another -errno. */
int profile_source_between(struct profile_sum *sum, const struct options *options,
			   const struct profile_source *before, const struct profile_source *after);

void profile_source_close(struct profile_source *source);

#endif
