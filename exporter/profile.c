/*
 * Turns the addresses of a snapshot into functions, lines, mappings, locations
 * and samples, each without duplicates.
 *
 * A location is an address in a module: the same address in two modules that
 * were loaded there one after the other is two locations. Functions are told
 * apart by what a reader can see of them: names, file and first line.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/profile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/allocator_frames.h"
#include "exporter/key_map.h"
#include "exporter/profile_warnings.h"
#include "exporter/string_table.h"
#include "exporter/symbols.h"

/* Frames that stand for something that is not code. Their locations have
 * these numbers as addresses, where no program has code. */
enum marker { MARKER_STACK_TABLE_FULL = 1, MARKER_TRUNCATED, MARKER_INCOMPLETE, MARKER_UNKNOWN };

/* Stands in the place of a module, where no address can be confused with it. */
#define MARKER_KEY UINT64_MAX

static const char *const marker_names[] = {
	[MARKER_STACK_TABLE_FULL] = "[stack table full]",
	[MARKER_TRUNCATED] = "[truncated]",
	[MARKER_INCOMPLETE] = "[incomplete]",
	[MARKER_UNKNOWN] = "[unknown]",
};

/* What profile_new() works with. Errors stick: after the first one, every
 * step does nothing. */
struct builder {
	struct profile *profile;
	const struct snapshot *snapshot;
	struct symbols *symbols;
	bool wants_warnings;
	int status;
	struct string_table strings; /* moves to the profile */
	size_t function_capacity, line_capacity, mapping_capacity, location_capacity;
	size_t frame_count, frame_capacity;
	struct key_map functions;	   /* (names, file and line) -> function */
	struct key_map mappings;	   /* (module, 0) -> mapping */
	struct key_map locations;	   /* (address, module) -> location */
	struct key_map locations_by_epoch; /* (address, module epoch) -> location */
};

/* Room for one more element in a growing array; false when there is none. */
static bool has_room(struct builder *builder, void *array, size_t count, size_t *capacity,
		     size_t size)
{
	void **const elements = array;
	const size_t wanted = *capacity ? 2 * *capacity : 64;
	void *bigger;

	if (builder->status < 0)
		return false;
	if (count < *capacity)
		return true;
	bigger = reallocarray(*elements, wanted, size);
	if (!bigger) {
		builder->status = -ENOMEM;
		return false;
	}
	*elements = bigger;
	*capacity = wanted;
	return true;
}

/* Keeps the first error. */
static void note_status(struct builder *builder, int status)
{
	if (builder->status == 0)
		builder->status = status;
}

static uint32_t add_string(struct builder *builder, const char *text)
{
	uint32_t index = 0;

	note_status(builder, string_table_add(&builder->strings, text, &index));
	return index;
}

static const char *base_name(const char *path)
{
	const char *const slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* ---- mappings ---- */

static void set_build_id(struct profile_mapping *mapping, const struct snapshot_module *module)
{
	for (uint32_t i = 0; i < module->build_id_size; i++)
		snprintf(mapping->build_id + 2 * (size_t)i, 3, "%02x", module->build_id[i]);
}

static uint32_t append_mapping(struct builder *builder, const struct snapshot_module *module,
			       const char *path)
{
	struct profile *const profile = builder->profile;
	const uint32_t path_index = add_string(builder, path);
	struct profile_mapping *mapping;

	if (!has_room(builder, &profile->mappings, profile->mapping_count,
		      &builder->mapping_capacity, sizeof(*mapping)))
		return 0;
	mapping = &profile->mappings[profile->mapping_count];
	*mapping = (struct profile_mapping){
		.path = builder->strings.strings[path_index],
		.module = module,
		.has_functions = true,
		.has_files = true,
		.has_lines = true,
		.has_inlines = true,
	};
	if (module) {
		mapping->start = module->text_start;
		mapping->limit = module->text_end;
		mapping->offset = module->text_offset;
		mapping->load_bias = module->load_bias;
		set_build_id(mapping, module);
	}
	note_status(builder, key_map_insert(&builder->mappings, (uintptr_t)module, 0,
					    (uint32_t)profile->mapping_count));
	return (uint32_t)profile->mapping_count++;
}

/* The mapping of a module; NULL stands for code of no module. */
static uint32_t add_mapping(struct builder *builder, const struct snapshot_module *module)
{
	const uint32_t *const known = key_map_find(&builder->mappings, (uintptr_t)module, 0);

	if (known)
		return *known;
	if (!module)
		return append_mapping(builder, NULL, "[anon]");
	return append_mapping(builder, module,
			      *module->path ? module->path : builder->snapshot->executable);
}

/* Readers take the first mapping for the main program. */
static void add_main_mapping(struct builder *builder)
{
	const struct snapshot *const snapshot = builder->snapshot;
	static const struct snapshot_module nowhere = {.path = ""};

	for (size_t i = 0; i < snapshot->module_count; i++) {
		const char *const path = snapshot->modules[i].path;

		if (*path == '\0' || strcmp(path, snapshot->executable) == 0) {
			add_mapping(builder, &snapshot->modules[i]);
			return;
		}
	}
	append_mapping(builder, &nowhere, snapshot->executable);
}

/* ---- functions, lines, locations ---- */

static uint32_t add_function(struct builder *builder, const struct symbols_line *line, bool named)
{
	struct profile *const profile = builder->profile;
	const uint32_t name = add_string(builder, line->function);
	const uint32_t system_name =
		add_string(builder, line->system_name ? line->system_name : line->function);
	const uint32_t file = add_string(builder, line->file);
	const uint64_t first_key = (uint64_t)name << 32 | system_name;
	const uint64_t second_key = (uint64_t)file << 32 | line->start_line;
	const uint32_t *const known = key_map_find(&builder->functions, first_key, second_key);

	if (known)
		return *known;
	if (!has_room(builder, &profile->functions, profile->function_count,
		      &builder->function_capacity, sizeof(*profile->functions)))
		return 0;
	profile->functions[profile->function_count] = (struct profile_function){
		.name = builder->strings.strings[name],
		.system_name = builder->strings.strings[system_name],
		.file = builder->strings.strings[file],
		.start_line = line->start_line,
		.named = named,
	};
	note_status(builder, key_map_insert(&builder->functions, first_key, second_key,
					    (uint32_t)profile->function_count));
	return (uint32_t)profile->function_count++;
}

static void append_line(struct builder *builder, const struct symbols_line *line, bool named)
{
	struct profile *const profile = builder->profile;
	const uint32_t function = add_function(builder, line, named);

	if (!has_room(builder, &profile->lines, profile->line_count, &builder->line_capacity,
		      sizeof(*profile->lines)))
		return;
	profile->lines[profile->line_count++] = (struct profile_line){function, line->line};
}

/* How many of the lines, from the inner end, are inlined parts of an allocator;
 * at least one line is left. */
static size_t allocator_lines(const struct symbols_line *lines, size_t count)
{
	size_t n = 0;

	while (n + 1 < count && allocator_frames_match(lines[n].function))
		n++;
	return n;
}

static void append_unnamed_line(struct builder *builder, const struct profile_mapping *mapping,
				uint64_t address)
{
	char name[640];

	snprintf(name, sizeof(name), "%s+0x%" PRIx64, base_name(mapping->path),
		 address - mapping->load_bias);
	append_line(builder, &(const struct symbols_line){.function = name}, false);
}

static void append_named_lines(struct builder *builder, struct profile_mapping *mapping,
			       const struct symbols_line *lines, size_t count)
{
	for (size_t i = allocator_lines(lines, count); i < count; i++) {
		append_line(builder, &lines[i], true);
		mapping->has_files &= lines[i].file != NULL;
		mapping->has_lines &= lines[i].line != 0;
	}
	mapping->has_inlines &= mapping->has_lines;
}

static uint32_t append_location(struct builder *builder, const struct profile_location *location)
{
	struct profile *const profile = builder->profile;

	if (!has_room(builder, &profile->locations, profile->location_count,
		      &builder->location_capacity, sizeof(*profile->locations)))
		return 0;
	profile->locations[profile->location_count] = *location;
	profile->locations[profile->location_count].line_count =
		(uint32_t)profile->line_count - location->first_line;
	return (uint32_t)profile->location_count++;
}

static uint32_t make_location(struct builder *builder, uint64_t address, uint32_t module_epoch,
			      const struct snapshot_module *module)
{
	struct profile_location location = {
		.address = address,
		.mapping = add_mapping(builder, module),
		.first_line = (uint32_t)builder->profile->line_count,
	};
	struct profile_mapping *const mapping = builder->profile->mappings + location.mapping;
	const struct symbols_line *lines;
	size_t count;

	if (builder->status < 0)
		return 0;
	count = symbols_resolve(builder->symbols, address, module_epoch, &lines, &module);
	if (count > 0) {
		append_named_lines(builder, mapping, lines, count);
	} else {
		append_unnamed_line(builder, mapping, address);
		mapping->has_functions = mapping->has_files = false;
		mapping->has_lines = mapping->has_inlines = false;
	}
	return append_location(builder, &location);
}

static uint32_t add_location(struct builder *builder, uint64_t address, uint32_t module_epoch)
{
	const uint32_t *known = key_map_find(&builder->locations_by_epoch, address, module_epoch);
	const struct snapshot_module *module;
	uint32_t location;

	if (known)
		return *known;
	module = snapshot_find_module(builder->snapshot, address, module_epoch);
	known = key_map_find(&builder->locations, address, (uintptr_t)module);
	if (known) {
		location = *known;
	} else {
		location = make_location(builder, address, module_epoch, module);
		note_status(builder, key_map_insert(&builder->locations, address, (uintptr_t)module,
						    location));
	}
	note_status(builder,
		    key_map_insert(&builder->locations_by_epoch, address, module_epoch, location));
	return location;
}

static uint32_t add_marker(struct builder *builder, enum marker marker)
{
	const uint32_t *const known = key_map_find(&builder->locations, marker, MARKER_KEY);
	struct profile_location location = {
		.address = marker,
		.mapping = PROFILE_NO_MAPPING,
		.first_line = (uint32_t)builder->profile->line_count,
	};
	uint32_t index;

	if (known)
		return *known;
	append_line(builder, &(const struct symbols_line){.function = marker_names[marker]}, true);
	index = append_location(builder, &location);
	note_status(builder, key_map_insert(&builder->locations, marker, MARKER_KEY, index));
	return index;
}

/* ---- samples ---- */

static void append_frame(struct builder *builder, uint32_t location)
{
	struct profile *const profile = builder->profile;

	if (has_room(builder, &profile->sample_locations, builder->frame_count,
		     &builder->frame_capacity, sizeof(*profile->sample_locations)))
		profile->sample_locations[builder->frame_count++] = location;
}

/* A library that does nothing but allocate: a libc and the program do more. */
static bool is_allocator_library(const struct builder *builder, uint32_t mapping)
{
	const char *const path = builder->profile->mappings[mapping].path;
	const char *const name = base_name(path);

	return mapping != 0 && strcmp(path, builder->snapshot->allocator) == 0 &&
	       strncmp(name, "libc.", 5) != 0 && strncmp(name, "ld-musl-", 8) != 0;
}

/* Code of the allocator itself, or of this profiler's hooks. */
static bool is_allocator_location(const struct builder *builder, uint32_t index)
{
	const struct profile *const profile = builder->profile;
	const struct profile_location *const location = &profile->locations[index];
	const char *const path = profile->mappings[location->mapping].path;
	const struct profile_line *const line =
		&profile->lines[location->first_line + location->line_count - 1];

	return strcmp(base_name(path), "libheaptide.so") == 0 ||
	       is_allocator_library(builder, location->mapping) ||
	       allocator_frames_match(profile->functions[line->function].name);
}

/* Adds the frames of a stack, without those of the allocator at the inner end;
 * the outermost frame stays in any case. */
static void append_frames(struct builder *builder, const struct snapshot_stack *stack)
{
	bool inside_allocator = true;

	for (uint32_t i = 0; i < stack->depth && builder->status == 0; i++) {
		const uint32_t location =
			add_location(builder, stack->frames[i] - 1, stack->module_epoch);

		inside_allocator = inside_allocator && builder->status == 0 &&
				   is_allocator_location(builder, location);
		if (!inside_allocator || i + 1 == stack->depth)
			append_frame(builder, location);
	}
}

static void append_sample(struct builder *builder, const struct snapshot_stack *stack)
{
	const bool is_overflow = stack == &builder->snapshot->stacks[SEGMENT_OVERFLOW_STACK];
	struct profile_sample sample = {
		.stack = stack,
		.first_location = (uint32_t)builder->frame_count,
	};

	append_frames(builder, stack);
	if (stack->depth == 0)
		append_frame(builder, add_marker(builder, is_overflow ? MARKER_STACK_TABLE_FULL
								      : MARKER_UNKNOWN));
	if (stack->flags & SEGMENT_STACK_TRUNCATED)
		append_frame(builder, add_marker(builder, MARKER_TRUNCATED));
	else if (stack->flags & SEGMENT_STACK_INCOMPLETE)
		append_frame(builder, add_marker(builder, MARKER_INCOMPLETE));
	sample.depth = (uint32_t)builder->frame_count - sample.first_location;
	builder->profile->samples[builder->profile->sample_count++] = sample;
}

/* ---- the whole ---- */

static void build(struct builder *builder)
{
	const struct snapshot *const snapshot = builder->snapshot;
	struct profile *const profile = builder->profile;

	profile->samples = calloc(snapshot->stack_count + 1, sizeof(*profile->samples));
	if (!profile->samples || !builder->symbols) {
		builder->status = -ENOMEM;
		return;
	}
	add_main_mapping(builder);
	for (size_t i = 0; i < snapshot->stack_count && builder->status == 0; i++)
		append_sample(builder, &snapshot->stacks[i]);
	if (builder->status == 0 && builder->wants_warnings)
		note_status(builder, profile_warnings_collect(profile, builder->symbols));
}

int profile_new(const struct snapshot *snapshot, const struct profile_options *options,
		struct profile **profile)
{
	struct builder builder = {.snapshot = snapshot, .wants_warnings = !options->cache};

	builder.profile = calloc(1, sizeof(*builder.profile));
	if (!builder.profile)
		return -ENOMEM;
	builder.profile->snapshot = snapshot;
	builder.symbols = symbols_new(snapshot, &(const struct symbols_options){
							.sysroot = options->sysroot,
							.lines = options->lines,
							.cache = options->cache,
						});
	build(&builder);
	builder.profile->strings = builder.strings;
	symbols_free(builder.symbols);
	key_map_fini(&builder.functions);
	key_map_fini(&builder.mappings);
	key_map_fini(&builder.locations);
	key_map_fini(&builder.locations_by_epoch);
	if (builder.status < 0) {
		profile_free(builder.profile);
		return builder.status;
	}
	*profile = builder.profile;
	return 0;
}

void profile_free(struct profile *profile)
{
	if (!profile)
		return;
	for (size_t i = 0; i < profile->warning_count; i++)
		free(profile->warnings[i]);
	free(profile->warnings);
	free(profile->functions);
	free(profile->lines);
	free(profile->mappings);
	free(profile->locations);
	free(profile->samples);
	free(profile->sample_locations);
	string_table_fini(&profile->strings);
	free(profile);
}
