/*
 * The shared members, in the order in which both documents have them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/snapshot_json.h"

#include <string.h>

#include "leakcheck/amount.h"
#include "leakcheck/coverage.h"

static void write_arguments(struct json *json, const struct snapshot *snapshot)
{
	const char *next = snapshot->command_line;
	const char *const end = next + snapshot->command_line_size;

	json_open_array(json, "arguments");
	for (; next < end; next += strlen(next) + 1)
		json_string(json, NULL, next);
	json_close_array(json);
}

static void write_process(struct json *json, const struct snapshot *snapshot)
{
	json_open_object(json, "process");
	json_unsigned(json, "pid", snapshot->pid);
	json_unsigned(json, "parent_pid", snapshot->parent_pid);
	json_unsigned(json, "uid", snapshot->uid);
	json_string(json, "host", snapshot->host);
	json_string(json, "boot_id", snapshot->boot_id);
	json_string(json, "command", snapshot->command);
	json_string(json, "executable", snapshot->executable);
	write_arguments(json, snapshot);
	json_string(json, "allocator", snapshot->allocator);
	json_unsigned(json, "start_ns", snapshot->start_realtime_ns);
	json_bool(json, "ended", snapshot->ended);
	json_close_object(json);
}

static void write_sampling(struct json *json, const struct snapshot *snapshot)
{
	static const char *const unwinders[] = {"tables", "fp", "libunwind"};

	json_open_object(json, "sampling");
	json_unsigned(json, "interval", snapshot->interval);
	json_unsigned(json, "start_interval", snapshot->start_interval);
	json_bool(json, "active", snapshot->active);
	json_unsigned(json, "off_ns", coverage_off_ns(snapshot));
	json_unsigned(json, "dropped_samples", coverage_dropped_samples(snapshot));
	json_number(json, "coverage", coverage_share(snapshot));
	json_string(json, "unwinder", unwinders[snapshot->unwinder]);
	json_unsigned(json, "depth", snapshot->max_depth);
	json_unsigned(json, "budget", snapshot->budget_bytes);
	json_close_object(json);
}

void snapshot_json_head(struct json *json, const char *format, unsigned version,
			const struct snapshot *snapshot)
{
	json_string(json, "format", format);
	json_unsigned(json, "version", version);
	json_string(json, "generator", "heaptide " HEAPTIDE_VERSION);
	json_unsigned(json, "time_ns", snapshot->taken_realtime_ns);
	write_process(json, snapshot);
	write_sampling(json, snapshot);
}

void snapshot_json_amount(struct json *json, const char *key, const struct snapshot_amount *amount)
{
	json_open_object(json, key);
	json_unsigned(json, "bytes", amount->bytes);
	json_unsigned(json, "objects", amount->objects);
	json_unsigned(json, "samples", amount->samples);
	json_number(json, "bytes_error", amount_bytes_error(amount));
	json_number(json, "objects_error", amount_objects_error(amount));
	json_number(json, "bytes_variance", amount->bytes_variance);
	json_number(json, "objects_variance", amount->objects_variance);
	json_close_object(json);
}

void snapshot_json_counters(struct json *json, const struct snapshot *snapshot)
{
	json_open_object(json, "counters");
	for (unsigned i = 0; i < SEGMENT_COUNTER_COUNT; i++)
		json_unsigned(json, snapshot_counter_name(i), snapshot->counters[i]);
	json_close_object(json);
}

void snapshot_json_warnings(struct json *json, const struct profile *profile)
{
	json_open_array(json, "warnings");
	for (size_t i = 0; i < profile->warning_count; i++)
		json_string(json, NULL, profile->warnings[i]);
	json_close_array(json);
}
