/*
 * The report as JSON. Every number of the text form is here in full, with its
 * error; a member is only ever added, so that readers go on working.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/report_json.h"

#include <string.h>

#include "exporter/json.h"
#include "leakcheck/amount.h"
#include "leakcheck/coverage.h"

#define SCHEMA "heaptide-report/1"
#define NS_PER_SECOND 1e9

static void write_amount(struct json *json, const char *key, const struct snapshot_amount *amount)
{
	json_open_object(json, key);
	json_unsigned(json, "bytes", amount->bytes);
	json_number(json, "bytes_error", amount_bytes_error(amount));
	json_unsigned(json, "objects", amount->objects);
	json_number(json, "objects_error", amount_objects_error(amount));
	json_unsigned(json, "samples", amount->samples);
	json_close_object(json);
}

static void write_arguments(struct json *json, const struct snapshot *snapshot)
{
	size_t at;

	json_open_array(json, "arguments");
	for (at = 0; at < snapshot->command_line_size;
	     at += strlen(&snapshot->command_line[at]) + 1)
		json_string(json, NULL, &snapshot->command_line[at]);
	json_close_array(json);
}

static void write_process(struct json *json, const struct snapshot *snapshot, bool is_alive)
{
	json_open_object(json, "process");
	json_unsigned(json, "pid", snapshot->pid);
	json_unsigned(json, "parent_pid", snapshot->parent_pid);
	json_string(json, "command", snapshot->command);
	write_arguments(json, snapshot);
	json_string(json, "executable", snapshot->executable);
	json_string(json, "allocator", snapshot->allocator);
	json_string(json, "host", snapshot->host);
	json_string(json, "state", is_alive ? "running" : snapshot->ended ? "ended" : "killed");
	json_number(json, "start_time", (double)snapshot->start_realtime_ns / NS_PER_SECOND);
	json_number(json, "report_time", (double)snapshot->taken_realtime_ns / NS_PER_SECOND);
	json_close_object(json);
}

static void write_sampling(struct json *json, const struct snapshot *snapshot)
{
	json_open_object(json, "sampling");
	json_unsigned(json, "interval", snapshot->interval);
	json_unsigned(json, "start_interval", snapshot->start_interval);
	json_bool(json, "active", snapshot->active);
	json_number(json, "off_seconds", (double)coverage_off_ns(snapshot) / NS_PER_SECOND);
	json_number(json, "coverage", coverage_share(snapshot));
	json_unsigned(json, "segment_bytes", snapshot->used_bytes);
	json_close_object(json);
}

static void write_counters(struct json *json, const struct snapshot *snapshot)
{
	unsigned i;

	json_open_object(json, "counters");
	for (i = 0; i < SEGMENT_COUNTER_COUNT; i++)
		json_unsigned(json, snapshot_counter_name(i), snapshot->counters[i]);
	json_close_object(json);
}

static void write_totals(struct json *json, const struct report *report)
{
	const struct snapshot *const snapshot = report->profile->snapshot;
	unsigned kind;

	json_open_object(json, "totals");
	for (kind = 0; kind < VIEW_KIND_COUNT; kind++)
		write_amount(json, report_view_name(kind), &report->totals[kind]);
	json_number(json, "peak_seconds",
		    ((double)snapshot->peak_monotonic_ns - (double)snapshot->start_monotonic_ns) /
			    NS_PER_SECOND);
	json_number(json, "young_seconds",
		    histogram_lifetime_start_ns(report->young_bucket) / NS_PER_SECOND);
	json_close_object(json);
}

static void write_line(struct json *json, const struct profile *profile, size_t line,
		       const char *module)
{
	const struct profile_function *const function =
		&profile->functions[profile->lines[line].function];

	json_open_object(json, NULL);
	json_string(json, "function", function->name);
	if (*function->file)
		json_string(json, "file", function->file);
	if (profile->lines[line].line)
		json_unsigned(json, "line", profile->lines[line].line);
	if (module)
		json_string(json, "module", module);
	json_close_object(json);
}

static void write_frames(struct json *json, const struct profile *profile, size_t stack)
{
	const struct profile_sample *const sample = &profile->samples[stack];
	uint32_t i, j;

	json_open_array(json, "frames");
	for (i = 0; i < sample->depth; i++) {
		const struct profile_location *const location =
			&profile->locations[profile->sample_locations[sample->first_location + i]];
		const char *const module = location->mapping == PROFILE_NO_MAPPING
						   ? NULL
						   : profile->mappings[location->mapping].path;

		for (j = 0; j < location->line_count; j++)
			write_line(json, profile, location->first_line + j, module);
	}
	json_close_array(json);
}

static void write_callers(struct json *json, const struct report *report,
			  const struct callers *callers)
{
	uint32_t i;

	json_open_array(json, "callers");
	for (i = 0; i < callers->count; i++)
		json_string(json, NULL, report->names.names[callers->ids[i]]);
	json_close_array(json);
}

static void write_row(struct json *json, const struct report *report,
		      const struct report_table *table, const struct report_row *row)
{
	const struct grouping_row *const amounts = row->amounts;

	json_open_object(json, NULL);
	if (table->by != REPORT_BY_STACK)
		json_string(json, "name", report->names.names[amounts->key]);
	write_amount(json, "flat", &amounts->flat);
	write_amount(json, "cumulative", &amounts->cumulative);
	if (table->by == REPORT_BY_FUNCTION)
		write_callers(json, report, &row->callers);
	if (table->by == REPORT_BY_STACK)
		write_frames(json, report->profile, amounts->key);
	json_close_object(json);
}

static void write_table(struct json *json, const struct report *report,
			const struct report_table *table)
{
	size_t i;

	json_open_object(json, NULL);
	json_string(json, "by", report_by_name(table->by));
	json_string(json, "view", report_view_name(table->view.kind));
	write_amount(json, "total", &table->grouping.total);
	json_unsigned(json, "row_count", table->row_total);
	json_open_array(json, "rows");
	for (i = 0; i < table->row_count; i++)
		write_row(json, report, table, &table->rows[i]);
	json_close_array(json);
	json_close_object(json);
}

static void write_range(struct json *json, enum report_by by, uint32_t bucket)
{
	if (by == REPORT_BY_SIZE) {
		json_number(json, "from_bytes", histogram_size_start(bucket));
		json_number(json, "below_bytes", histogram_size_start(bucket + 1));
	} else {
		json_number(json, "from_seconds",
			    histogram_lifetime_start_ns(bucket) / NS_PER_SECOND);
		json_number(json, "below_seconds",
			    histogram_lifetime_start_ns(bucket + 1) / NS_PER_SECOND);
	}
}

static void write_histogram(struct json *json, const struct report *report)
{
	const enum report_by by = report->request.by;
	const unsigned views = report->request.views;
	uint32_t i;

	json_open_object(json, NULL);
	json_string(json, "by", report_by_name(by));
	json_open_array(json, "rows");
	for (i = 0; i < SEGMENT_HISTOGRAM_BUCKETS; i++) {
		const struct snapshot_amount *const recorded = &report->histogram->recorded[i];
		const struct snapshot_amount *const inuse = &report->histogram->inuse[i];

		if (recorded->samples == 0 && inuse->samples == 0)
			continue;
		json_open_object(json, NULL);
		write_range(json, by, i);
		if (views & 1U << VIEW_ALLOC)
			write_amount(json, by == REPORT_BY_SIZE ? "alloc" : "freed", recorded);
		if (views & 1U << VIEW_INUSE)
			write_amount(json, "inuse", inuse);
		json_close_object(json);
	}
	json_close_array(json);
	json_close_object(json);
}

static void write_threads(struct json *json, const struct report *report)
{
	const struct thread_list *const list = &report->threads;
	size_t i;

	json_open_object(json, NULL);
	json_string(json, "by", report_by_name(REPORT_BY_THREAD));
	json_unsigned(json, "row_count", list->count);
	json_open_array(json, "rows");
	for (i = 0; i < list->count && i < report->request.top; i++) {
		const struct thread_row *const row = &list->rows[i];
		const struct snapshot_thread *const thread =
			&report->profile->snapshot->threads[row->thread];

		json_open_object(json, NULL);
		json_unsigned(json, "tid", thread->tid);
		json_string(json, "name", thread->name);
		if (report->request.views & 1U << VIEW_INUSE)
			write_amount(json, "inuse", &row->inuse);
		if (report->request.views & 1U << VIEW_ALLOC)
			write_amount(json, "alloc", &row->allocated);
		json_close_object(json);
	}
	json_close_array(json);
	json_close_object(json);
}

static void write_tables(struct json *json, const struct report *report)
{
	size_t i;

	json_open_array(json, "tables");
	for (i = 0; i < report->table_count; i++)
		write_table(json, report, &report->tables[i]);
	if (report->histogram)
		write_histogram(json, report);
	if (report->request.by == REPORT_BY_THREAD)
		write_threads(json, report);
	json_close_array(json);
}

void report_json_print(const struct report *report, FILE *out)
{
	struct json json;
	size_t i;

	json_init(&json, out);
	json_open_object(&json, NULL);
	json_string(&json, "schema", SCHEMA);
	write_process(&json, report->profile->snapshot, report->request.is_alive);
	write_sampling(&json, report->profile->snapshot);
	write_totals(&json, report);
	write_tables(&json, report);
	json_open_array(&json, "warnings");
	for (i = 0; i < report->profile->warning_count; i++)
		json_string(&json, NULL, report->profile->warnings[i]);
	json_close_array(&json);
	write_counters(&json, report->profile->snapshot);
	json_close_object(&json);
}
