/*
 * Gives every name an id. Functions that were compiled twice, or that stand in
 * two files, have one id when they have one name, as in other tools' tables.
 *
 * Invariant: ids are in the order of the names, so rows that are equal come in
 * the same order whichever stack was seen first.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/name_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A name in the making. The entries follow the profile's lines, or its mappings. */
struct entry {
	const char *name;
	size_t origin;
	uint32_t id;
};

static int compare_names(const void *left, const void *right)
{
	const struct entry *a = *(struct entry *const *)left, *b = *(struct entry *const *)right;
	int order = strcmp(a->name, b->name);

	return order ? order : (a->origin > b->origin) - (a->origin < b->origin);
}

static size_t entry_count(const struct profile *profile, enum name_table_kind kind)
{
	return kind == NAME_TABLE_MODULES ? profile->mapping_count + 1 : profile->line_count;
}

/* The text of a line: "name file:line", with what is known. Returns its length. */
static int format_line(char *text, size_t size, const struct profile *profile,
		       const struct profile_line *line)
{
	const struct profile_function *function = &profile->functions[line->function];

	if (!*function->file)
		return snprintf(text, size, "%s", function->name);
	if (line->line == 0)
		return snprintf(text, size, "%s %s", function->name, function->file);
	return snprintf(text, size, "%s %s:%u", function->name, function->file, line->line);
}

static int format_lines(struct name_table *table, struct entry *entries,
			const struct profile *profile)
{
	size_t i, size = 1;
	char *text;

	for (i = 0; i < profile->line_count; i++)
		size += (size_t)format_line(NULL, 0, profile, &profile->lines[i]) + 1;
	table->texts = text = malloc(size);
	if (!text)
		return -ENOMEM;
	for (i = 0; i < profile->line_count; i++) {
		entries[i].name = text;
		text += format_line(text, size - (size_t)(text - table->texts), profile,
				    &profile->lines[i]) +
			1;
	}
	return 0;
}

static int name_entries(struct name_table *table, struct entry *entries,
			const struct profile *profile)
{
	size_t i, count = entry_count(profile, table->kind);

	for (i = 0; i < count; i++)
		entries[i].origin = i;
	switch (table->kind) {
	case NAME_TABLE_LINES:
		return format_lines(table, entries, profile);
	case NAME_TABLE_MODULES:
		for (i = 0; i < profile->mapping_count; i++)
			entries[i].name = profile->mappings[i].path;
		entries[i].name = "[no module]";
		return 0;
	default:
		for (i = 0; i < count; i++)
			entries[i].name = profile->functions[profile->lines[i].function].name;
		return 0;
	}
}

/* Sorts the entries by name and numbers the names. */
static int give_ids(struct name_table *table, struct entry *entries, size_t count)
{
	struct entry **order = calloc(count + 1, sizeof(*order));
	size_t i;

	table->names = calloc(count + 1, sizeof(*table->names));
	table->origins = calloc(count + 1, sizeof(*table->origins));
	if (!order || !table->names || !table->origins) {
		free(order);
		return -ENOMEM;
	}
	for (i = 0; i < count; i++)
		order[i] = &entries[i];
	qsort(order, count, sizeof(*order), compare_names);
	for (i = 0; i < count; i++) {
		if (i == 0 || strcmp(order[i]->name, order[i - 1]->name)) {
			table->names[table->frames.id_count] = order[i]->name;
			table->origins[table->frames.id_count++] = order[i]->origin;
		}
		order[i]->id = table->frames.id_count - 1;
	}
	free(order);
	return 0;
}

static const struct profile_location *
sample_location(const struct profile *profile, const struct profile_sample *sample, uint32_t frame)
{
	return &profile->locations[profile->sample_locations[sample->first_location + frame]];
}

static size_t location_id_count(const struct name_table *table,
				const struct profile_location *location)
{
	return table->kind == NAME_TABLE_MODULES ? 1 : location->line_count;
}

static size_t location_entry(const struct name_table *table, const struct profile *profile,
			     const struct profile_location *location, size_t i)
{
	if (table->kind != NAME_TABLE_MODULES)
		return location->first_line + i;
	return location->mapping == PROFILE_NO_MAPPING ? profile->mapping_count : location->mapping;
}

static size_t count_ids(const struct name_table *table, const struct profile *profile)
{
	size_t i, count = 0;
	uint32_t frame;

	for (i = 0; i < profile->sample_count; i++) {
		for (frame = 0; frame < profile->samples[i].depth; frame++)
			count += location_id_count(
				table, sample_location(profile, &profile->samples[i], frame));
	}
	return count;
}

/* Inlined functions are frames of their own. */
static int fill_frames(struct name_table *table, const struct profile *profile,
		       const struct entry *entries)
{
	size_t i, j, next = 0, *first = calloc(profile->sample_count + 1, sizeof(*first));
	uint32_t frame, *ids = calloc(count_ids(table, profile) + 1, sizeof(*ids));

	table->frames.first = first;
	table->frames.ids = ids;
	if (!first || !ids)
		return -ENOMEM;
	for (i = 0; i < profile->sample_count; i++) {
		first[i] = next;
		for (frame = 0; frame < profile->samples[i].depth; frame++) {
			const struct profile_location *location =
				sample_location(profile, &profile->samples[i], frame);

			for (j = 0; j < location_id_count(table, location); j++)
				ids[next++] =
					entries[location_entry(table, profile, location, j)].id;
		}
	}
	first[i] = next;
	return 0;
}

int name_table_fill(struct name_table *table, const struct profile *profile,
		    enum name_table_kind kind)
{
	size_t count = entry_count(profile, kind);
	struct entry *entries = calloc(count + 1, sizeof(*entries));
	int error = entries ? 0 : -ENOMEM;

	*table = (struct name_table){.kind = kind};
	if (!error)
		error = name_entries(table, entries, profile);
	if (!error)
		error = give_ids(table, entries, count);
	if (!error)
		error = fill_frames(table, profile, entries);
	free(entries);
	if (error)
		name_table_free(table);
	return error;
}

void name_table_free(struct name_table *table)
{
	free(table->names);
	free(table->origins);
	free((void *)table->frames.first);
	free((void *)table->frames.ids);
	free(table->texts);
	*table = (struct name_table){0};
}
