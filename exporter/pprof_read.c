/*
 * The bytes may be anything: every index and id is checked before it is used.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/pprof_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/gzip.h"
#include "exporter/metric.h"
#include "leakcheck/amount.h"
#include "profile.pb-c.h"

#define INLINED_MAX 256

struct reading {
	const Pprof__Profile *message;
	struct profile_sum *sum;
	int status;				    /* the first error */
	size_t columns[METRIC_STANDARD_COUNT];	    /* where a metric's values are, or SIZE_MAX */
	uint32_t *mappings, *functions, *locations; /* of the sum, by index in the message */
	uint32_t *frames;
};

static const char *text(struct reading *reading, int64_t index)
{
	if (index >= 0 && (uint64_t)index < reading->message->n_string_table)
		return reading->message->string_table[index];
	reading->status = -EBADMSG;
	return "";
}

/* True when the id is one of `count` that are numbered from 1, as ours are. */
static bool is_id(struct reading *reading, uint64_t id, size_t count)
{
	if (id >= 1 && id <= count)
		return true;
	reading->status = -EBADMSG;
	return false;
}

static void find_columns(struct reading *reading)
{
	for (size_t metric = 0; metric < METRIC_STANDARD_COUNT; metric++) {
		reading->columns[metric] = SIZE_MAX;
		for (size_t i = 0; i < reading->message->n_sample_type; i++)
			if (strcmp(text(reading, reading->message->sample_type[i]->type),
				   metric_table[metric].name) == 0)
				reading->columns[metric] = i;
	}
}

static void read_mapping(struct reading *reading, size_t i)
{
	const Pprof__Mapping *const from = reading->message->mapping[i];
	const char *const build_id = text(reading, from->build_id);
	struct profile_mapping mapping = {
		.path = text(reading, from->filename),
		.has_functions = from->has_functions,
		.has_files = from->has_filenames,
		.has_lines = from->has_line_numbers,
		.has_inlines = from->has_inline_frames,
	};

	if (from->id != i + 1 || strlen(build_id) >= sizeof(mapping.build_id))
		reading->status = -EBADMSG;
	else
		strcpy(mapping.build_id, build_id);
	reading->mappings[i] = profile_sum_mapping(reading->sum, &mapping);
}

static void read_function(struct reading *reading, size_t i)
{
	const Pprof__Function *const from = reading->message->function[i];
	const struct profile_function function = {
		.name = text(reading, from->name),
		.system_name = text(reading, from->system_name),
		.file = text(reading, from->filename),
		.start_line = (uint32_t)from->start_line,
		.named = true,
	};

	if (from->id != i + 1)
		reading->status = -EBADMSG;
	reading->functions[i] = profile_sum_function(reading->sum, &function);
}

static void read_location(struct reading *reading, size_t i)
{
	const Pprof__Location *const from = reading->message->location[i];
	struct profile_line lines[INLINED_MAX];
	uint32_t mapping = PROFILE_NO_MAPPING;

	if (from->id != i + 1 || from->n_line > INLINED_MAX || from->n_line == 0) {
		reading->status = -EBADMSG;
		return;
	}
	for (size_t j = 0; j < from->n_line; j++) {
		if (!is_id(reading, from->line[j]->function_id, reading->message->n_function))
			return;
		lines[j].function = reading->functions[from->line[j]->function_id - 1];
		lines[j].line = (uint32_t)from->line[j]->line;
	}
	if (from->mapping_id != 0) {
		if (!is_id(reading, from->mapping_id, reading->message->n_mapping))
			return;
		mapping = reading->mappings[from->mapping_id - 1];
	}
	reading->locations[i] = profile_sum_location(reading->sum, from->address, mapping, lines,
						     (uint32_t)from->n_line);
}

static uint64_t value(const struct reading *reading, const Pprof__Sample *sample,
		      enum metric_id metric)
{
	const size_t column = reading->columns[metric];

	return column < sample->n_value && sample->value[column] > 0
		       ? (uint64_t)sample->value[column]
		       : 0;
}

/* Files say how much, not how sure: that follows from the interval. */
static struct snapshot_amount read_amount(const struct reading *reading,
					  const Pprof__Sample *sample, enum metric_id bytes,
					  enum metric_id objects)
{
	const int64_t period = reading->message->period;

	return amount_guess(value(reading, sample, bytes), value(reading, sample, objects),
			    period > 0 ? (uint64_t)period : 0);
}

static void read_sample(struct reading *reading, const Pprof__Sample *sample, bool inuse)
{
	const struct snapshot_amount allocated =
		read_amount(reading, sample, METRIC_ALLOC_SPACE, METRIC_ALLOC_OBJECTS);
	struct snapshot_amount live = {0};

	if (inuse)
		live = read_amount(reading, sample, METRIC_INUSE_SPACE, METRIC_INUSE_OBJECTS);
	if (allocated.bytes + allocated.objects + live.bytes + live.objects == 0)
		return;
	for (size_t i = 0; i < sample->n_location_id; i++) {
		if (!is_id(reading, sample->location_id[i], reading->message->n_location))
			return;
		reading->frames[i] = reading->locations[sample->location_id[i] - 1];
	}
	profile_sum_stack(reading->sum, reading->frames, (uint32_t)sample->n_location_id,
			  &allocated, &live);
}

static uint32_t *take_indices(struct reading *reading, size_t count)
{
	uint32_t *const indices = calloc(count + 1, sizeof(*indices));

	if (!indices)
		reading->status = -ENOMEM;
	return indices;
}

static size_t deepest(const Pprof__Profile *message)
{
	size_t depth = 0;

	for (size_t i = 0; i < message->n_sample; i++)
		if (message->sample[i]->n_location_id > depth)
			depth = message->sample[i]->n_location_id;
	return depth;
}

static void read_message(struct reading *reading, bool inuse)
{
	const Pprof__Profile *const message = reading->message;

	find_columns(reading);
	for (size_t i = 0; i < message->n_mapping && reading->status == 0; i++)
		read_mapping(reading, i);
	for (size_t i = 0; i < message->n_function && reading->status == 0; i++)
		read_function(reading, i);
	for (size_t i = 0; i < message->n_location && reading->status == 0; i++)
		read_location(reading, i);
	for (size_t i = 0; i < message->n_sample && reading->status == 0; i++)
		read_sample(reading, message->sample[i], inuse);
	if (reading->status == 0)
		reading->status = profile_sum_status(reading->sum);
}

static int add_message(const Pprof__Profile *message, bool inuse, struct profile_sum *sum)
{
	struct reading reading = {.message = message, .sum = sum};

	reading.mappings = take_indices(&reading, message->n_mapping);
	reading.functions = take_indices(&reading, message->n_function);
	reading.locations = take_indices(&reading, message->n_location);
	reading.frames = take_indices(&reading, deepest(message));
	if (reading.status == 0)
		read_message(&reading, inuse);
	free(reading.mappings);
	free(reading.functions);
	free(reading.locations);
	free(reading.frames);
	return reading.status;
}

static void take_header(const Pprof__Profile *message, struct snapshot *snapshot,
			struct pprof_header *header)
{
	const struct pprof_header own = {
		.time_ns = (uint64_t)message->time_nanos,
		.duration_ns = (uint64_t)message->duration_nanos,
		.period = (uint64_t)message->period,
	};

	if (own.time_ns > snapshot->taken_realtime_ns)
		snapshot->taken_realtime_ns = own.time_ns;
	if (own.period > snapshot->interval)
		snapshot->interval = own.period;
	if (header)
		*header = own;
}

int pprof_read(const uint8_t *bytes, size_t size, bool inuse, struct profile_sum *sum,
	       struct pprof_header *header)
{
	const bool is_gzip = size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
	uint8_t *plain = NULL;
	size_t plain_size = size;
	Pprof__Profile *message;
	int status = 0;

	if (is_gzip)
		status = gzip_uncompress(bytes, size, PPROF_READ_SIZE_MAX, &plain, &plain_size);
	if (status < 0)
		return status == -EFBIG ? -EBADMSG : status;
	message = pprof__profile__unpack(NULL, plain_size, is_gzip ? plain : bytes);
	free(plain);
	if (!message)
		return -EBADMSG;
	status = add_message(message, inuse, sum);
	if (status == 0)
		take_header(message, profile_sum_snapshot(sum), header);
	pprof__profile__free_unpacked(message, NULL);
	return status;
}
