/*
 * Two frames are one when their file, their address in it and their function
 * agree; two stacks are one when all their frames are.
 *
 * Invariant: load biases are 0, so addresses are those of the files. Samples and
 * the stacks of the snapshot have the same numbers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/profile_sum.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/key_map.h"
#include "exporter/string_table.h"

#define NONE UINT32_MAX

struct profile_sum {
	struct profile profile;
	struct snapshot snapshot;
	int status;
	bool has_header;
	size_t function_capacity, line_capacity, mapping_capacity, location_capacity;
	size_t stack_capacity, sample_capacity, frame_count, frame_capacity;
	struct key_map functions; /* names, file and line */
	struct key_map mappings;  /* path and build id */
	struct key_map locations; /* address; mapping and function */
	struct key_map stacks;	  /* two hashes of the locations */
};

struct profile_sum *profile_sum_new(void)
{
	struct profile_sum *const sum = calloc(1, sizeof(*sum));

	if (!sum)
		return NULL;
	sum->profile.snapshot = &sum->snapshot;
	sum->snapshot.allocator = "";
	return sum;
}

void profile_sum_free(struct profile_sum *sum)
{
	if (!sum)
		return;
	free(sum->profile.functions);
	free(sum->profile.lines);
	free(sum->profile.mappings);
	free(sum->profile.locations);
	free(sum->profile.samples);
	free(sum->profile.sample_locations);
	string_table_fini(&sum->profile.strings);
	free(sum->snapshot.stacks);
	key_map_fini(&sum->functions);
	key_map_fini(&sum->mappings);
	key_map_fini(&sum->locations);
	key_map_fini(&sum->stacks);
	free(sum);
}

/* Makes room for one more element; false when there is none. */
static bool has_room(struct profile_sum *sum, void *array, size_t count, size_t *capacity,
		     size_t size)
{
	void **const elements = array;
	const size_t wanted = *capacity ? 2 * *capacity : 64;
	void *bigger;

	if (sum->status < 0)
		return false;
	if (count < *capacity)
		return true;
	bigger = reallocarray(*elements, wanted, size);
	if (!bigger) {
		sum->status = -ENOMEM;
		return false;
	}
	*elements = bigger;
	*capacity = wanted;
	return true;
}

static void note_status(struct profile_sum *sum, int status)
{
	if (sum->status == 0)
		sum->status = status;
}

static uint32_t add_string(struct profile_sum *sum, const char *text)
{
	uint32_t index = 0;

	note_status(sum, string_table_add(&sum->profile.strings, text, &index));
	return index;
}

/* The string, after add_string(); strings do not move. */
static const char *string(const struct profile_sum *sum, uint32_t index)
{
	return sum->status < 0 ? "" : sum->profile.strings.strings[index];
}

static uint64_t pair(uint32_t high, uint32_t low)
{
	return (uint64_t)high << 32 | low;
}

uint32_t profile_sum_mapping(struct profile_sum *sum, const struct profile_mapping *mapping)
{
	const uint64_t key =
		pair(add_string(sum, mapping->path), add_string(sum, mapping->build_id));
	const uint32_t *const known = key_map_find(&sum->mappings, key, 0);
	struct profile *const profile = &sum->profile;
	struct profile_mapping *own;

	if (!known && !has_room(sum, &profile->mappings, profile->mapping_count,
				&sum->mapping_capacity, sizeof(*own)))
		return 0;
	own = &profile->mappings[known ? *known : profile->mapping_count];
	if (known) {
		own->has_functions &= mapping->has_functions;
		own->has_files &= mapping->has_files;
		own->has_lines &= mapping->has_lines;
		own->has_inlines &= mapping->has_inlines;
		return *known;
	}
	*own = *mapping;
	own->path = string(sum, (uint32_t)(key >> 32));
	own->module = NULL;
	own->start = own->limit = own->offset = own->load_bias = 0;
	note_status(sum, key_map_insert(&sum->mappings, key, 0, (uint32_t)profile->mapping_count));
	return (uint32_t)profile->mapping_count++;
}

uint32_t profile_sum_function(struct profile_sum *sum, const struct profile_function *function)
{
	const uint32_t name = add_string(sum, function->name);
	const uint32_t system_name = add_string(sum, function->system_name);
	const uint32_t file = add_string(sum, function->file);
	const uint32_t *const known = key_map_find(&sum->functions, pair(name, system_name),
						   pair(file, function->start_line));
	struct profile *const profile = &sum->profile;

	if (known)
		return *known;
	if (!has_room(sum, &profile->functions, profile->function_count, &sum->function_capacity,
		      sizeof(*profile->functions)))
		return 0;
	profile->functions[profile->function_count] = (struct profile_function){
		.name = string(sum, name),
		.system_name = string(sum, system_name),
		.file = string(sum, file),
		.start_line = function->start_line,
		.named = function->named,
	};
	note_status(sum, key_map_insert(&sum->functions, pair(name, system_name),
					pair(file, function->start_line),
					(uint32_t)profile->function_count));
	return (uint32_t)profile->function_count++;
}

static void append_line(struct profile_sum *sum, const struct profile_line *line)
{
	struct profile *const profile = &sum->profile;

	if (has_room(sum, &profile->lines, profile->line_count, &sum->line_capacity, sizeof(*line)))
		profile->lines[profile->line_count++] = *line;
}

uint32_t profile_sum_location(struct profile_sum *sum, uint64_t address, uint32_t mapping,
			      const struct profile_line *lines, uint32_t line_count)
{
	const uint64_t second = pair(mapping, line_count ? lines[line_count - 1].function : NONE);
	const uint32_t *const known = key_map_find(&sum->locations, address, second);
	struct profile *const profile = &sum->profile;

	if (known)
		return *known;
	if (!has_room(sum, &profile->locations, profile->location_count, &sum->location_capacity,
		      sizeof(*profile->locations)))
		return 0;
	profile->locations[profile->location_count] = (struct profile_location){
		.address = address,
		.mapping = mapping,
		.first_line = (uint32_t)profile->line_count,
		.line_count = line_count,
	};
	for (uint32_t i = 0; i < line_count; i++)
		append_line(sum, &lines[i]);
	note_status(sum, key_map_insert(&sum->locations, address, second,
					(uint32_t)profile->location_count));
	return (uint32_t)profile->location_count++;
}

/* ---- stacks ---- */

static uint64_t hash_locations(const uint32_t *locations, uint32_t depth, uint64_t factor)
{
	uint64_t hash = depth;

	for (uint32_t i = 0; i < depth; i++) {
		hash = (hash ^ locations[i]) * factor;
		hash ^= hash >> 31;
	}
	return hash;
}

static void append_frames(struct profile_sum *sum, const uint32_t *locations, uint32_t depth)
{
	for (uint32_t i = 0; i < depth; i++)
		if (has_room(sum, &sum->profile.sample_locations, sum->frame_count,
			     &sum->frame_capacity, sizeof(*locations)))
			sum->profile.sample_locations[sum->frame_count++] = locations[i];
}

/* The number of the stack, which is new or known. */
static size_t find_stack(struct profile_sum *sum, const uint32_t *locations, uint32_t depth)
{
	const uint64_t one = hash_locations(locations, depth, UINT64_C(0x9e3779b97f4a7c15));
	const uint64_t other = hash_locations(locations, depth, UINT64_C(0xbf58476d1ce4e5b9));
	const uint32_t *const known = key_map_find(&sum->stacks, one, other);
	const size_t count = sum->profile.sample_count;

	if (known)
		return *known;
	if (!has_room(sum, &sum->profile.samples, count, &sum->sample_capacity,
		      sizeof(*sum->profile.samples)) ||
	    !has_room(sum, &sum->snapshot.stacks, count, &sum->stack_capacity,
		      sizeof(*sum->snapshot.stacks)))
		return 0;
	sum->profile.samples[count] = (struct profile_sample){
		.first_location = (uint32_t)sum->frame_count,
		.depth = depth,
	};
	memset(&sum->snapshot.stacks[count], 0, sizeof(*sum->snapshot.stacks));
	append_frames(sum, locations, depth);
	note_status(sum, key_map_insert(&sum->stacks, one, other, (uint32_t)count));
	sum->snapshot.stack_count = ++sum->profile.sample_count;
	return count;
}

static void add_amount(struct snapshot_amount *to, const struct snapshot_amount *from)
{
	to->bytes += from->bytes;
	to->objects += from->objects;
	to->samples += from->samples;
	to->bytes_variance += from->bytes_variance;
	to->objects_variance += from->objects_variance;
}

void profile_sum_stack(struct profile_sum *sum, const uint32_t *locations, uint32_t depth,
		       const struct snapshot_amount *allocated, const struct snapshot_amount *live)
{
	const size_t stack = find_stack(sum, locations, depth);

	if (sum->status < 0)
		return;
	add_amount(&sum->snapshot.stacks[stack].allocated, allocated);
	add_amount(&sum->snapshot.stacks[stack].live, live);
	add_amount(&sum->snapshot.allocated, allocated);
	add_amount(&sum->snapshot.live, live);
}

/* ---- whole profiles ---- */

static void copy_header(struct profile_sum *sum, const struct snapshot *from)
{
	struct snapshot *const to = &sum->snapshot;

	if (from->taken_realtime_ns > to->taken_realtime_ns)
		to->taken_realtime_ns = from->taken_realtime_ns;
	if (from->interval > to->interval)
		to->interval = from->interval;
	if (sum->has_header)
		return;
	sum->has_header = true;
	to->pid = from->pid;
	to->start_realtime_ns = from->start_realtime_ns;
	memcpy(to->host, from->host, sizeof(to->host));
	memcpy(to->command, from->command, sizeof(to->command));
	memcpy(to->executable, from->executable, sizeof(to->executable));
	memcpy(to->counters, from->counters, sizeof(to->counters));
}

/* Which of the sum's things stand for a profile's, or NONE so far. */
struct translation {
	struct profile_sum *sum;
	const struct profile *profile;
	uint32_t *mappings, *functions, *locations;
	uint32_t *frames; /* room for the deepest stack */
};

static uint32_t *take_indices(struct profile_sum *sum, size_t count)
{
	uint32_t *const indices = reallocarray(NULL, count + 1, sizeof(*indices));

	if (!indices)
		note_status(sum, -ENOMEM);
	else
		memset(indices, 0xff, (count + 1) * sizeof(*indices));
	return indices;
}

static uint32_t translate_function(struct translation *translation, uint32_t index)
{
	uint32_t *const known = &translation->functions[index];

	if (*known == NONE)
		*known = profile_sum_function(translation->sum,
					      &translation->profile->functions[index]);
	return *known;
}

static uint32_t translate_location(struct translation *translation, uint32_t index)
{
	const struct profile *const profile = translation->profile;
	const struct profile_location *const from = &profile->locations[index];
	const bool is_marker = from->mapping == PROFILE_NO_MAPPING;
	struct profile_line lines[256];
	uint32_t count = 0;

	if (translation->locations[index] != NONE)
		return translation->locations[index];
	for (; count < from->line_count && count < 256; count++) {
		lines[count] = profile->lines[from->first_line + count];
		lines[count].function = translate_function(translation, lines[count].function);
	}
	translation->locations[index] = profile_sum_location(
		translation->sum,
		from->address - (is_marker ? 0 : profile->mappings[from->mapping].load_bias),
		is_marker ? PROFILE_NO_MAPPING : translation->mappings[from->mapping], lines,
		count);
	return translation->locations[index];
}

static void add_sample(struct translation *translation, const struct profile_sample *sample,
		       const struct snapshot_stack *stack)
{
	const uint32_t *const locations =
		&translation->profile->sample_locations[sample->first_location];

	if (stack->allocated.bytes == 0 && stack->allocated.objects == 0 &&
	    stack->live.bytes == 0 && stack->live.objects == 0)
		return;
	for (uint32_t i = 0; i < sample->depth; i++)
		translation->frames[i] = translate_location(translation, locations[i]);
	profile_sum_stack(translation->sum, translation->frames, sample->depth, &stack->allocated,
			  &stack->live);
}

static size_t deepest(const struct profile *profile)
{
	size_t depth = 0;

	for (size_t i = 0; i < profile->sample_count; i++)
		if (profile->samples[i].depth > depth)
			depth = profile->samples[i].depth;
	return depth;
}

int profile_sum_add(struct profile_sum *sum, const struct profile *profile)
{
	struct translation translation = {
		.sum = sum,
		.profile = profile,
		.mappings = take_indices(sum, profile->mapping_count),
		.functions = take_indices(sum, profile->function_count),
		.locations = take_indices(sum, profile->location_count),
		.frames = take_indices(sum, deepest(profile)),
	};

	copy_header(sum, profile->snapshot);
	for (size_t i = 0; i < profile->mapping_count && sum->status == 0; i++)
		translation.mappings[i] = profile_sum_mapping(sum, &profile->mappings[i]);
	for (size_t i = 0; i < profile->sample_count && sum->status == 0; i++)
		add_sample(&translation, &profile->samples[i], &profile->snapshot->stacks[i]);
	free(translation.mappings);
	free(translation.functions);
	free(translation.locations);
	free(translation.frames);
	return sum->status;
}

/* ---- folding ---- */

/* What a stack is worth: its share of what was allocated or of what is in use. */
struct worth {
	double share;
	size_t stack;
};

static double share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

static int compare_worth(const void *one, const void *other)
{
	const struct worth *a = one, *b = other;

	return (a->share < b->share) - (a->share > b->share);
}

static void rate(const struct snapshot *snapshot, struct worth *worths)
{
	for (size_t i = 0; i < snapshot->stack_count; i++) {
		const double alloc =
			share(snapshot->stacks[i].allocated.bytes, snapshot->allocated.bytes);
		const double live = share(snapshot->stacks[i].live.bytes, snapshot->live.bytes);

		worths[i] = (struct worth){alloc > live ? alloc : live, i};
	}
	qsort(worths, snapshot->stack_count, sizeof(*worths), compare_worth);
}

static size_t other_stack(struct profile_sum *sum)
{
	const struct profile_line line = {
		.function = profile_sum_function(
			sum, &(const struct profile_function){.name = "[other]",
							      .system_name = "[other]",
							      .file = "",
							      .named = true}),
	};
	const uint32_t location = profile_sum_location(sum, 1, PROFILE_NO_MAPPING, &line, 1);

	return find_stack(sum, &location, 1);
}

static void move_amounts(struct profile_sum *sum, size_t from, size_t to)
{
	struct snapshot_stack *const stacks = sum->snapshot.stacks;

	if (from == to)
		return;
	add_amount(&stacks[to].allocated, &stacks[from].allocated);
	add_amount(&stacks[to].live, &stacks[from].live);
	memset(&stacks[from].allocated, 0, sizeof(stacks[from].allocated));
	memset(&stacks[from].live, 0, sizeof(stacks[from].live));
}

int profile_sum_fold(struct profile_sum *sum, size_t stacks)
{
	const size_t other = sum->snapshot.stack_count > stacks ? other_stack(sum) : SIZE_MAX;
	struct worth *worths;

	if (sum->status < 0 || other == SIZE_MAX)
		return sum->status;
	worths = reallocarray(NULL, sum->snapshot.stack_count, sizeof(*worths));
	if (!worths)
		return -ENOMEM;
	rate(&sum->snapshot, worths);
	for (size_t i = stacks > 0 ? stacks - 1 : 0; i < sum->snapshot.stack_count; i++)
		move_amounts(sum, worths[i].stack, other);
	free(worths);
	return 0;
}

/* ---- ranges ---- */

/* Files have no addresses as large as this, programs none that are larger. */
#define RANGE_SHIFT 36
#define RANGE_BASE (UINT64_C(1) << 62)

/* One of 2^26: of 200 binaries, two share a range in 3 of 10,000 cases, and then
 * nothing happens unless the same address is in use in both. */
static uint64_t range_start(const struct profile_mapping *mapping)
{
	uint64_t hash = 0;

	for (const char *c = *mapping->build_id ? mapping->build_id : mapping->path; *c; c++)
		hash = (hash ^ (unsigned char)*c) * UINT64_C(0x9e3779b97f4a7c15);
	return RANGE_BASE | hash >> RANGE_SHIFT >> 2 << RANGE_SHIFT;
}

/* Code of no binary keeps the addresses that it has in its process. */
static bool has_range(const struct profile_mapping *mapping)
{
	return *mapping->build_id || *mapping->path != '[';
}

void profile_sum_spread(struct profile_sum *sum)
{
	struct profile *const profile = &sum->profile;

	for (size_t i = 0; i < profile->mapping_count; i++) {
		struct profile_mapping *const mapping = &profile->mappings[i];

		if (!has_range(mapping))
			continue;
		mapping->start = range_start(mapping);
		mapping->limit = mapping->start + (UINT64_C(1) << RANGE_SHIFT);
	}
	for (size_t i = 0; i < profile->location_count; i++) {
		struct profile_location *const location = &profile->locations[i];

		if (location->mapping != PROFILE_NO_MAPPING)
			location->address += profile->mappings[location->mapping].start;
	}
}

/* ---- the result ---- */

const struct profile *profile_sum_profile(struct profile_sum *sum)
{
	for (size_t i = 0; i < sum->profile.sample_count; i++)
		sum->profile.samples[i].stack = &sum->snapshot.stacks[i];
	return &sum->profile;
}

struct snapshot *profile_sum_snapshot(struct profile_sum *sum)
{
	return &sum->snapshot;
}

int profile_sum_status(const struct profile_sum *sum)
{
	return sum->status;
}
