/*
 * The report as JSON. Every number of the text form is here in full, with its
 * error; a member is only ever added, so that readers go on working.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/report_json.h"

#include "exporter/snapshot_json.h"

static const char *state_name(const struct report *report)
{
	if (report->request.is_alive)
		return "running";
	if (report->request.stored)
		return "stored";
	return report->profile->snapshot->ended ? "ended" : "killed";
}

static void write_totals(struct json *json, const struct report *report)
{
	const struct snapshot *const snapshot = report->profile->snapshot;
	unsigned kind;

	json_open_object(json, "totals");
	for (kind = 0; kind < VIEW_KIND_COUNT; kind++)
		snapshot_json_amount(json, report_view_name(kind), &report->totals[kind]);
	if (snapshot->peak_monotonic_ns > snapshot->start_monotonic_ns)
		json_unsigned(json, "peak_ns",
			      snapshot->start_realtime_ns + snapshot->peak_monotonic_ns -
				      snapshot->start_monotonic_ns);
	json_number(json, "young_ns", histogram_lifetime_start_ns(report->young_bucket));
	json_close_object(json);
}

/* Function and place, as far as they are known. */
static void write_place(struct json *json, const struct profile *profile, size_t line)
{
	const struct profile_function *const function =
		&profile->functions[profile->lines[line].function];

	json_string(json, "function", function->name);
	if (*function->file)
		json_string(json, "file", function->file);
	if (profile->lines[line].line)
		json_unsigned(json, "line", profile->lines[line].line);
}

static void write_frame(struct json *json, const struct profile *profile, size_t line,
			const char *module)
{
	json_open_object(json, NULL);
	write_place(json, profile, line);
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
			write_frame(json, profile, location->first_line + j, module);
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
	if (table->by == REPORT_BY_FUNCTION && report->request.lines)
		write_place(json, report->profile, report->names.origins[amounts->key]);
	snapshot_json_amount(json, "flat", &amounts->flat);
	snapshot_json_amount(json, "cumulative", &amounts->cumulative);
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
	snapshot_json_amount(json, "total", &table->grouping.total);
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
		json_number(json, "from_ns", histogram_lifetime_start_ns(bucket));
		json_number(json, "below_ns", histogram_lifetime_start_ns(bucket + 1));
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
			snapshot_json_amount(json, by == REPORT_BY_SIZE ? "alloc" : "freed",
					     recorded);
		if (views & 1U << VIEW_INUSE)
			snapshot_json_amount(json, "inuse", inuse);
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
			snapshot_json_amount(json, "inuse", &row->inuse);
		if (report->request.views & 1U << VIEW_ALLOC)
			snapshot_json_amount(json, "alloc", &row->allocated);
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

	json_init(&json, out);
	json_open_object(&json, NULL);
	snapshot_json_head(&json, "heaptide-report", REPORT_JSON_VERSION,
			   report->profile->snapshot);
	json_string(&json, "state", state_name(report));
	if (report->request.stored)
		json_string(&json, "stored", report->request.stored);
	write_totals(&json, report);
	write_tables(&json, report);
	snapshot_json_warnings(&json, report->profile);
	snapshot_json_counters(&json, report->profile->snapshot);
	json_close_object(&json);
}
