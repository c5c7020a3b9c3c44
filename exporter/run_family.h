/*
 * The processes of one `heaptide run`: the program and whatever descends from
 * it, as far as they left segments. They are known by the id that the run put
 * into their environment.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_RUN_FAMILY_H
#define EXPORTER_RUN_FAMILY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "exporter/targets.h"
#include "sampler/snapshot.h"

struct run_family {
	const struct options *options;
	const char *run_id;
	uint64_t started_ns; /* real time; no segment of the run is older */
	pid_t program;
};

/* What is kept of a member: its snapshot may be large, and members may be many. */
struct run_member {
	struct target target;
	char command[16];
	struct snapshot_amount allocated, live, peak;
};

/*
 * All members, the one that allocated most first, to be released with
 * free(*members). 0 or a status after it has said what is wrong.
 */
int run_family_list(const struct run_family *family, struct run_member **members, size_t *count);

/* The member that a verdict is about: the program itself, unless another one
 * allocated far more, as behind a shell. NULL when there is none. */
const struct run_member *run_family_main(const struct run_family *family,
					 const struct run_member *members, size_t count);

/* A snapshot of the program's present image, or else of the newest living
 * member; NULL when there is none yet. */
struct snapshot *run_family_present(const struct run_family *family);

#endif
