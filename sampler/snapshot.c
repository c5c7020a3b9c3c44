/*
 * Makes a snapshot out of a copy of a segment: every index is checked, every
 * string ended, every number made sane, and records that were never published
 * are left out. What does not fit is counted in `damaged` and left out, or
 * kept without its stack where that keeps the sums whole.
 *
 * Context: the reader process; no state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sampler/snapshot_copy.h"

/* A longer path is none. */
#define PATH_SIZE 4096

/* Modules by start address. No module at or before this one ends later. */
struct module_range {
	uint64_t start, highest_end;
	const struct snapshot_module *module;
};

struct storage {
	struct snapshot_copy copy;
	struct snapshot_bucket *buckets; /* of all stacks */
	struct module_range *ranges;	 /* module_count of them */
};

/* Where the records of the segment went in the snapshot: index + 1, 0: nowhere. */
struct places {
	uint32_t *stacks, *threads;
};

/* Profiles have signed numbers. Also, an amount that is "negative" was being
 * written when its process was killed. */
static uint64_t sane(uint64_t n)
{
	return n > INT64_MAX ? 0 : n;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
	return a + b > INT64_MAX ? INT64_MAX : a + b;
}

static double whole_objects(uint64_t fixed)
{
	return (double)fixed / (double)SEGMENT_ONE_OBJECT;
}

/* The squares of positive numbers never add up to more than the square of
 * their sum: a larger variance was being written. */
static double sane_variance(struct segment_wide wide, double total)
{
	const double variance = (double)wide.high * 0x1p64 + (double)wide.low;

	return variance > total * total ? total * total : variance;
}

static struct snapshot_amount amount_of(const struct segment_amount *from)
{
	const uint64_t objects = sane(from->objects);
	struct snapshot_amount amount = {
		.bytes = sane(from->bytes),
		.objects = (objects + SEGMENT_ONE_OBJECT / 2) >> SEGMENT_OBJECT_SHIFT,
		.samples = sane(from->samples),
	};
	const double objects_squared = (double)SEGMENT_ONE_OBJECT * (double)SEGMENT_ONE_OBJECT;

	amount.bytes_variance = sane_variance(from->bytes_variance, (double)amount.bytes);
	amount.objects_variance =
		sane_variance(from->objects_variance, (double)objects) / objects_squared;
	return amount;
}

static void add_amount(struct snapshot_amount *to, const struct snapshot_amount *amount)
{
	to->bytes = sum(to->bytes, amount->bytes);
	to->objects = sum(to->objects, amount->objects);
	to->samples = sum(to->samples, amount->samples);
	to->bytes_variance += amount->bytes_variance;
	to->objects_variance += amount->objects_variance;
}

static const char *string_at(struct snapshot *snapshot, uint32_t offset)
{
	const struct storage *storage = snapshot->storage;
	const uint64_t size = storage->copy.counts[SEGMENT_STRINGS];
	const char *text = storage->copy.records[SEGMENT_STRINGS];

	if (offset == SEGMENT_NONE)
		return "";
	if (offset < size && memchr(text + offset, '\0',
				    size - offset < PATH_SIZE ? size - offset : PATH_SIZE) != NULL)
		return text + offset;
	snapshot->damaged++;
	return "";
}

#define COPY_TEXT(to, from)                                                              \
	do {                                                                             \
		_Static_assert(sizeof(to) == sizeof(from), "give both fields one size"); \
		memcpy(to, from, sizeof(to));                                            \
		(to)[sizeof(to) - 1] = '\0';                                             \
	} while (0)

static void take_identity(struct snapshot *snapshot, const struct segment_header *header)
{
	snapshot->pid = header->pid;
	snapshot->parent_pid = header->parent_pid;
	snapshot->uid = header->uid;
	snapshot->machine = header->machine;
	snapshot->process_start_ticks = header->process_start_ticks;
	snapshot->start_realtime_ns = header->start_realtime_ns;
	snapshot->start_monotonic_ns = header->start_monotonic_ns;
	COPY_TEXT(snapshot->boot_id, header->boot_id);
	COPY_TEXT(snapshot->host, header->host);
	COPY_TEXT(snapshot->run_id, header->run_id);
	COPY_TEXT(snapshot->command, header->command);
	COPY_TEXT(snapshot->executable, header->executable);
	COPY_TEXT(snapshot->command_line, header->command_line);
	snapshot->command_line_size = header->command_line_size;
	if (snapshot->command_line_size > sizeof(snapshot->command_line))
		snapshot->command_line_size = sizeof(snapshot->command_line);
	if (snapshot->command_line_size > 0)
		snapshot->command_line[snapshot->command_line_size - 1] = '\0';
	snapshot->allocator = string_at(snapshot, header->allocator_name);
}

static void take_state(struct snapshot *snapshot, const struct segment_header *header)
{
	snapshot->budget_bytes = header->budget_bytes;
	snapshot->start_interval = header->start_interval;
	snapshot->interval = header->interval;
	snapshot->seed = header->seed;
	snapshot->max_depth = header->max_depth;
	snapshot->unwinder = (enum segment_unwinder)header->unwinder;
	if (snapshot->unwinder > SEGMENT_UNWIND_LIBUNWIND)
		snapshot->unwinder = SEGMENT_UNWIND_TABLES;
	snapshot->active = header->active != SEGMENT_OFF;
	snapshot->ended = header->ended != 0;
	snapshot->notices = header->notices;
	COPY_TEXT(snapshot->notice_text, header->notice_text);
	snapshot->off_since_ns = header->off_since_ns;
	snapshot->off_total_ns = header->off_total_ns;
	snapshot->peak_bytes = sane(header->peak_bytes);
	snapshot->peak_monotonic_ns = header->peak_monotonic_ns;
	snapshot->last_sample_monotonic_ns = header->last_sample_monotonic_ns;
	for (int i = 0; i < SEGMENT_COUNTER_COUNT; i++)
		snapshot->counters[i] = header->counters[i];
}

static uint64_t page_up(uint64_t n)
{
	return (n + SEGMENT_PAGE_SIZE - 1) / SEGMENT_PAGE_SIZE * SEGMENT_PAGE_SIZE;
}

static uint64_t used_bytes(const struct snapshot_copy *copy)
{
	uint64_t bytes = page_up(copy->header.header_size);

	for (int i = 0; i < SEGMENT_REGION_COUNT; i++)
		bytes += page_up(copy->counts[i] * copy->header.regions[i].element_size);
	return bytes;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* An array that may have no elements. */
static void *new_array(size_t count, size_t size)
{
	return calloc(count > 0 ? count : 1, size);
}

/* Record 0 is always there: it stands for the threads that have none. */
static int take_threads(struct snapshot *snapshot, const struct snapshot_copy *copy,
			uint32_t *place)
{
	const struct segment_thread *from = copy->records[SEGMENT_THREADS];
	const uint64_t used = copy->counts[SEGMENT_THREADS];
	struct snapshot_thread *to;
	size_t count = 1;

	for (uint64_t i = 1; i < used; i++)
		count += from[i].tid != 0;
	snapshot->threads = to = new_array(count, sizeof(*to));
	if (to == NULL)
		return -ENOMEM;
	for (uint64_t i = 0; i < used; i++) {
		if (i != SEGMENT_OVERFLOW_THREAD && from[i].tid == 0)
			continue;
		to->tid = i == SEGMENT_OVERFLOW_THREAD ? 0 : from[i].tid;
		COPY_TEXT(to->name, from[i].name);
		to->bytes = sane(from[i].bytes);
		to->samples = sane(from[i].samples);
		to->objects = whole_objects(sane(from[i].objects));
		to++;
		place[i] = (uint32_t)(to - snapshot->threads);
	}
	snapshot->thread_count = count;
	return 0;
}

static const uint16_t bucket_counts[] = {
	[SEGMENT_HISTOGRAM_SIZE] = SEGMENT_HISTOGRAM_BUCKETS,
	[SEGMENT_HISTOGRAM_LIFETIME] = SEGMENT_LIFETIME_BUCKETS,
};

static bool take_bucket(const struct segment_histogram_node *from, struct snapshot_bucket *to)
{
	if (from->kind > SEGMENT_HISTOGRAM_LIFETIME || from->bucket >= bucket_counts[from->kind])
		return false;
	to->kind = from->kind;
	to->bucket = from->bucket;
	to->samples = sane(from->samples);
	to->bytes = sane(from->bytes);
	to->objects = whole_objects(sane(from->objects));
	return true;
}

/* Follows the chain at `node`; a node that was met before ends it. */
static struct snapshot_bucket *take_chain(struct snapshot *snapshot, uint32_t node, bool *met,
					  struct snapshot_bucket *to)
{
	const struct snapshot_copy *copy = &((struct storage *)snapshot->storage)->copy;
	const struct segment_histogram_node *nodes = copy->records[SEGMENT_HISTOGRAMS];

	for (; node != SEGMENT_NONE; node = nodes[node].next) {
		if (node >= copy->counts[SEGMENT_HISTOGRAMS] || met[node]) {
			snapshot->damaged++;
			break;
		}
		met[node] = true;
		if (take_bucket(&nodes[node], to))
			to++;
		else
			snapshot->damaged++;
	}
	return to;
}

static void take_stack(struct snapshot *snapshot, const struct segment_stack *from,
		       struct snapshot_stack *to)
{
	const struct snapshot_copy *copy = &((struct storage *)snapshot->storage)->copy;
	const uint64_t frame_count = copy->counts[SEGMENT_FRAMES];

	to->frames = copy->records[SEGMENT_FRAMES];
	if (from->first_frame <= frame_count && from->depth <= frame_count - from->first_frame) {
		to->frames += from->first_frame;
		to->depth = from->depth;
	} else {
		snapshot->damaged++;
	}
	to->flags = from->flags & (SEGMENT_STACK_TRUNCATED | SEGMENT_STACK_INCOMPLETE);
	to->module_epoch = from->module_epoch;
	to->allocated = amount_of(&from->allocated);
	to->live = amount_of(&from->live);
	/* The header was copied before the stacks: one that has moved on to a
	 * later peak saved its value after the peak that the header tells of. */
	to->peak = from->peak_epoch >= copy->header.peak_epoch ? amount_of(&from->peak) : to->live;
	add_amount(&snapshot->allocated, &to->allocated);
	add_amount(&snapshot->live, &to->live);
	add_amount(&snapshot->peak, &to->peak);
}

static int take_stacks(struct snapshot *snapshot, struct storage *storage, uint32_t *place)
{
	const struct segment_stack *from = storage->copy.records[SEGMENT_STACKS];
	const uint64_t used = storage->copy.counts[SEGMENT_STACKS];
	const uint64_t node_count = storage->copy.counts[SEGMENT_HISTOGRAMS];
	bool *met = new_array(node_count, sizeof(*met));
	struct snapshot_bucket *bucket;
	struct snapshot_stack *to;
	size_t count = 0;

	for (uint64_t i = 0; i < used; i++)
		count += from[i].ready == 1;
	storage->buckets = bucket = new_array(node_count, sizeof(*bucket));
	snapshot->stacks = to = new_array(count, sizeof(*to));
	if (met == NULL || bucket == NULL || to == NULL) {
		free(met);
		return -ENOMEM;
	}
	for (uint64_t i = 0; i < used; i++) {
		if (from[i].ready != 1)
			continue;
		take_stack(snapshot, &from[i], to);
		to->buckets = bucket;
		bucket = take_chain(snapshot, from[i].histogram, met, bucket);
		to->bucket_count = (uint32_t)(bucket - to->buckets);
		to++;
		place[i] = (uint32_t)(to - snapshot->stacks);
	}
	snapshot->stack_count = count;
	free(met);
	return 0;
}

static int take_blocks(struct snapshot *snapshot, const struct snapshot_copy *copy,
		       const struct places *places)
{
	const struct segment_block *from = copy->records[SEGMENT_BLOCKS];
	const uint64_t used = copy->counts[SEGMENT_BLOCKS];
	struct snapshot_block *to;
	size_t count = 0;

	for (uint64_t i = 0; i < used; i++)
		count += from[i].address != 0;
	snapshot->blocks = to = new_array(count, sizeof(*to));
	if (to == NULL)
		return -ENOMEM;
	for (; count > 0; from++) {
		if (from->address == 0)
			continue;
		count--;
		if (from->stack >= copy->counts[SEGMENT_STACKS] ||
		    places->stacks[from->stack] == 0) {
			snapshot->damaged++;
			continue;
		}
		to->address = from->address;
		to->size = from->size;
		to->bytes = sane(from->bytes);
		to->objects = whole_objects(sane(from->objects));
		to->birth_monotonic_ns = from->birth_monotonic_ns;
		to->stack = places->stacks[from->stack] - 1;
		if (from->thread < copy->counts[SEGMENT_THREADS] &&
		    places->threads[from->thread] != 0)
			to->thread = places->threads[from->thread] - 1;
		to++;
	}
	snapshot->block_count = (size_t)(to - snapshot->blocks);
	return 0;
}

static bool take_module(struct snapshot *snapshot, const struct segment_module *from,
			struct snapshot_module *to)
{
	if (from->state > SEGMENT_MODULE_UNLOADED || from->start >= from->end ||
	    from->text_start > from->text_end || from->build_id_size > SEGMENT_BUILD_ID_MAX) {
		snapshot->damaged++;
		return false;
	}
	to->path = string_at(snapshot, from->path);
	to->start = from->start;
	to->end = from->end;
	to->load_bias = from->load_bias;
	to->text_start = from->text_start;
	to->text_end = from->text_end;
	to->text_offset = from->text_offset;
	to->loaded_monotonic_ns = from->loaded_monotonic_ns;
	to->unloaded_monotonic_ns = from->unloaded_monotonic_ns;
	to->first_epoch = from->first_epoch;
	to->last_epoch = from->last_epoch;
	memcpy(to->build_id, from->build_id, sizeof(to->build_id));
	to->build_id_size = from->build_id_size;
	to->unloaded = from->state == SEGMENT_MODULE_UNLOADED;
	return true;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct module_range *left = a, *right = b;

	if (left->start != right->start)
		return left->start < right->start ? -1 : 1;
	return left->module < right->module ? -1 : left->module > right->module;
}

static int sort_modules(struct snapshot *snapshot, struct storage *storage)
{
	struct module_range *ranges = new_array(snapshot->module_count, sizeof(*ranges));
	uint64_t highest_end = 0;

	storage->ranges = ranges;
	if (ranges == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < snapshot->module_count; i++) {
		ranges[i].start = snapshot->modules[i].start;
		ranges[i].module = &snapshot->modules[i];
	}
	qsort(ranges, snapshot->module_count, sizeof(*ranges), compare_ranges);
	for (size_t i = 0; i < snapshot->module_count; i++) {
		if (ranges[i].module->end > highest_end)
			highest_end = ranges[i].module->end;
		ranges[i].highest_end = highest_end;
	}
	return 0;
}

static int take_modules(struct snapshot *snapshot, struct storage *storage)
{
	const struct segment_module *from = storage->copy.records[SEGMENT_MODULES];
	const uint64_t used = storage->copy.counts[SEGMENT_MODULES];
	size_t count = 0;

	for (uint64_t i = 0; i < used; i++)
		count += from[i].state != SEGMENT_MODULE_EMPTY;
	snapshot->modules = new_array(count, sizeof(*snapshot->modules));
	if (snapshot->modules == NULL)
		return -ENOMEM;
	for (; count > 0; from++) {
		if (from->state == SEGMENT_MODULE_EMPTY)
			continue;
		count--;
		if (take_module(snapshot, from, &snapshot->modules[snapshot->module_count]))
			snapshot->module_count++;
	}
	return sort_modules(snapshot, storage);
}

static int take_records(struct snapshot *snapshot, struct storage *storage)
{
	struct places places = {
		.stacks = new_array(storage->copy.counts[SEGMENT_STACKS], sizeof(uint32_t)),
		.threads = new_array(storage->copy.counts[SEGMENT_THREADS], sizeof(uint32_t)),
	};
	int result = -ENOMEM;

	if (places.stacks == NULL || places.threads == NULL)
		goto out;
	result = take_threads(snapshot, &storage->copy, places.threads);
	if (result == 0)
		result = take_stacks(snapshot, storage, places.stacks);
	if (result == 0)
		result = take_blocks(snapshot, &storage->copy, &places);
	if (result == 0)
		result = take_modules(snapshot, storage);
out:
	free(places.stacks);
	free(places.threads);
	return result;
}

/* From the file at `path`, or from bytes in memory when there is no path. */
static int new_snapshot(const char *path, const void *bytes, size_t size,
			struct snapshot **snapshot, char *error)
{
	struct snapshot *made = calloc(1, sizeof(*made));
	struct storage *storage = calloc(1, sizeof(*storage));
	int result = -ENOMEM;

	*snapshot = NULL;
	snprintf(error, SNAPSHOT_ERROR_SIZE, "not enough memory for a copy of the segment");
	if (made == NULL || storage == NULL) {
		free(storage);
		goto out;
	}
	made->storage = storage;
	made->taken_realtime_ns = clock_ns(CLOCK_REALTIME);
	made->taken_monotonic_ns = clock_ns(CLOCK_MONOTONIC);
	result = path != NULL ? snapshot_copy_file(path, &storage->copy, error)
			      : snapshot_copy_bytes(bytes, size, &storage->copy, error);
	if (result < 0)
		goto out;
	take_identity(made, &storage->copy.header);
	take_state(made, &storage->copy.header);
	made->used_bytes = used_bytes(&storage->copy);
	result = take_records(made, storage);
	if (result < 0)
		goto out;
	error[0] = '\0';
	*snapshot = made;
	made = NULL;
out:
	snapshot_free(made);
	return result;
}

int snapshot_take(const char *path, struct snapshot **snapshot, char *error)
{
	return new_snapshot(path, NULL, 0, snapshot, error);
}

int snapshot_parse(const void *bytes, size_t size, struct snapshot **snapshot, char *error)
{
	return new_snapshot(NULL, bytes, size, snapshot, error);
}

void snapshot_free(struct snapshot *snapshot)
{
	struct storage *storage = snapshot != NULL ? snapshot->storage : NULL;

	if (snapshot == NULL)
		return;
	if (storage != NULL) {
		snapshot_copy_fini(&storage->copy);
		free(storage->buckets);
		free(storage->ranges);
		free(storage);
	}
	free(snapshot->stacks);
	free(snapshot->blocks);
	free(snapshot->modules);
	free(snapshot->threads);
	free(snapshot);
}

const struct snapshot_module *snapshot_find_module(const struct snapshot *snapshot,
						   uint64_t address, uint32_t module_epoch)
{
	const struct storage *storage = snapshot->storage;
	size_t low = 0, high = snapshot->module_count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (storage->ranges[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	/* Modules of other epochs may lie over the one that is looked for. */
	while (low > 0 && storage->ranges[low - 1].highest_end > address) {
		const struct snapshot_module *module = storage->ranges[--low].module;

		if (address < module->end && module->first_epoch <= module_epoch &&
		    module_epoch <= module->last_epoch)
			return module;
	}
	return NULL;
}

static const struct {
	const char *name, *meaning;
} counters[SEGMENT_COUNTER_COUNT] = {
#define COUNTER(name, meaning) {#name, meaning},
#include "sampler/counters.def"
#undef COUNTER
};

const char *snapshot_counter_name(enum segment_counter_id counter)
{
	return counters[counter].name;
}

const char *snapshot_counter_meaning(enum segment_counter_id counter)
{
	return counters[counter].meaning;
}
