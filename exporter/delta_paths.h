/*
 * What has been told at the paths that tell what is new since the last question.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_DELTA_PATHS_H
#define EXPORTER_DELTA_PATHS_H

#include "exporter/pull_profile.h"
#include "exporter/roster.h"

struct delta_path;

/* All zero: nothing has been told. */
struct delta_paths {
	struct delta_path *first;
};

/*
 * The looks of a path, which is new when it is asked for the first time. Paths
 * whose processes are all gone from the roster are forgotten. NULL without memory.
 */
struct pull_looks *delta_paths_find(struct delta_paths *paths, const char *path,
				    const struct roster_copy *roster);

void delta_paths_fini(struct delta_paths *paths);

#endif
