/*
 * heaptide history: what the local history knows, and how much room it takes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "exporter/command.h"
#include "exporter/json.h"
#include "exporter/profile_source.h"
#include "exporter/text_table.h"
#include "exporter/time_text.h"
#include "exporter/units.h"

static const char *end_name(enum process_end end)
{
	static const char *const names[] = {
		[PROCESS_RUNS] = "",
		[PROCESS_EXITED] = "exited",
		[PROCESS_ABRUPT] = "killed",
		[PROCESS_CRASHED] = "crashed",
		[PROCESS_OOM] = "out of memory",
	};

	return names[end];
}

static int add_row(void *context, const struct history_process *process)
{
	struct text_table *const table = context;

	text_table_add(table, "%d", (int)process->pid);
	text_table_add(table, "%s", process->command);
	text_table_add(table, "%s", time_text_format(process->first_ns).text);
	text_table_add(table, "%s", time_text_format(process->last_ns).text);
	text_table_add(table, "%s", end_name(process->end));
	text_table_add(table, "%s", units_format_bytes(process->live_bytes).text);
	text_table_add(table, "%s", units_format_bytes(process->live_bytes_max).text);
	text_table_add(table, "%s", units_format_count(process->profiles).text);
	text_table_add(table, "%s", units_format_bytes(process->bytes).text);
	return 0;
}

static int print_text(struct history *history)
{
	static const struct text_column columns[] = {
		{"PID", true},	{"COMMAND", false}, {"FROM", false},
		{"TO", false},	{"END", false},	    {"HEAP", true},
		{"MOST", true}, {"PROFILES", true}, {"SIZE", true},
	};
	struct text_table table;
	int status;

	text_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	status = history_visit_processes(history, add_row, &table);
	if (status == 0 && table.cell_count == 0)
		log_note("nothing has been kept yet");
	else if (status == 0)
		status = text_table_print(&table, stdout, 0, 0);
	text_table_fini(&table);
	return status;
}

static int write_process(void *context, const struct history_process *process)
{
	struct json *const json = context;

	json_open_object(json, NULL);
	json_unsigned(json, "pid", (uint64_t)process->pid);
	json_string(json, "command", process->command);
	json_string(json, "labels", process->labels);
	json_string(json, "segment", process->segment);
	json_string(json, "end", end_name(process->end));
	json_unsigned(json, "from_ns", process->first_ns);
	json_unsigned(json, "to_ns", process->last_ns);
	json_unsigned(json, "heap_bytes", process->live_bytes);
	json_unsigned(json, "most_heap_bytes", process->live_bytes_max);
	json_unsigned(json, "timeline_rows", process->rows);
	json_unsigned(json, "profiles", process->profiles);
	json_unsigned(json, "profile_bytes", process->bytes);
	json_close_object(json);
	return 0;
}

static int print_json(struct history *history)
{
	struct json json;
	int status;

	json_init(&json, stdout);
	json_open_array(&json, NULL);
	status = history_visit_processes(history, write_process, &json);
	json_close_array(&json);
	return status;
}

/* ---- one process over time ---- */

static int add_figures(void *context, const struct process_figures *figures)
{
	struct text_table *const table = context;
	const uint64_t rate = figures->interval_ns ? (uint64_t)((double)figures->fresh_bytes * 1e9 /
								(double)figures->interval_ns)
						   : 0;

	text_table_add(table, "%s", time_text_format(figures->time_ns).text);
	text_table_add(table, "%s", units_format_bytes(figures->live_bytes).text);
	text_table_add(table, "%s",
		       figures->rss_bytes ? units_format_bytes(figures->rss_bytes).text : "");
	text_table_add(table, "%s/s", units_format_bytes(rate).text);
	text_table_add(table, "%s", units_format_count(figures->samples).text);
	text_table_add(table, "%s", units_format_count(figures->drops).text);
	return 0;
}

static int print_timeline(struct history *history, const struct history_process *process)
{
	static const struct text_column columns[] = {
		{"TIME", false}, {"HEAP", true},    {"RSS", true},
		{"RATE", true},	 {"SAMPLES", true}, {"DROPS", true},
	};
	struct text_table table;
	int status;

	text_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	status = history_visit_timeline(history, process, 0, INT64_MAX, add_figures, &table);
	if (status == 0)
		status = text_table_print(&table, stdout, 0, 0);
	text_table_fini(&table);
	return status;
}

static int write_figures(void *context, const struct process_figures *figures)
{
	struct json *const json = context;

	json_open_object(json, NULL);
	json_unsigned(json, "time_ns", figures->time_ns);
	json_unsigned(json, "interval_ns", figures->interval_ns);
	json_unsigned(json, "heap_bytes", figures->live_bytes);
	json_unsigned(json, "heap_objects", figures->live_objects);
	json_unsigned(json, "peak_bytes", figures->peak_bytes);
	json_unsigned(json, "allocated_bytes", figures->allocated_bytes);
	json_unsigned(json, "fresh_bytes", figures->fresh_bytes);
	json_unsigned(json, "rss_bytes", figures->rss_bytes);
	json_unsigned(json, "pss_bytes", figures->pss_bytes);
	json_unsigned(json, "swap_bytes", figures->swap_bytes);
	json_unsigned(json, "samples", figures->samples);
	json_unsigned(json, "drops", figures->drops);
	json_unsigned(json, "interval_bytes", figures->sampling_interval);
	json_unsigned(json, "own_cpu_ns", figures->own_cpu_ns);
	json_unsigned(json, "own_memory_bytes", figures->own_bytes);
	json_close_object(json);
	return 0;
}

static int write_timeline(struct history *history, const struct history_process *process)
{
	struct json json;
	int status;

	json_init(&json, stdout);
	json_open_array(&json, NULL);
	status = history_visit_timeline(history, process, 0, INT64_MAX, write_figures, &json);
	json_close_array(&json);
	return status;
}

static int print_history(struct history *history, const struct options *options, const char *name)
{
	struct history_process process;
	int status;

	if (!name)
		return options->history_format ? print_json(history) : print_text(history);
	status = history_find(history, name, 0, &process);
	if (status < 0)
		return status;
	return options->history_format ? write_timeline(history, &process)
				       : print_timeline(history, &process);
}

static int history_run(const struct options *options, char **arguments)
{
	struct history *history;
	int status = profile_source_open_database(options, &history);

	if (status)
		return status;
	status = print_history(history, options, *arguments);
	history_close(history);
	if (status == 0 && (fflush(stdout) != 0 || ferror(stdout)))
		status = -EIO;
	if (status == -ENOENT)
		return log_wrong_use("the history knows nothing of %s", *arguments);
	return status ? log_failure("cannot show the history: %s", strerror(-status)) : 0;
}

const struct command command_history = {
	.name = "history",
	.arguments = "[PID|COMMAND]",
	.summary = "show what the local history knows",
	.details =
		"A row is a process that `heaptide agent` has seen: from when to when, its heap in "
		"use at the end and at most, and how many profiles there are, which it may share "
		"with other processes of its service. With an argument it shows the process over "
		"time: heap in use, RSS, what was allocated per second, samples so far and those "
		"that could not be recorded.\n\n"
		"A time has the detail of 15 s for an hour, then of a minute for a day, then of "
		"15 minutes for 30 days, unless the room that --history-bytes gives it ends "
		"sooner.",
	.examples = "heaptide history\n"
		    "heaptide history redis-server\n"
		    "heaptide history 4711 --format json | jq '.[-1].heap_bytes'\n",
	.maximum_arguments = 1,
	.run = history_run,
};
