/*
 * One function for each member of the document. Stacks, locations, functions
 * and modules refer to one another by index, as in the profile.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/profile_json.h"

#include <errno.h>
#include <inttypes.h>

#include "exporter/json.h"
#include "exporter/snapshot_json.h"
#include "leakcheck/histogram.h"
#include "leakcheck/view.h"

/* As text: a number could lose digits on its way through a double. */
static void write_address(struct json *json, const char *key, uint64_t address)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, address);
	json_string(json, key, text);
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
	snapshot_json_amount(json, "alloc", &snapshot->allocated);
	snapshot_json_amount(json, "inuse", &snapshot->live);
	snapshot_json_amount(json, "peak", &snapshot->peak);
	snapshot_json_amount(json, "temporary", &temporary);
	json_close_object(json);
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
	snapshot_json_amount(json, "alloc", &sample->stack->allocated);
	snapshot_json_amount(json, "inuse", &sample->stack->live);
	snapshot_json_amount(json, "peak", &sample->stack->peak);
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
	snapshot_json_head(&json, "heaptide", PROFILE_JSON_VERSION, snapshot);
	write_totals(&json, snapshot);
	snapshot_json_counters(&json, snapshot);
	snapshot_json_warnings(&json, profile);
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
