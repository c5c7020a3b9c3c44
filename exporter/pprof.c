/*
 * Puts the message together and packs it.
 *
 * Addresses are written as the ELF files have them, under mappings that span
 * the whole address space. That is the one form that every reader takes: it needs
 * no arithmetic, holds for programs with several executable segments, and makes
 * two runs comparable whatever addresses they were loaded at.
 *
 * Strings that readers must find whatever they throw away come first.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/pprof.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "exporter/gzip.h"
#include "exporter/metric.h"
#include "exporter/string_table.h"
#include "leakcheck/coverage.h"
#include "profile.pb-c.h"

/* The message in the making. The first error sticks. */
struct encoder {
	const struct profile *profile;
	const struct pprof_options *options;
	int status;
	size_t first_metric, metric_count;
	struct string_table strings;
	Pprof__Profile message;
	Pprof__ValueType types[METRIC_COUNT + 1], *type_pointers[METRIC_COUNT];
	Pprof__Sample *samples, **sample_pointers;
	Pprof__Mapping *mappings, **mapping_pointers;
	Pprof__Location *locations, **location_pointers;
	Pprof__Line *lines, **line_pointers;
	Pprof__Function *functions, **function_pointers;
	int64_t *values;		       /* metric_count for each sample */
	uint64_t *sample_locations;	       /* ids */
	uint64_t *location_ids, *function_ids; /* of the profile's tables; 0: not used so far */
	int64_t *comments;
	size_t line_count, frame_count;
};

static void *take_memory(struct encoder *encoder, size_t count, size_t size)
{
	void *const memory = calloc(count + 1, size);

	if (!memory)
		encoder->status = -ENOMEM;
	return memory;
}

static void allocate(struct encoder *encoder)
{
	const struct profile *const profile = encoder->profile;
	size_t frames = 0;

	for (size_t i = 0; i < profile->sample_count; i++)
		frames += profile->samples[i].depth;
#define TAKE(member, count) \
	(encoder->member = take_memory(encoder, count, sizeof(*encoder->member)))
	TAKE(samples, profile->sample_count);
	TAKE(sample_pointers, profile->sample_count);
	TAKE(values, profile->sample_count * encoder->metric_count);
	TAKE(sample_locations, frames);
	TAKE(mappings, profile->mapping_count);
	TAKE(mapping_pointers, profile->mapping_count);
	TAKE(locations, profile->location_count);
	TAKE(location_pointers, profile->location_count);
	TAKE(location_ids, profile->location_count);
	TAKE(lines, profile->line_count);
	TAKE(line_pointers, profile->line_count);
	TAKE(functions, profile->function_count);
	TAKE(function_pointers, profile->function_count);
	TAKE(function_ids, profile->function_count);
#undef TAKE
}

static void release(struct encoder *encoder)
{
	free(encoder->samples);
	free(encoder->sample_pointers);
	free(encoder->values);
	free(encoder->sample_locations);
	free(encoder->mappings);
	free(encoder->mapping_pointers);
	free(encoder->locations);
	free(encoder->location_pointers);
	free(encoder->location_ids);
	free(encoder->lines);
	free(encoder->line_pointers);
	free(encoder->functions);
	free(encoder->function_pointers);
	free(encoder->function_ids);
	free(encoder->comments);
	string_table_fini(&encoder->strings);
}

static int64_t add_string(struct encoder *encoder, const char *text)
{
	uint32_t index = 0;
	const int status = string_table_add(&encoder->strings, text, &index);

	if (status < 0)
		encoder->status = status;
	return index;
}

static void add_types(struct encoder *encoder)
{
	const bool shows_alloc = encoder->options->only_alloc || encoder->options->shows_alloc;
	Pprof__ValueType *const period = &encoder->types[METRIC_COUNT];

	add_string(encoder, "");
	for (size_t i = 0; i < encoder->metric_count; i++) {
		const struct metric *const metric = &metric_table[encoder->first_metric + i];

		encoder->types[i] = (Pprof__ValueType)PPROF__VALUE_TYPE__INIT;
		encoder->types[i].type = add_string(encoder, metric->name);
		encoder->types[i].unit = add_string(encoder, metric->unit);
		encoder->type_pointers[i] = &encoder->types[i];
	}
	encoder->message.n_sample_type = encoder->metric_count;
	encoder->message.sample_type = encoder->type_pointers;
	*period = (Pprof__ValueType)PPROF__VALUE_TYPE__INIT;
	period->type = add_string(encoder, "space");
	period->unit = add_string(encoder, "bytes");
	encoder->message.period_type = period;
	encoder->message.period = (int64_t)encoder->profile->snapshot->interval;
	encoder->message.default_sample_type = add_string(
		encoder, metric_table[shows_alloc ? METRIC_ALLOC_SPACE : METRIC_INUSE_SPACE].name);
}

static void add_mappings(struct encoder *encoder)
{
	const struct profile *const profile = encoder->profile;

	for (size_t i = 0; i < profile->mapping_count; i++) {
		const struct profile_mapping *const from = &profile->mappings[i];
		Pprof__Mapping *const to = &encoder->mappings[i];

		*to = (Pprof__Mapping)PPROF__MAPPING__INIT;
		to->id = i + 1;
		to->memory_limit = UINT64_MAX;
		if (encoder->options->runtime_addresses && from->limit > from->start) {
			to->memory_start = from->start;
			to->memory_limit = from->limit;
			to->file_offset = from->offset;
		}
		to->filename = add_string(encoder, from->path);
		to->build_id = add_string(encoder, from->build_id);
		to->has_functions = from->has_functions;
		to->has_filenames = from->has_files;
		to->has_line_numbers = from->has_lines;
		to->has_inline_frames = from->has_inlines;
		encoder->mapping_pointers[i] = to;
	}
	encoder->message.n_mapping = profile->mapping_count;
	encoder->message.mapping = encoder->mapping_pointers;
}

static uint64_t function_id(struct encoder *encoder, uint32_t index)
{
	const struct profile_function *const from = &encoder->profile->functions[index];
	Pprof__Function *const to = &encoder->functions[encoder->message.n_function];

	if (encoder->function_ids[index])
		return encoder->function_ids[index];
	*to = (Pprof__Function)PPROF__FUNCTION__INIT;
	to->name = add_string(encoder, from->name);
	to->system_name = add_string(encoder, from->system_name);
	to->filename = add_string(encoder, from->file);
	to->start_line = from->start_line;
	encoder->function_pointers[encoder->message.n_function] = to;
	to->id = ++encoder->message.n_function;
	encoder->function_ids[index] = to->id;
	return to->id;
}

static void add_lines(struct encoder *encoder, Pprof__Location *to,
		      const struct profile_location *from)
{
	to->n_line = from->line_count;
	to->line = &encoder->line_pointers[encoder->line_count];
	for (uint32_t i = 0; i < from->line_count; i++) {
		const struct profile_line *const line =
			&encoder->profile->lines[from->first_line + i];
		Pprof__Line *const copy = &encoder->lines[encoder->line_count];

		*copy = (Pprof__Line)PPROF__LINE__INIT;
		copy->function_id = function_id(encoder, line->function);
		copy->line = line->line;
		encoder->line_pointers[encoder->line_count++] = copy;
	}
}

static uint64_t location_id(struct encoder *encoder, uint32_t index)
{
	const struct profile_location *const from = &encoder->profile->locations[index];
	Pprof__Location *const to = &encoder->locations[encoder->message.n_location];

	if (encoder->location_ids[index])
		return encoder->location_ids[index];
	*to = (Pprof__Location)PPROF__LOCATION__INIT;
	to->address = from->address;
	if (from->mapping != PROFILE_NO_MAPPING) {
		to->mapping_id = from->mapping + 1;
		if (!encoder->options->runtime_addresses)
			to->address -= encoder->profile->mappings[from->mapping].load_bias;
	}
	add_lines(encoder, to, from);
	encoder->location_pointers[encoder->message.n_location] = to;
	to->id = ++encoder->message.n_location;
	encoder->location_ids[index] = to->id;
	return to->id;
}

static void add_sample(struct encoder *encoder, const struct profile_sample *from, size_t stack)
{
	Pprof__Sample *const to = &encoder->samples[encoder->message.n_sample];
	int64_t *const values = &encoder->values[encoder->message.n_sample * encoder->metric_count];

	if (!metric_values(encoder->profile->snapshot, stack, encoder->first_metric,
			   encoder->metric_count, values))
		return;
	*to = (Pprof__Sample)PPROF__SAMPLE__INIT;
	to->n_value = encoder->metric_count;
	to->value = values;
	to->n_location_id = from->depth;
	to->location_id = &encoder->sample_locations[encoder->frame_count];
	for (uint32_t i = 0; i < from->depth; i++)
		encoder->sample_locations[encoder->frame_count++] = location_id(
			encoder, encoder->profile->sample_locations[from->first_location + i]);
	encoder->sample_pointers[encoder->message.n_sample++] = to;
}

static void add_samples(struct encoder *encoder)
{
	for (size_t i = 0; i < encoder->profile->sample_count && encoder->status == 0; i++)
		add_sample(encoder, &encoder->profile->samples[i], i);
	encoder->message.sample = encoder->sample_pointers;
	encoder->message.location = encoder->location_pointers;
	encoder->message.function = encoder->function_pointers;
}

/* ---- comments ---- */

static void __attribute__((format(printf, 2, 3)))
comment(struct encoder *encoder, const char *format, ...)
{
	const size_t count = encoder->message.n_comment;
	int64_t *const comments =
		reallocarray(encoder->comments, count + 1, sizeof(*encoder->comments));
	char *text = NULL;
	va_list arguments;

	if (comments)
		encoder->comments = comments;
	va_start(arguments, format);
	if (!comments || vasprintf(&text, format, arguments) < 0)
		encoder->status = -ENOMEM;
	va_end(arguments);
	if (encoder->status < 0)
		return;
	comments[count] = add_string(encoder, text);
	encoder->message.comment = comments;
	encoder->message.n_comment = count + 1;
	free(text);
}

/* What a number of this profile is worth: the format has no other place for it. */
static void add_comments(struct encoder *encoder)
{
	const struct snapshot *const snapshot = encoder->profile->snapshot;

	comment(encoder, "heaptide %s: %s, pid %" PRIu32 ", host %s", HEAPTIDE_VERSION,
		snapshot->command, snapshot->pid, snapshot->host);
	comment(encoder, "sampling interval %" PRIu64 " bytes", snapshot->interval);
	for (size_t i = 0; i < encoder->metric_count; i++) {
		const size_t metric = encoder->first_metric + i;
		double error;
		const int64_t total = metric_total(snapshot, metric, &error);

		comment(encoder, "%s %" PRId64 " %s +/- %.0f (95 %%)", metric_table[metric].name,
			total, metric_table[metric].unit, error);
	}
	comment(encoder, "%" PRIu64 " samples recorded, %" PRIu64 " dropped: coverage %.2f %%",
		snapshot->counters[SEGMENT_COUNTER_samples], coverage_dropped_samples(snapshot),
		100 * coverage_share(snapshot));
	for (size_t i = 0; i < encoder->profile->warning_count; i++)
		comment(encoder, "warning: %s", encoder->profile->warnings[i]);
}

/* ---- the bytes ---- */

static int pack(struct encoder *encoder, uint8_t **bytes, size_t *size)
{
	const size_t packed_size = pprof__profile__get_packed_size(&encoder->message);
	const size_t size_max = encoder->options->size_max;
	uint8_t *packed;
	int status;

	if (size_max > 0 && packed_size > size_max)
		return -EFBIG;
	packed = malloc(packed_size);
	if (!packed)
		return -ENOMEM;
	pprof__profile__pack(&encoder->message, packed);
	status = gzip_compress(packed, packed_size, bytes, size);
	free(packed);
	return status;
}

/* The first metric that is written, and how many. */
static void choose_metrics(struct encoder *encoder)
{
	const struct pprof_options *const options = encoder->options;

	encoder->metric_count = options->extra ? METRIC_COUNT : METRIC_STANDARD_COUNT;
	if (options->only_alloc || options->only_inuse)
		encoder->metric_count = 2;
	if (options->only_inuse)
		encoder->first_metric = METRIC_INUSE_OBJECTS;
}

int pprof_encode(const struct profile *profile, const struct pprof_options *options,
		 uint8_t **bytes, size_t *size)
{
	struct encoder encoder = {
		.profile = profile,
		.options = options,
		.message = PPROF__PROFILE__INIT,
	};
	const uint64_t time_ns =
		options->time_ns ? options->time_ns : profile->snapshot->taken_realtime_ns;
	int status;

	choose_metrics(&encoder);
	allocate(&encoder);
	if (encoder.status == 0) {
		add_types(&encoder);
		add_mappings(&encoder);
		add_samples(&encoder);
		add_comments(&encoder);
	}
	encoder.message.time_nanos = (int64_t)time_ns;
	encoder.message.duration_nanos = (int64_t)options->duration_ns;
	encoder.message.n_string_table = encoder.strings.count;
	encoder.message.string_table = encoder.strings.strings;
	status = encoder.status < 0 ? encoder.status : pack(&encoder, bytes, size);
	release(&encoder);
	return status;
}
