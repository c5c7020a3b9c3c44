/*
 * The file begins with a section of symbols, so that those programs show the
 * names that we found and look for none themselves: they would take them from
 * whatever binary has the right path today. With that section they use addresses
 * as they stand, so these are those of the calls.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/gperftools.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "exporter/metric.h"

/* A name in one line; "--" would separate inlined functions. */
static void print_name(FILE *stream, const char *name)
{
	for (; *name; name++) {
		if (*name == '\n' || *name == '\r')
			putc(' ', stream);
		else if (strncmp(name, "--", 2) == 0)
			fputs("- ", stream);
		else
			putc(*name, stream);
	}
}

static void print_symbol(FILE *stream, const struct profile *profile,
			 const struct profile_location *location)
{
	const char *separator = "";

	fprintf(stream, "0x%016" PRIx64 " ", location->address);
	for (uint32_t i = 0; i < location->line_count; i++, separator = "--") {
		const struct profile_line *const line = &profile->lines[location->first_line + i];

		fputs(separator, stream);
		print_name(stream, profile->functions[line->function].name);
	}
	putc('\n', stream);
}

static void print_amounts(FILE *stream, const int64_t values[METRIC_STANDARD_COUNT])
{
	fprintf(stream, "%6" PRId64 ": %8" PRId64 " [%6" PRId64 ": %8" PRId64 "] @",
		values[METRIC_INUSE_OBJECTS], values[METRIC_INUSE_SPACE],
		values[METRIC_ALLOC_OBJECTS], values[METRIC_ALLOC_SPACE]);
}

static void print_header(FILE *stream, const struct profile *profile)
{
	int64_t totals[METRIC_STANDARD_COUNT];
	double error;

	for (unsigned i = 0; i < METRIC_STANDARD_COUNT; i++)
		totals[i] = metric_total(profile->snapshot, i, &error);
	fputs("heap profile: ", stream);
	print_amounts(stream, totals);
	fputs(" heapprofile\n", stream);
}

/* `offset` is added to each address. */
static void print_sample(FILE *stream, const struct profile *profile, size_t index, uint64_t offset)
{
	const struct profile_sample *const sample = &profile->samples[index];
	int64_t values[METRIC_STANDARD_COUNT];

	if (!metric_values(profile->snapshot, index, METRIC_ALLOC_OBJECTS, METRIC_STANDARD_COUNT,
			   values))
		return;
	print_amounts(stream, values);
	for (uint32_t i = 0; i < sample->depth; i++) {
		const uint32_t location = profile->sample_locations[sample->first_location + i];

		fprintf(stream, " 0x%016" PRIx64, profile->locations[location].address + offset);
	}
	putc('\n', stream);
}

static void print_mapping(FILE *stream, const struct profile_mapping *mapping)
{
	if (mapping->limit > mapping->start)
		fprintf(stream, "%08" PRIx64 "-%08" PRIx64 " r-xp %08" PRIx64 " 00:00 0 %s\n",
			mapping->start, mapping->limit, mapping->offset, mapping->path);
}

static void print_stacks(FILE *stream, const struct profile *profile, uint64_t offset)
{
	print_header(stream, profile);
	for (size_t i = 0; i < profile->sample_count; i++)
		print_sample(stream, profile, i, offset);
	fputs("\nMAPPED_LIBRARIES:\n", stream);
	for (size_t i = 0; i < profile->mapping_count; i++)
		print_mapping(stream, &profile->mappings[i]);
}

int gperftools_write_raw(const struct profile *profile, FILE *stream)
{
	print_stacks(stream, profile, 1);
	return ferror(stream) ? -EIO : 0;
}

int gperftools_write(const struct profile *profile, FILE *stream)
{
	fprintf(stream, "--- symbol\nbinary=%s\n", profile->mappings[0].path);
	for (size_t i = 0; i < profile->location_count; i++)
		print_symbol(stream, profile, &profile->locations[i]);
	fputs("---\n", stream);
	print_stacks(stream, profile, 0);
	return ferror(stream) ? -EIO : 0;
}
