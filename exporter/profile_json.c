/*
 * One function for each member of the document. Stacks, locations, functions
 * and modules refer to one another by index, as in the profile.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/profile_json.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "exporter/json.h"
#include "leakcheck/amount.h"
#include "leakcheck/coverage.h"
#include "leakcheck/histogram.h"
#include "leakcheck/view.h"

/* As text: a number could lose digits on its way through a double. */
static void write_address(struct json *json, const char *key, uint64_t address)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, address);
	json_string(json, key, text);
}

static void write_amount(struct json *json, const char *key, const struct snapshot_amount *amount)
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

static void write_totals(struct json *json, const struct snapshot *snapshot)
{
	const struct view view = {
		.snapshot = snapshot,
		.kind = VIEW_TEMPORARY,
		.young_bucket = SEGMENT_LIFETIME_BORDER_BUCKET,
	};
	const struct snapshot_amount temporary = view_total(&view);

	json_open_object(json, "totals");
	write_amount(json, "alloc", &snapshot->allocated);
	write_amount(json, "inuse", &snapshot->live);
	write_amount(json, "peak", &snapshot->peak);
	write_amount(json, "temporary", &temporary);
	json_close_object(json);
}

static void write_counters(struct json *json, const struct snapshot *snapshot)
{
	json_open_object(json, "counters");
	for (unsigned i = 0; i < SEGMENT_COUNTER_COUNT; i++)
		json_unsigned(json, snapshot_counter_name(i), snapshot->counters[i]);
	json_close_object(json);
}

static void write_warnings(struct json *json, const struct profile *profile)
{
	json_open_array(json, "warnings");
	for (size_t i = 0; i < profile->warning_count; i++)
		json_string(json, NULL, profile->warnings[i]);
	json_close_array(json);
}

static void write_modules(struct json *json, const struct profile *profile)
{
	json_open_array(json, "modules");
	for (size_t i = 0; i < profile->mapping_count; i++) {
		const struct profile_mapping *const mapping = &profile->mappings[i];

		json_open_object(json, NULL);
		json_string(json, "path", mapping->path);
		json_string(json, "build_id", mapping->build_id);
		write_address(json, "start", mapping->start);
		write_address(json, "end", mapping->limit);
		write_address(json, "offset", mapping->offset);
		write_address(json, "load_bias", mapping->load_bias);
		json_close_object(json);
	}
	json_close_array(json);
}

static void write_functions(struct json *json, const struct profile *profile)
{
	json_open_array(json, "functions");
	for (size_t i = 0; i < profile->function_count; i++) {
		const struct profile_function *const function = &profile->functions[i];

		json_open_object(json, NULL);
		json_string(json, "name", function->name);
		json_string(json, "system_name", function->system_name);
		json_string(json, "file", function->file);
		json_unsigned(json, "line", function->start_line);
		json_bool(json, "named", function->named);
		json_close_object(json);
	}
	json_close_array(json);
}

static void write_lines(struct json *json, const struct profile *profile,
			const struct profile_location *location)
{
	json_open_array(json, "lines");
	for (uint32_t i = 0; i < location->line_count; i++) {
		const struct profile_line *const line = &profile->lines[location->first_line + i];

		json_open_object(json, NULL);
		json_unsigned(json, "function", line->function);
		json_unsigned(json, "line", line->line);
		json_close_object(json);
	}
	json_close_array(json);
}

static void write_locations(struct json *json, const struct profile *profile)
{
	json_open_array(json, "locations");
	for (size_t i = 0; i < profile->location_count; i++) {
		const struct profile_location *const location = &profile->locations[i];

		json_open_object(json, NULL);
		if (location->mapping != PROFILE_NO_MAPPING) {
			json_unsigned(json, "module", location->mapping);
			write_address(json, "address", location->address);
		}
		write_lines(json, profile, location);
		json_close_object(json);
	}
	json_close_array(json);
}

static void write_buckets(struct json *json, const struct snapshot_stack *stack,
			  enum segment_histogram_kind kind)
{
	const bool is_size = kind == SEGMENT_HISTOGRAM_SIZE;

	json_open_array(json, is_size ? "sizes" : "lifetimes");
	for (uint32_t i = 0; i < stack->bucket_count; i++) {
		const struct snapshot_bucket *const bucket = &stack->buckets[i];

		if (bucket->kind != kind)
			continue;
		json_open_object(json, NULL);
		if (is_size)
			json_number(json, "from_bytes", histogram_size_start(bucket->bucket));
		else
			json_number(json, "from_ns", histogram_lifetime_start_ns(bucket->bucket));
		json_unsigned(json, "bytes", bucket->bytes);
		json_number(json, "objects", bucket->objects);
		json_unsigned(json, "samples", bucket->samples);
		json_close_object(json);
	}
	json_close_array(json);
}

static void write_stack(struct json *json, const struct profile *profile,
			const struct profile_sample *sample)
{
	json_open_object(json, NULL);
	json_open_array(json, "locations");
	for (uint32_t i = 0; i < sample->depth; i++)
		json_unsigned(json, NULL, profile->sample_locations[sample->first_location + i]);
	json_close_array(json);
	write_amount(json, "alloc", &sample->stack->allocated);
	write_amount(json, "inuse", &sample->stack->live);
	write_amount(json, "peak", &sample->stack->peak);
	write_buckets(json, sample->stack, SEGMENT_HISTOGRAM_SIZE);
	write_buckets(json, sample->stack, SEGMENT_HISTOGRAM_LIFETIME);
	json_close_object(json);
}

static void write_stacks(struct json *json, const struct profile *profile)
{
	json_open_array(json, "stacks");
	for (size_t i = 0; i < profile->sample_count; i++)
		write_stack(json, profile, &profile->samples[i]);
	json_close_array(json);
}

static void write_threads(struct json *json, const struct snapshot *snapshot)
{
	json_open_array(json, "threads");
	for (size_t i = 0; i < snapshot->thread_count; i++) {
		const struct snapshot_thread *const thread = &snapshot->threads[i];

		json_open_object(json, NULL);
		json_unsigned(json, "tid", thread->tid);
		json_string(json, "name", thread->name);
		json_unsigned(json, "bytes", thread->bytes);
		json_number(json, "objects", thread->objects);
		json_unsigned(json, "samples", thread->samples);
		json_close_object(json);
	}
	json_close_array(json);
}

static void write_blocks(struct json *json, const struct snapshot *snapshot)
{
	json_open_array(json, "blocks");
	for (size_t i = 0; i < snapshot->block_count; i++) {
		const struct snapshot_block *const block = &snapshot->blocks[i];

		json_open_object(json, NULL);
		write_address(json, "address", block->address);
		json_unsigned(json, "size", block->size);
		json_unsigned(json, "bytes", block->bytes);
		json_number(json, "objects", block->objects);
		json_unsigned(json, "birth_ns",
			      snapshot->start_realtime_ns + block->birth_monotonic_ns -
				      snapshot->start_monotonic_ns);
		json_unsigned(json, "stack", block->stack);
		json_unsigned(json, "thread", block->thread);
		json_close_object(json);
	}
	json_close_array(json);
}

int profile_json_write(const struct profile *profile, bool blocks, FILE *stream)
{
	const struct snapshot *const snapshot = profile->snapshot;
	struct json json;

	json_init(&json, stream);
	json_open_object(&json, NULL);
	json_string(&json, "format", "heaptide");
	json_unsigned(&json, "version", PROFILE_JSON_VERSION);
	json_string(&json, "generator", "heaptide " HEAPTIDE_VERSION);
	json_unsigned(&json, "time_ns", snapshot->taken_realtime_ns);
	write_process(&json, snapshot);
	write_sampling(&json, snapshot);
	write_totals(&json, snapshot);
	write_counters(&json, snapshot);
	write_warnings(&json, profile);
	write_modules(&json, profile);
	write_functions(&json, profile);
	write_locations(&json, profile);
	write_stacks(&json, profile);
	write_threads(&json, snapshot);
	if (blocks)
		write_blocks(&json, snapshot);
	json_close_object(&json);
	return ferror(stream) ? -EIO : 0;
}
