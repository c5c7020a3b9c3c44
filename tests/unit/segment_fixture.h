/*
 * A segment in a directory of its own, for unit tests of the writing side.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_UNIT_SEGMENT_FIXTURE_H
#define TESTS_UNIT_SEGMENT_FIXTURE_H

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sampler/segment_writer.h"
#include "sampler/snapshot.h"

/* Settings that keep the segment in a fresh directory. */
static inline struct settings fixture_settings(uint64_t interval, uint64_t budget)
{
	struct settings settings = {
		.interval = interval,
		.budget = budget,
		.depth = 64,
		.start = SEGMENT_ON,
		.seed = 1,
	};

	strcpy(settings.dir, "/dev/shm/heaptide-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(settings.dir));
	return settings;
}

/* The path of the only file in the directory of the settings. */
static inline const char *fixture_path(const struct settings *settings)
{
	static char path[600];
	DIR *directory = opendir(settings->dir);

	ck_assert_ptr_nonnull(directory);
	path[0] = '\0';
	for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
		if (entry->d_name[0] != '.')
			snprintf(path, sizeof(path), "%s/%s", settings->dir, entry->d_name);
	closedir(directory);
	return path;
}

/* A snapshot of the segment; release it with snapshot_free(). */
static inline struct snapshot *fixture_snapshot(const struct settings *settings)
{
	char error[SNAPSHOT_ERROR_SIZE] = "";
	struct snapshot *snapshot = NULL;
	const int result = snapshot_take(fixture_path(settings), &snapshot, error);

	ck_assert_msg(result == 0, "%d: %s", result, error);
	return snapshot;
}

static inline void fixture_remove(const struct settings *settings)
{
	unlink(fixture_path(settings));
	rmdir(settings->dir);
}

#endif
