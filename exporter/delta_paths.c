/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/delta_paths.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct delta_path {
	char *path;
	struct pull_looks looks;
	struct delta_path *next;
};

static void path_free(struct delta_path *path)
{
	pull_looks_fini(&path->looks);
	free(path->path);
	free(path);
}

static bool is_profiled(const struct roster_copy *roster, const struct pull_looks *looks)
{
	for (size_t i = 0; i < roster->process_count; i++)
		for (size_t j = 0; j < looks->count; j++)
			if (strcmp(roster->processes[i].path, looks->looks[j].segment) == 0)
				return true;
	return false;
}

static void forget_gone(struct delta_paths *paths, const struct roster_copy *roster)
{
	for (struct delta_path **link = &paths->first; *link;) {
		struct delta_path *const path = *link;

		if (is_profiled(roster, &path->looks)) {
			link = &path->next;
			continue;
		}
		*link = path->next;
		path_free(path);
	}
}

struct pull_looks *delta_paths_find(struct delta_paths *paths, const char *path,
				    const struct roster_copy *roster)
{
	struct delta_path *found;

	forget_gone(paths, roster);
	for (found = paths->first; found; found = found->next)
		if (strcmp(found->path, path) == 0)
			return &found->looks;
	found = calloc(1, sizeof(*found));
	if (!found)
		return NULL;
	found->path = strdup(path);
	if (!found->path) {
		free(found);
		return NULL;
	}
	found->next = paths->first;
	paths->first = found;
	return &found->looks;
}

void delta_paths_fini(struct delta_paths *paths)
{
	while (paths->first) {
		struct delta_path *const path = paths->first;

		paths->first = path->next;
		path_free(path);
	}
}
