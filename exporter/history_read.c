/*
 * The reading end of the history. Its rows may be anything that SQLite can hold.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/history.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "exporter/history_file.h"
#include "exporter/pprof_read.h"

/* How long after its last row a process may be asked for: what is going on now has
 * not been written yet. */
#define GAP_NS INT64_C(120000000000)

int history_open_reading(const char *path, struct history **history)
{
	struct history *const opened = calloc(1, sizeof(*opened));
	int status;

	if (!opened)
		return -ENOMEM;
	status = database_open_reading(path, &history_file_kind, &opened->database);
	if (status == 0) {
		*history = opened;
		return 0;
	}
	free(opened);
	return status;
}

/* ---- processes ---- */

struct process_visit {
	int (*visit)(void *context, const struct history_process *process);
	void *context;
};

static uint64_t number(const struct database_row *row, int column)
{
	const int64_t value = database_integer(row, column);

	return value > 0 ? (uint64_t)value : 0;
}

static enum process_end end_of(int64_t value)
{
	return value >= PROCESS_RUNS && value <= PROCESS_OOM ? (enum process_end)value
							     : PROCESS_RUNS;
}

#define PROCESS_COLUMNS                                                            \
	"process.id, process.pid, process.command, process.segment, process.end, " \
	"process.first_ns, process.last_ns, series.labels"

#define ITS_SERIES "(SELECT DISTINCT series FROM timeline WHERE process = process.id)"

static void take_process(struct history_process *process, const struct database_row *row)
{
	*process = (struct history_process){
		.id = database_integer(row, 0),
		.pid = (pid_t)number(row, 1),
		.end = end_of(database_integer(row, 4)),
		.first_ns = number(row, 5),
		.last_ns = number(row, 6),
	};
	snprintf(process->command, sizeof(process->command), "%s", database_text(row, 2));
	snprintf(process->segment, sizeof(process->segment), "%s", database_text(row, 3));
}

static int visit_process(void *context, const struct database_row *row)
{
	const struct process_visit *const visit = context;
	struct history_process process;

	take_process(&process, row);
	process.labels = database_text(row, 7);
	process.rows = number(row, 8);
	process.live_bytes_max = number(row, 9);
	process.live_bytes = number(row, 10);
	process.profiles = number(row, 11);
	process.bytes = number(row, 12);
	return visit->visit(visit->context, &process);
}

int history_visit_processes(struct history *history,
			    int (*visit)(void *context, const struct history_process *process),
			    void *context)
{
	struct process_visit both = {visit, context};

	return database_visit(
		history->database,
		"SELECT " PROCESS_COLUMNS ", "
		"(SELECT count(*) FROM timeline WHERE process = process.id), "
		"(SELECT max(live_bytes) FROM timeline WHERE process = process.id), "
		"(SELECT live_bytes FROM timeline WHERE process = process.id "
		" ORDER BY time_ns DESC LIMIT 1), "
		"(SELECT count(*) FROM profile WHERE profile.series IN " ITS_SERIES "), "
		"(SELECT sum(length(pprof)) FROM profile WHERE profile.series IN " ITS_SERIES ") "
		"FROM process JOIN series ON series.id = process.series "
		"ORDER BY process.last_ns DESC, process.id DESC",
		visit_process, &both, "");
}

static int take_found(void *context, const struct database_row *row)
{
	take_process(context, row);
	return 0;
}

int history_find(struct history *history, const char *name, uint64_t at_ns,
		 struct history_process *process)
{
	int status;

	*process = (struct history_process){0};
	status = database_visit(
		history->database,
		"SELECT " PROCESS_COLUMNS " FROM process JOIN series ON series.id = process.series "
		"WHERE (?1 = '' OR CAST(pid AS TEXT) = ?1 OR command = ?1 OR service = ?1) "
		"AND (?2 = 0 OR (first_ns - ?3 <= ?2 AND last_ns + ?3 >= ?2)) "
		"ORDER BY process.last_ns DESC, process.id DESC LIMIT 1",
		take_found, process, "tii", name ? name : "", (int64_t)at_ns, GAP_NS);
	if (status < 0)
		return status;
	return process->id ? 0 : -ENOENT;
}

/* ---- timelines ---- */

struct figures_visit {
	const struct history_process *process;
	int (*visit)(void *context, const struct process_figures *figures);
	void *context;
};

static int visit_figures(void *context, const struct database_row *row)
{
	const struct figures_visit *const visit = context;
	struct process_figures figures = {
		.pid = visit->process->pid,
		.end = visit->process->end,
		.time_ns = number(row, 0),
		.interval_ns = number(row, 1),
		.live_bytes = number(row, 2),
		.live_objects = number(row, 3),
		.peak_bytes = number(row, 4),
		.allocated_bytes = number(row, 5),
		.fresh_bytes = number(row, 6),
		.samples = number(row, 7),
		.drops = number(row, 8),
		.sampling_interval = number(row, 9),
		.own_cpu_ns = number(row, 10),
		.own_bytes = number(row, 11),
		.rss_bytes = number(row, 12),
		.pss_bytes = number(row, 13),
		.swap_bytes = number(row, 14),
	};

	snprintf(figures.command, sizeof(figures.command), "%s", visit->process->command);
	snprintf(figures.segment, sizeof(figures.segment), "%s", visit->process->segment);
	return visit->visit(visit->context, &figures);
}

int history_visit_timeline(struct history *history, const struct history_process *process,
			   uint64_t from_ns, uint64_t to_ns,
			   int (*visit)(void *context, const struct process_figures *figures),
			   void *context)
{
	struct figures_visit both = {process, visit, context};

	return database_visit(
		history->database,
		"SELECT time_ns, interval_ns, live_bytes, live_objects, peak_bytes, "
		"allocated_bytes, fresh_bytes, samples, drops, sampling_interval, own_cpu_ns, "
		"own_bytes, rss_bytes, pss_bytes, swap_bytes FROM timeline "
		"WHERE process = ? AND time_ns > ? AND time_ns <= ? ORDER BY time_ns",
		visit_figures, &both, "iii", process->id, (int64_t)from_ns, (int64_t)to_ns);
}

/* ---- profiles ---- */

struct reading {
	struct profile_sum *sum;
	struct history_range *range;
	int64_t series; /* of the last profile */
};

/* The last one comes first. */
static int add_profile(void *context, const struct database_row *row)
{
	struct reading *const reading = context;
	struct history_range *const range = reading->range;
	const bool is_last = range->profiles++ == 0;
	size_t size;
	const uint8_t *const bytes = database_bytes(row, 3, &size);

	range->from_ns = number(row, 1);
	if (is_last) {
		reading->series = database_integer(row, 0);
		range->to_ns = number(row, 2);
	}
	return pprof_read(bytes, size, is_last, reading->sum, NULL);
}

#define PROFILE_COLUMNS "SELECT series, from_ns, time_ns, pprof FROM profile WHERE "

struct profile_place {
	int64_t series, time_ns;
};

static int take_place(void *context, const struct database_row *row)
{
	struct profile_place *const place = context;

	place->series = database_integer(row, 0);
	place->time_ns = database_integer(row, 1);
	return 0;
}

/* The row of the timeline whose interval has the time in it, or else the one before. */
static int find_place(struct history *history, int64_t process, int64_t at_ns,
		      struct profile_place *place)
{
	const int status = database_visit(
		history->database,
		"SELECT series, time_ns FROM timeline WHERE process = ? AND time_ns >= ?2 AND "
		"time_ns - interval_ns < ?2 ORDER BY time_ns LIMIT 1",
		take_place, place, "ii", process, at_ns);

	if (status < 0 || place->series)
		return status;
	return database_visit(
		history->database,
		"SELECT series, time_ns FROM timeline WHERE process = ? AND time_ns <= ?2 AND "
		"time_ns + ?3 >= ?2 ORDER BY time_ns DESC LIMIT 1",
		take_place, place, "iii", process, at_ns, GAP_NS);
}

static int read_time(struct history *history, int64_t process, int64_t at_ns,
		     struct reading *reading)
{
	struct profile_place place = {0};
	const int status = find_place(history, process, at_ns, &place);

	if (status < 0)
		return status;
	return database_visit(history->database,
			      PROFILE_COLUMNS
			      "series = ? AND time_ns >= ? ORDER BY time_ns LIMIT 1",
			      add_profile, reading, "ii", place.series, place.time_ns);
}

int history_read(struct history *history, const struct history_process *process, uint64_t from_ns,
		 uint64_t to_ns, struct profile_sum *sum, struct history_range *range)
{
	struct reading reading = {.sum = sum, .range = range};
	int64_t processes;
	int status;

	*range = (struct history_range){0};
	if (from_ns == to_ns)
		status = read_time(history, process->id, (int64_t)to_ns, &reading);
	else
		status = database_visit(
			history->database,
			PROFILE_COLUMNS
			"series IN (SELECT series FROM timeline WHERE process = ?1 AND "
			"time_ns > ?2 AND time_ns <= ?3) AND time_ns > ?2 AND time_ns <= ?3 "
			"ORDER BY time_ns DESC",
			add_profile, &reading, "iii", process->id, (int64_t)from_ns,
			(int64_t)to_ns);
	if (status < 0)
		return status;
	if (range->profiles == 0)
		return -ENOENT;
	status = database_number(
		history->database,
		"SELECT count(DISTINCT process) FROM timeline WHERE series = ? AND "
		"time_ns > ? AND time_ns <= ?",
		&processes, "iii", reading.series, (int64_t)range->from_ns, (int64_t)range->to_ns);
	range->processes = (uint64_t)processes;
	return status;
}
