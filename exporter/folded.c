/*
 * Stacks that differ only in addresses read the same; they are added up.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/folded.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct folded_line {
	char *stack;
	int64_t value;
};

/* A name without the characters that separate fields and lines. */
static void print_name(FILE *stream, const char *name)
{
	for (; *name; name++) {
		if (*name == ';')
			putc(':', stream);
		else if (*name == '\n' || *name == '\r')
			putc(' ', stream);
		else
			putc(*name, stream);
	}
}

static void print_location(FILE *stream, const struct profile *profile,
			   const struct profile_location *location, const char *separator)
{
	for (uint32_t i = location->line_count; i-- > 0; separator = ";") {
		const struct profile_line *const line = &profile->lines[location->first_line + i];

		fputs(separator, stream);
		print_name(stream, profile->functions[line->function].name);
	}
}

/* The functions of a sample in one string, to be released with free(), or NULL. */
static char *fold(const struct profile *profile, const struct profile_sample *sample)
{
	char *text = NULL;
	size_t size;
	FILE *const stream = open_memstream(&text, &size);
	bool has_failed;

	if (!stream)
		return NULL;
	for (uint32_t i = sample->depth; i-- > 0;) {
		const uint32_t index = profile->sample_locations[sample->first_location + i];

		print_location(stream, profile, &profile->locations[index],
			       i + 1 == sample->depth ? "" : ";");
	}
	has_failed = ferror(stream) != 0;
	if (fclose(stream) == 0 && !has_failed)
		return text;
	free(text);
	return NULL;
}

static int compare_lines(const void *first, const void *second)
{
	const struct folded_line *const a = first, *const b = second;

	return strcmp(a->stack, b->stack);
}

/* The lines of all samples that have something of the metric. */
static int fill(const struct profile *profile, enum metric_id metric, struct folded_line *lines,
		size_t *count)
{
	for (size_t i = 0; i < profile->sample_count; i++) {
		const int64_t value = metric_value(profile->snapshot, metric, i);

		if (value == 0)
			continue;
		lines[*count].value = value;
		lines[*count].stack = fold(profile, &profile->samples[i]);
		if (!lines[*count].stack)
			return -ENOMEM;
		++*count;
	}
	return 0;
}

static void print_lines(const struct folded_line *lines, size_t count, FILE *stream)
{
	int64_t sum = 0;

	for (size_t i = 0; i < count; i++) {
		if (__builtin_add_overflow(sum, lines[i].value, &sum))
			sum = INT64_MAX;
		if (i + 1 < count && strcmp(lines[i].stack, lines[i + 1].stack) == 0)
			continue;
		fprintf(stream, "%s %" PRId64 "\n", lines[i].stack, sum);
		sum = 0;
	}
}

int folded_write(const struct profile *profile, enum metric_id metric, FILE *stream)
{
	struct folded_line *const lines = calloc(profile->sample_count + 1, sizeof(*lines));
	size_t count = 0;
	int status;

	if (!lines)
		return -ENOMEM;
	status = fill(profile, metric, lines, &count);
	if (status == 0) {
		qsort(lines, count, sizeof(*lines), compare_lines);
		print_lines(lines, count, stream);
		status = ferror(stream) ? -EIO : 0;
	}
	for (size_t i = 0; i < count; i++)
		free(lines[i].stack);
	free(lines);
	return status;
}
