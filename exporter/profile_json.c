/*
 * One function for each kind of object. Stacks, locations and functions refer to
 * one another by index, as in the profile.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/profile_json.h"

#include <string.h>

#include "exporter/json_value.h"
#include "leakcheck/coverage.h"
#include "leakcheck/histogram.h"
#include "leakcheck/view.h"

/* An array of `count` elements, each made by a function of its index. */
static json_t *make_array(const struct profile *profile, size_t count,
			  json_t *(*make_element)(const struct profile *, size_t))
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		json_value_append(&array, make_element(profile, i));
	return array;
}

static json_t *make_arguments(const struct snapshot *snapshot)
{
	json_t *arguments = json_array();
	const char *next = snapshot->command_line;
	const char *const end = next + snapshot->command_line_size;

	while (next < end) {
		json_value_append(&arguments, json_value_text(next));
		next += strnlen(next, (size_t)(end - next)) + 1;
	}
	return arguments;
}

static json_t *make_process(const struct snapshot *snapshot)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "pid",
			 json_value_count(snapshot->pid), "parent_pid",
			 json_value_count(snapshot->parent_pid), "uid",
			 json_value_count(snapshot->uid), "host", json_value_text(snapshot->host),
			 "boot_id", json_value_text(snapshot->boot_id), "command",
			 json_value_text(snapshot->command), "executable",
			 json_value_text(snapshot->executable), "arguments",
			 make_arguments(snapshot), "allocator",
			 json_value_text(snapshot->allocator), "start_ns",
			 json_value_count(snapshot->start_realtime_ns), "ended", snapshot->ended);
}

static json_t *make_sampling(const struct snapshot *snapshot)
{
	static const char *const unwinders[] = {"tables", "fp", "libunwind"};

	return json_pack("{s:o, s:o, s:b, s:o, s:o, s:s, s:i, s:o, s:f}", "interval",
			 json_value_count(snapshot->interval), "start_interval",
			 json_value_count(snapshot->start_interval), "active", snapshot->active,
			 "off_ns", json_value_count(coverage_off_ns(snapshot)), "dropped_samples",
			 json_value_count(coverage_dropped_samples(snapshot)), "unwinder",
			 unwinders[snapshot->unwinder], "depth", (int)snapshot->max_depth, "budget",
			 json_value_count(snapshot->budget_bytes), "coverage",
			 coverage_share(snapshot));
}

static json_t *make_totals(const struct snapshot *snapshot)
{
	const struct view temporary = {
		.snapshot = snapshot,
		.kind = VIEW_TEMPORARY,
		.young_bucket = SEGMENT_LIFETIME_BORDER_BUCKET,
	};
	const struct snapshot_amount temporary_total = view_total(&temporary);

	return json_pack("{s:o, s:o, s:o, s:o}", "alloc", json_value_amount(&snapshot->allocated),
			 "inuse", json_value_amount(&snapshot->live), "peak",
			 json_value_amount(&snapshot->peak), "temporary",
			 json_value_amount(&temporary_total));
}

static json_t *make_counters(const struct snapshot *snapshot)
{
	json_t *counters = json_object();

	for (unsigned i = 0; i < SEGMENT_COUNTER_COUNT; i++)
		json_value_set(&counters, snapshot_counter_name(i),
			       json_value_count(snapshot->counters[i]));
	return counters;
}

static json_t *make_warning(const struct profile *profile, size_t index)
{
	return json_value_text(profile->warnings[index]);
}

static json_t *make_module(const struct profile *profile, size_t index)
{
	const struct profile_mapping *const mapping = &profile->mappings[index];

	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "path", mapping->path, "build_id",
			 mapping->build_id, "start", json_value_address(mapping->start), "end",
			 json_value_address(mapping->limit), "offset",
			 json_value_address(mapping->offset), "load_bias",
			 json_value_address(mapping->load_bias));
}

static json_t *make_function(const struct profile *profile, size_t index)
{
	const struct profile_function *const function = &profile->functions[index];

	return json_pack("{s:s, s:s, s:s, s:i, s:b}", "name", function->name, "system_name",
			 function->system_name, "file", function->file, "line",
			 (int)function->start_line, "named", function->named);
}

static json_t *make_location(const struct profile *profile, size_t index)
{
	const struct profile_location *const location = &profile->locations[index];
	json_t *lines = json_array();

	for (uint32_t i = 0; i < location->line_count; i++) {
		const struct profile_line *const line = &profile->lines[location->first_line + i];

		json_value_append(&lines, json_pack("{s:i, s:i}", "function", (int)line->function,
						    "line", (int)line->line));
	}
	return json_pack("{s:o, s:o, s:o}", "address", json_value_address(location->address),
			 "module",
			 location->mapping == PROFILE_NO_MAPPING ? json_null()
								 : json_integer(location->mapping),
			 "lines", lines);
}

static json_t *make_buckets(const struct snapshot_stack *stack, enum segment_histogram_kind kind)
{
	const bool is_size = kind == SEGMENT_HISTOGRAM_SIZE;
	json_t *buckets = json_array();

	for (uint32_t i = 0; i < stack->bucket_count; i++) {
		const struct snapshot_bucket *const bucket = &stack->buckets[i];
		const double start = is_size ? histogram_size_start(bucket->bucket)
					     : histogram_lifetime_start_ns(bucket->bucket);

		if (bucket->kind != kind)
			continue;
		json_value_append(&buckets, json_pack("{s:f, s:o, s:f, s:o}",
						      is_size ? "from_bytes" : "from_ns", start,
						      "bytes", json_value_count(bucket->bytes),
						      "objects", bucket->objects, "samples",
						      json_value_count(bucket->samples)));
	}
	return buckets;
}

static json_t *make_stack(const struct profile *profile, size_t index)
{
	const struct profile_sample *const sample = &profile->samples[index];
	const struct snapshot_stack *const stack = sample->stack;
	json_t *frames = json_array();

	for (uint32_t i = 0; i < sample->depth; i++)
		json_array_append_new(
			frames,
			json_integer(profile->sample_locations[sample->first_location + i]));
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "locations", frames, "alloc",
			 json_value_amount(&stack->allocated), "inuse",
			 json_value_amount(&stack->live), "peak", json_value_amount(&stack->peak),
			 "sizes", make_buckets(stack, SEGMENT_HISTOGRAM_SIZE), "lifetimes",
			 make_buckets(stack, SEGMENT_HISTOGRAM_LIFETIME));
}

static json_t *make_thread(const struct profile *profile, size_t index)
{
	const struct snapshot_thread *const thread = &profile->snapshot->threads[index];

	return json_pack("{s:o, s:o, s:o, s:f, s:o}", "tid", json_value_count(thread->tid), "name",
			 json_value_text(thread->name), "bytes", json_value_count(thread->bytes),
			 "objects", thread->objects, "samples", json_value_count(thread->samples));
}

static json_t *make_block(const struct profile *profile, size_t index)
{
	const struct snapshot *const snapshot = profile->snapshot;
	const struct snapshot_block *const block = &snapshot->blocks[index];
	const uint64_t birth_ns = snapshot->start_realtime_ns + block->birth_monotonic_ns -
				  snapshot->start_monotonic_ns;

	return json_pack("{s:o, s:o, s:o, s:f, s:o, s:o, s:o}", "address",
			 json_value_address(block->address), "size", json_value_count(block->size),
			 "bytes", json_value_count(block->bytes), "objects", block->objects,
			 "birth_ns", json_value_count(birth_ns), "stack",
			 json_value_count(block->stack), "thread", json_value_count(block->thread));
}

int profile_json_write(const struct profile *profile, bool blocks, FILE *stream)
{
	const struct snapshot *const snapshot = profile->snapshot;
	json_t *root = json_pack(
		"{s:s, s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "format", "heaptide", "version",
		PROFILE_JSON_VERSION, "generator", "heaptide " HEAPTIDE_VERSION, "time_ns",
		json_value_count(snapshot->taken_realtime_ns), "process", make_process(snapshot),
		"sampling", make_sampling(snapshot), "totals", make_totals(snapshot), "counters",
		make_counters(snapshot), "warnings",
		make_array(profile, profile->warning_count, make_warning));

	json_value_set(&root, "modules", make_array(profile, profile->mapping_count, make_module));
	json_value_set(&root, "functions",
		       make_array(profile, profile->function_count, make_function));
	json_value_set(&root, "locations",
		       make_array(profile, profile->location_count, make_location));
	json_value_set(&root, "stacks", make_array(profile, profile->sample_count, make_stack));
	json_value_set(&root, "threads", make_array(profile, snapshot->thread_count, make_thread));
	if (blocks)
		json_value_set(&root, "blocks",
			       make_array(profile, snapshot->block_count, make_block));
	return json_value_write(root, JSON_INDENT(1), stream);
}
