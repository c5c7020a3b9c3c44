/*
 * Writing: appending jobs, merging what has come of age, removing what is too old
 * or too much. Each step is one transaction, so that being killed costs the
 * step and no more.
 *
 * Invariant: each profile's time and interval lie within those of its series in
 * order; `tier` is the detail that it has: 0 is the finest, -1 finer than kept.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/history.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exporter/directory.h"
#include "exporter/history_file.h"
#include "exporter/history_merge.h"
#include "exporter/units.h"

#define SECOND UINT64_C(1000000000)

/* Buckets that one append merges at most: more than it fills. */
#define MERGES_PER_APPEND 4

const struct history_limits history_limits_default = {
	.budget_bytes = UINT64_C(256) << 20,
	.tiers =
		{
			{15 * SECOND, 3600 * SECOND},
			{60 * SECOND, 24 * 3600 * SECOND},
			{15 * 60 * SECOND, UINT64_C(30) * 24 * 3600 * SECOND},
		},
};

/* Bytes and rows that removing one profile writes: pages that are given up are only
 * listed. */
#define REMOVAL_ROWS 32

/* "15s:1h" */
static int parse_tier(const char *text, size_t length, struct history_tier *tier)
{
	const char *const colon = memchr(text, ':', length);
	char every[32], keep[32];
	int status;

	if (!colon || length >= sizeof(every))
		return -EINVAL;
	snprintf(every, sizeof(every), "%.*s", (int)(colon - text), text);
	snprintf(keep, sizeof(keep), "%.*s", (int)(length - (size_t)(colon - text) - 1), colon + 1);
	status = units_parse_duration(every, &tier->every_ns);
	if (status == 0)
		status = units_parse_duration(keep, &tier->keep_ns);
	return status < 0 || tier->every_ns == 0 || tier->keep_ns > INT64_MAX ? -EINVAL : 0;
}

int history_limits_parse(const char *text, struct history_limits *limits)
{
	struct history_tier *const tiers = limits->tiers;

	for (int i = 0; i < HISTORY_TIERS; i++) {
		const size_t length = strcspn(text, ",");
		const bool is_last = i == HISTORY_TIERS - 1;

		if (parse_tier(text, length, &tiers[i]) < 0 || (text[length] == ',') == is_last)
			return -EINVAL;
		if (i > 0 && (tiers[i].every_ns < tiers[i - 1].every_ns ||
			      tiers[i].keep_ns < tiers[i - 1].keep_ns))
			return -EINVAL;
		text += length + !is_last;
	}
	return 0;
}

int history_default_path(char path[PATH_MAX])
{
	const char *const state = getenv("XDG_STATE_HOME");
	const char *const home = getenv("HOME");
	int length;

	if (geteuid() == 0)
		length = snprintf(path, PATH_MAX, "/var/lib/heaptide/history.db");
	else if (state && *state == '/')
		length = snprintf(path, PATH_MAX, "%s/heaptide/history.db", state);
	else if (home && *home == '/')
		length = snprintf(path, PATH_MAX, "%s/.local/state/heaptide/history.db", home);
	else
		return -ENOENT;
	return length < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* ---- removing ---- */

struct profile_key {
	int64_t id, series, time_ns;
};

static int take_key(void *context, const struct database_row *row)
{
	struct profile_key *const key = context;

	key->id = database_integer(row, 0);
	key->series = database_integer(row, 1);
	key->time_ns = database_integer(row, 2);
	return 0;
}

/* A profile, what else is as old in its series, and what is then empty. */
static int remove_profile(struct history *history, const struct profile_key *key)
{
	struct database *const database = history->database;
	int status = database_begin(database, 0, REMOVAL_ROWS);

	if (status < 0)
		return status;
	status = database_run(database, "DELETE FROM profile WHERE id = ?", "i", key->id);
	if (status == 0)
		status = database_run(database,
				      "DELETE FROM timeline WHERE series = ? AND time_ns <= ?",
				      "ii", key->series, key->time_ns);
	if (status == 0)
		status = database_run(database,
				      "DELETE FROM process WHERE last_ns <= ? AND NOT EXISTS "
				      "(SELECT 1 FROM timeline WHERE process = process.id)",
				      "i", key->time_ns);
	if (status == 0)
		status = database_run(database,
				      "DELETE FROM series WHERE id = ?1 AND NOT EXISTS "
				      "(SELECT 1 FROM profile WHERE series = ?1)",
				      "i", key->series);
	if (status == 0)
		return database_commit(database);
	database_rollback(database);
	return status;
}

/* Removes the oldest profile of all, if it ends at `time_ns` or before. -ENOENT: there
 * is none. */
static int remove_oldest(struct history *history, int64_t time_ns)
{
	struct profile_key oldest = {0};
	const int status = database_visit(history->database,
					  "SELECT id, series, time_ns FROM profile "
					  "WHERE time_ns <= ? ORDER BY time_ns LIMIT 1",
					  take_key, &oldest, "i", time_ns);

	if (status < 0)
		return status;
	return oldest.id ? remove_profile(history, &oldest) : -ENOENT;
}

static int make_room(struct history *history, size_t bytes, size_t rows)
{
	if (!database_can_hold(history->database, bytes, rows))
		return -EFBIG;
	while (database_is_full(history->database, bytes, rows)) {
		const int status = remove_oldest(history, INT64_MAX);

		if (status < 0)
			return status == -ENOENT ? -EFBIG : status;
	}
	return 0;
}

static void remove_old(struct history *history, uint64_t now_ns)
{
	const uint64_t keep_ns = history->limits.tiers[HISTORY_TIERS - 1].keep_ns;

	for (int i = 0; i < MERGES_PER_APPEND && now_ns > keep_ns; i++)
		if (remove_oldest(history, (int64_t)(now_ns - keep_ns)) < 0)
			return;
}

/* ---- opening ---- */

static int make_folder(const char *path)
{
	const char *const slash = strrchr(path, '/');
	char *folder;
	int status;

	if (!slash || slash == path)
		return 0;
	folder = strndup(path, (size_t)(slash - path));
	if (!folder)
		return -ENOMEM;
	status = directory_make(folder);
	free(folder);
	return status;
}

/* The file may come from a time with a larger budget. While somebody reads it, it cannot
 * shrink; then it does so with the next jobs. */
static int keep_budget(struct history *history)
{
	int status = make_room(history, 0, 0);

	if (status == 0)
		while ((status = database_shrink(history->database)) > 0)
			;
	return status == -EBUSY ? 0 : status;
}

int history_open(const char *path, const struct history_limits *limits, struct history **history)
{
	struct history *const opened = calloc(1, sizeof(*opened));
	int status;

	if (!opened)
		return -ENOMEM;
	opened->limits = *limits;
	status = make_folder(path);
	if (status == 0)
		status = database_open(path, &history_file_kind, limits->budget_bytes,
				       &opened->database);
	if (status == 0)
		status = keep_budget(opened);
	if (status == 0)
		*history = opened;
	else
		history_close(opened);
	return status;
}

void history_close(struct history *history)
{
	if (!history)
		return;
	database_close(history->database);
	free(history);
}

/* ---- appending ---- */

/* Timelines have the times of the profiles, so that they go together. */
struct row_key {
	int64_t series, time_ns;
};

static int insert_series(struct database *database, const struct job *job, int64_t *series)
{
	const char *const service = labels_get(&job->labels, LABELS_SERVICE);
	const int status = database_run(
		database, "INSERT OR IGNORE INTO series (labels, service) VALUES (?, ?)", "tt",
		job->series, service ? service : "");

	if (status < 0)
		return status;
	return database_number(database, "SELECT id FROM series WHERE labels = ?", series, "t",
			       job->series);
}

static int insert_process(struct database *database, const struct process_figures *figures,
			  const struct row_key *key, int64_t *process)
{
	const int64_t first_ns = key->time_ns - (int64_t)figures->interval_ns;
	const int status = database_run(
		database,
		"INSERT INTO process (segment, series, pid, command, end, first_ns, last_ns) "
		"VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (segment) DO UPDATE SET "
		"series = ?2, command = ?4, end = max(end, ?5), last_ns = max(last_ns, ?7)",
		"tiitiii", figures->segment, key->series, (int64_t)figures->pid, figures->command,
		(int64_t)figures->end, first_ns, key->time_ns);

	if (status < 0)
		return status;
	return database_number(database, "SELECT id FROM process WHERE segment = ?", process, "t",
			       figures->segment);
}

static int insert_figures(struct database *database, const struct process_figures *figures,
			  const struct row_key *key)
{
	int64_t process;
	const int status = insert_process(database, figures, key, &process);

	if (status < 0)
		return status;
	return database_run(database,
			    "INSERT OR IGNORE INTO timeline VALUES "
			    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			    "iiiiiiiiiiiiiiiii", key->series, key->time_ns, process,
			    (int64_t)figures->interval_ns, (int64_t)figures->live_bytes,
			    (int64_t)figures->live_objects, (int64_t)figures->peak_bytes,
			    (int64_t)figures->allocated_bytes, (int64_t)figures->fresh_bytes,
			    (int64_t)figures->samples, (int64_t)figures->drops,
			    (int64_t)figures->sampling_interval, (int64_t)figures->own_cpu_ns,
			    (int64_t)figures->own_bytes, (int64_t)figures->rss_bytes,
			    (int64_t)figures->pss_bytes, (int64_t)figures->swap_bytes);
}

static int insert_profile(struct history *history, const struct job *job, int64_t series)
{
	/* An interval that is up to half too short counts as a full one. */
	const bool is_short = 2 * job->duration_ns < history->limits.tiers[0].every_ns;

	return database_run(history->database,
			    "INSERT OR IGNORE INTO profile (series, tier, from_ns, time_ns, pprof) "
			    "VALUES (?, ?, ?, ?, ?)",
			    "iiiib", series, (int64_t)(is_short ? -1 : 0),
			    (int64_t)(job->time_ns - job->duration_ns), (int64_t)job->time_ns,
			    job->pprof, job->pprof_size);
}

static int insert_job(struct history *history, const struct job *job)
{
	struct row_key key = {.time_ns = (int64_t)job->time_ns};
	int status = insert_series(history->database, job, &key.series);

	for (size_t i = 0; i < job->process_count && status == 0; i++)
		status = insert_figures(history->database, &job->processes[i], &key);
	if (status == 0)
		status = insert_profile(history, job, key.series);
	return status;
}

static void compact(struct history *history, uint64_t now_ns)
{
	for (int i = 0; i < MERGES_PER_APPEND; i++)
		if (history_merge_oldest(history, now_ns) != 0)
			break;
	remove_old(history, now_ns);
	database_shrink(history->database);
}

int history_append(struct history *history, const struct job *job)
{
	const size_t rows = 2 * job->process_count + 2;
	int status = make_room(history, job->pprof_size, rows);

	if (status == 0)
		status = database_begin(history->database, job->pprof_size, rows);
	if (status < 0)
		return status;
	status = insert_job(history, job);
	if (status == 0)
		status = database_commit(history->database);
	else
		database_rollback(history->database);
	/* A merge that fails now is tried again after the next job. */
	if (status == 0)
		compact(history, job->time_ns);
	return status;
}
