/*
 * Buckets are cut from the time itself, not from the first profile, so that all
 * series change at the same times and a late profile finds its place.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/history_merge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "exporter/history_file.h"
#include "exporter/pprof.h"
#include "exporter/pprof_read.h"

/* The profiles of `series` that end after start_ns and not after end_ns. */
struct bucket {
	int64_t series, tier, start_ns, end_ns;
};

/* A bucket's profiles in the making of one. */
struct merge {
	struct profile_sum *sum;
	int64_t from_ns, time_ns;
	size_t count;
};

/* ---- which ---- */

static int take_bucket(void *context, const struct database_row *row)
{
	struct bucket *const bucket = context;

	bucket->series = database_integer(row, 0);
	bucket->end_ns = database_integer(row, 1);
	return 0;
}

/* The oldest bucket that is to have the detail of `tier`, and has more. */
static int find_bucket(struct history *history, int tier, uint64_t now_ns, struct bucket *bucket)
{
	const struct history_tier *const tiers = history->limits.tiers;
	const int64_t every_ns = (int64_t)tiers[tier].every_ns;
	const uint64_t age_ns = tier > 0 ? tiers[tier - 1].keep_ns : 0;
	const int64_t border_ns =
		now_ns > age_ns ? (int64_t)(now_ns - age_ns) / every_ns * every_ns : 0;
	int status;

	*bucket = (struct bucket){.tier = tier};
	status = database_visit(history->database,
				"SELECT series, time_ns FROM profile WHERE tier = ? AND "
				"time_ns <= ? ORDER BY time_ns LIMIT 1",
				take_bucket, bucket, "ii", (int64_t)tier - 1, border_ns);
	if (status < 0)
		return status;
	if (bucket->series == 0)
		return -ENOENT;
	bucket->start_ns = (bucket->end_ns - 1) / every_ns * every_ns;
	bucket->end_ns = bucket->start_ns + every_ns;
	return 0;
}

/* ---- the profiles ---- */

static int add_profile(void *context, const struct database_row *row)
{
	struct merge *const merge = context;
	const bool is_last = merge->count++ == 0;
	size_t size;
	const uint8_t *const bytes = database_bytes(row, 2, &size);

	merge->from_ns = database_integer(row, 0);
	if (is_last)
		merge->time_ns = database_integer(row, 1);
	return pprof_read(bytes, size, is_last, merge->sum, NULL);
}

static int read_bucket(struct history *history, const struct bucket *bucket, struct merge *merge)
{
	merge->sum = profile_sum_new();
	if (!merge->sum)
		return -ENOMEM;
	return database_visit(history->database,
			      "SELECT from_ns, time_ns, pprof FROM profile WHERE series = ? AND "
			      "time_ns > ? AND time_ns <= ? AND tier <= ? ORDER BY time_ns DESC",
			      add_profile, merge, "iiii", bucket->series, bucket->start_ns,
			      bucket->end_ns, bucket->tier);
}

static int name_program(void *context, const struct database_row *row)
{
	struct snapshot *const snapshot = context;

	snprintf(snapshot->command, sizeof(snapshot->command), "%s", database_text(row, 0));
	return 0;
}

static int encode(struct history *history, const struct bucket *bucket, const struct merge *merge,
		  uint8_t **bytes, size_t *size)
{
	const struct pprof_options options = {
		.time_ns = (uint64_t)merge->time_ns,
		.duration_ns = (uint64_t)(merge->time_ns - merge->from_ns),
	};
	const int status =
		database_visit(history->database, "SELECT service FROM series WHERE id = ?",
			       name_program, profile_sum_snapshot(merge->sum), "i", bucket->series);

	if (status < 0)
		return status;
	return pprof_encode(profile_sum_profile(merge->sum), &options, bytes, size);
}

/* Only the last one stays, and stands for all. */
static int replace_profiles(struct history *history, const struct bucket *bucket,
			    const struct merge *merge, const uint8_t *bytes, size_t size)
{
	const int status = database_run(history->database,
					"UPDATE profile SET tier = ?, from_ns = ?, pprof = ? "
					"WHERE series = ? AND time_ns = ?",
					"iibii", bucket->tier, merge->from_ns, bytes, size,
					bucket->series, merge->time_ns);

	if (status < 0)
		return status;
	return database_run(history->database,
			    "DELETE FROM profile WHERE series = ? AND time_ns > ? AND "
			    "time_ns < ? AND tier <= ?",
			    "iiii", bucket->series, bucket->start_ns, merge->time_ns, bucket->tier);
}

/* ---- the timelines ---- */

/* Beside max() SQLite takes the other columns from the row that has it. */
static int replace_figures(struct history *history, const struct bucket *bucket)
{
	const int status = database_run(
		history->database,
		"INSERT OR REPLACE INTO timeline SELECT series, max(time_ns), process, "
		"sum(interval_ns), live_bytes, live_objects, peak_bytes, allocated_bytes, "
		"sum(fresh_bytes), samples, drops, sampling_interval, own_cpu_ns, own_bytes, "
		"rss_bytes, pss_bytes, swap_bytes FROM timeline "
		"WHERE series = ? AND time_ns > ? AND time_ns <= ? "
		"GROUP BY process HAVING count(*) > 1",
		"iii", bucket->series, bucket->start_ns, bucket->end_ns);

	if (status < 0)
		return status;
	return database_run(
		history->database,
		"DELETE FROM timeline WHERE series = ?1 AND time_ns > ?2 AND time_ns <= ?3 AND "
		"EXISTS (SELECT 1 FROM timeline AS later WHERE later.process = timeline.process "
		"AND later.series = ?1 AND later.time_ns > timeline.time_ns AND "
		"later.time_ns <= ?3)",
		"iii", bucket->series, bucket->start_ns, bucket->end_ns);
}

/* ---- the whole ---- */

static int replace_bucket(struct history *history, const struct bucket *bucket,
			  const struct merge *merge, const uint8_t *bytes, size_t size)
{
	int64_t rows;
	int status =
		database_number(history->database,
				"SELECT count(*) FROM timeline WHERE series = ? AND "
				"time_ns > ? AND time_ns <= ?",
				&rows, "iii", bucket->series, bucket->start_ns, bucket->end_ns);

	if (status == 0)
		status = database_begin(history->database, size, merge->count + (size_t)rows);
	if (status < 0)
		return status;
	status = replace_profiles(history, bucket, merge, bytes, size);
	if (status == 0)
		status = replace_figures(history, bucket);
	if (status == 0)
		return database_commit(history->database);
	database_rollback(history->database);
	return status;
}

/* What cannot be merged, as something in it is damaged, stays as it is. */
static int leave_bucket(struct history *history, const struct bucket *bucket,
			const struct merge *merge)
{
	int status = database_begin(history->database, 0, merge->count);

	if (status < 0)
		return status;
	status = database_run(history->database,
			      "UPDATE profile SET tier = ?1 WHERE series = ?2 AND time_ns > ?3 "
			      "AND time_ns <= ?4 AND tier < ?1",
			      "iiii", bucket->tier, bucket->series, bucket->start_ns,
			      bucket->end_ns);
	if (status == 0)
		return database_commit(history->database);
	database_rollback(history->database);
	return status;
}

static int merge_bucket(struct history *history, const struct bucket *bucket)
{
	struct merge merge = {0};
	uint8_t *bytes = NULL;
	size_t size = 0;
	int status = read_bucket(history, bucket, &merge);

	if (status == 0 && merge.count > 1)
		status = encode(history, bucket, &merge, &bytes, &size);
	if (status == 0 && merge.count > 1)
		status = replace_bucket(history, bucket, &merge, bytes, size);
	else if (status == 0 || status == -EBADMSG || status == -EFBIG)
		status = leave_bucket(history, bucket, &merge);
	free(bytes);
	profile_sum_free(merge.sum);
	return status;
}

int history_merge_oldest(struct history *history, uint64_t now_ns)
{
	struct bucket bucket;
	int status = -ENOENT;

	for (int tier = 0; tier < HISTORY_TIERS && status == -ENOENT; tier++)
		status = find_bucket(history, tier, now_ns, &bucket);
	return status < 0 ? status : merge_bucket(history, &bucket);
}
