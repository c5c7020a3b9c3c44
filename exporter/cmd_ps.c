/*
 * heaptide ps: the profiled processes, alive and dead.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "exporter/amount_text.h"
#include "exporter/command.h"
#include "exporter/json.h"
#include "exporter/live_process.h"
#include "exporter/memory_ledger.h"
#include "exporter/targets.h"
#include "exporter/text_table.h"
#include "exporter/units.h"
#include "leakcheck/amount.h"
#include "leakcheck/coverage.h"
#include "sampler/snapshot.h"

enum ps_format { PS_TEXT, PS_JSON };

static const char *state_name(const struct target *target, const struct snapshot *snapshot)
{
	if (!target->alive)
		return "dead";
	return snapshot->active ? "live" : "off";
}

/*
 * Bytes allocated per second, over the time that was sampled. That begins with the
 * first sample, which makes the segment and so says nothing about it.
 */
static double allocation_rate(const struct snapshot *snapshot)
{
	const uint64_t end = snapshot->is_over ? snapshot->last_sample_monotonic_ns
					       : snapshot->taken_monotonic_ns;
	const uint64_t off = coverage_off_ns(snapshot), begin = snapshot->start_monotonic_ns;
	const double samples = (double)snapshot->allocated.samples;

	if (samples < 2 || end <= begin || end - begin <= off)
		return 0;
	return (double)snapshot->allocated.bytes * (samples - 1) / samples * 1e9 /
	       (double)(end - begin - off);
}

static uint64_t own_memory(const struct snapshot *snapshot)
{
	return snapshot->used_bytes + snapshot->counters[SEGMENT_COUNTER_private_bytes];
}

static void add_row(struct text_table *table, const struct target *target,
		    const struct snapshot *snapshot)
{
	text_table_add(table, "%u", snapshot->pid);
	text_table_add(table, "%s", snapshot->command);
	text_table_add(table, "%s", state_name(target, snapshot));
	text_table_add(table, "%s", amount_text_bytes(&snapshot->live).text);
	text_table_add(table, "%s", amount_text_bytes(&snapshot->peak).text);
	if (snapshot->allocated.samples < 2)
		text_table_add(table, "-");
	else
		text_table_add(table, "%s/s",
			       units_format_bytes((uint64_t)allocation_rate(snapshot)).text);
	text_table_add(table, "%s",
		       units_format_count(snapshot->counters[SEGMENT_COUNTER_samples]).text);
	text_table_add(table, "%s", units_format_count(coverage_dropped_samples(snapshot)).text);
	text_table_add(table, "%s", units_format_setting(snapshot->interval).text);
	text_table_add(table, "%s",
		       units_format_duration(snapshot->counters[SEGMENT_COUNTER_own_cpu_ns]).text);
	text_table_add(table, "%s", units_format_bytes(own_memory(snapshot)).text);
}

/* False when the process does not run, or nobody tells. */
static bool read_ledger(const struct target *target, const struct snapshot *snapshot,
			struct memory_ledger *ledger)
{
	const pid_t pid = target->alive ? live_process_find(snapshot) : 0;

	return pid > 0 && memory_ledger_read(pid, snapshot, UINT64_MAX, ledger) == 0;
}

static void add_bytes(struct text_table *table, bool is_known, uint64_t bytes)
{
	text_table_add(table, "%s", is_known ? units_format_bytes(bytes).text : "-");
}

static void add_long_row(struct text_table *table, const struct target *target,
			 const struct snapshot *snapshot)
{
	struct memory_ledger ledger = {0};
	const bool is_known = read_ledger(target, snapshot, &ledger);
	const bool has_mappings = is_known && ledger.has_mappings;

	text_table_add(table, "%u", snapshot->pid);
	text_table_add(table, "%s", snapshot->command);
	text_table_add(table, "%s", state_name(target, snapshot));
	text_table_add(table, "%s", amount_text_bytes(&snapshot->live).text);
	add_bytes(table, has_mappings, ledger.allocator_bytes);
	add_bytes(table, has_mappings, ledger.rss_bytes - ledger.allocator_bytes);
	add_bytes(table, is_known, ledger.rss_bytes);
	add_bytes(table, has_mappings, ledger.pss_bytes);
	add_bytes(table, is_known, ledger.swap_bytes);
}

static void write_ledger(struct json *json, const struct target *target,
			 const struct snapshot *snapshot)
{
	struct memory_ledger ledger;

	if (!read_ledger(target, snapshot, &ledger))
		return;
	json_unsigned(json, "resident_bytes", ledger.rss_bytes);
	json_unsigned(json, "swapped_bytes", ledger.swap_bytes);
	if (!ledger.has_mappings)
		return;
	json_unsigned(json, "allocator_resident_bytes", ledger.allocator_bytes);
	json_unsigned(json, "other_resident_bytes", ledger.rss_bytes - ledger.allocator_bytes);
	json_unsigned(json, "proportional_bytes", ledger.pss_bytes);
}

static void write_object(struct json *json, const struct target *target,
			 const struct snapshot *snapshot)
{
	const uint64_t *const counters = snapshot->counters;

	json_open_object(json, NULL);
	json_unsigned(json, "pid", snapshot->pid);
	json_string(json, "command", snapshot->command);
	json_string(json, "segment", target->path);
	json_string(json, "state", state_name(target, snapshot));
	json_bool(json, "alive", target->alive);
	json_unsigned(json, "heap_bytes", snapshot->live.bytes);
	json_number(json, "heap_error_bytes", amount_bytes_error(&snapshot->live));
	json_unsigned(json, "peak_bytes", snapshot->peak.bytes);
	json_unsigned(json, "allocated_bytes", snapshot->allocated.bytes);
	json_number(json, "rate_bytes_per_second", allocation_rate(snapshot));
	json_unsigned(json, "samples", counters[SEGMENT_COUNTER_samples]);
	json_unsigned(json, "drops", coverage_dropped_samples(snapshot));
	json_unsigned(json, "interval_bytes", snapshot->interval);
	json_unsigned(json, "own_cpu_ns", counters[SEGMENT_COUNTER_own_cpu_ns]);
	json_unsigned(json, "own_memory_bytes", own_memory(snapshot));
}

/* Calls show() for each readable segment; what cannot be read is said. */
static int visit_targets(const struct options *options,
			 void (*show)(void *context, const struct target *target,
				      const struct snapshot *snapshot),
			 void *context)
{
	char error[SNAPSHOT_ERROR_SIZE];
	struct target *targets;
	size_t count;
	int status = targets_list(options, &targets, &count);

	for (size_t i = 0; status == 0 && i < count; i++) {
		struct snapshot *snapshot;

		if (snapshot_take(targets[i].path, &snapshot, error) != 0) {
			log_note("%s", error);
			continue;
		}
		snapshot->is_over = !targets[i].alive;
		show(context, &targets[i], snapshot);
		snapshot_free(snapshot);
	}
	free(targets);
	return status;
}

static void show_row(void *context, const struct target *target, const struct snapshot *snapshot)
{
	add_row(context, target, snapshot);
}

static void show_long_row(void *context, const struct target *target,
			  const struct snapshot *snapshot)
{
	add_long_row(context, target, snapshot);
}

static void show_object(void *context, const struct target *target, const struct snapshot *snapshot)
{
	write_object(context, target, snapshot);
	json_close_object(context);
}

static void show_long_object(void *context, const struct target *target,
			     const struct snapshot *snapshot)
{
	write_object(context, target, snapshot);
	write_ledger(context, target, snapshot);
	json_close_object(context);
}

static int print_text(const struct options *options)
{
	static const struct text_column columns[] = {
		{"PID", true},	    {"COMMAND", false}, {"STATE", false},     {"HEAP", true},
		{"PEAK", true},	    {"RATE", true},	{"SAMPLES", true},    {"DROPS", true},
		{"INTERVAL", true}, {"OWN CPU", true},	{"OWN MEMORY", true},
	};
	static const struct text_column long_columns[] = {
		{"PID", true},	{"COMMAND", false},  {"STATE", false},
		{"HEAP", true}, {"ALLOCATOR", true}, {"OTHER", true},
		{"RSS", true},	{"PSS", true},	     {"SWAP", true},
	};
	struct text_table table;
	int status;

	if (options->ps_long)
		text_table_init(&table, long_columns,
				sizeof(long_columns) / sizeof(long_columns[0]));
	else
		text_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	status = visit_targets(options, options->ps_long ? show_long_row : show_row, &table);
	if (status == 0 && table.cell_count == 0)
		log_note("nothing has been profiled yet; start with: heaptide run -- PROGRAM");
	else if (status == 0 && text_table_print(&table, stdout, 0, 0) != 0)
		status = log_failure("out of memory");
	text_table_fini(&table);
	return status;
}

static int print_json(const struct options *options)
{
	struct json json;
	int status;

	json_init(&json, stdout);
	json_open_array(&json, NULL);
	status = visit_targets(options, options->ps_long ? show_long_object : show_object, &json);
	json_close_array(&json);
	return status;
}

static int ps_run(const struct options *options, char **arguments)
{
	(void)arguments;
	if (options->ps_format == PS_JSON)
		return print_json(options);
	return print_text(options);
}

const struct command command_ps = {
	.name = "ps",
	.arguments = "",
	.summary = "show profiled processes, alive and dead",
	.details =
		"HEAP is what is live now or was at the end, PEAK the most there was, RATE what "
		"was allocated per second. DROPS are samples that could not be recorded. OWN CPU "
		"and OWN MEMORY are what the profiler costs. A dead process stays until "
		"`heaptide clean`.\n\n"
		"With --long: ALLOCATOR is the resident memory of the mappings that hold the heap, "
		"in use, free, and the allocator's own; OTHER is what is resident elsewhere: code, "
		"stacks, files. The two make up RSS. When ALLOCATOR is far above HEAP, freed "
		"memory "
		"has not gone back to the system; when OTHER grows, the heap is not the reason. "
		"The "
		"kernel walks through the process's pages for it.",
	.examples = "heaptide ps\n"
		    "heaptide ps --format json\n",
	.run = ps_run,
};
