/*
 * Context: any thread; a set belongs to one thread at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/labels.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/string_table.h"

/* Cuts a clean string to `size` bytes, but not within a character. */
static void cut(char *text, size_t size)
{
	if (strlen(text) <= size)
		return;
	while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80)
		size--;
	text[size] = '\0';
}

static char *clean_copy(const char *text, size_t size_max)
{
	char *const copy = string_table_clean(text, strlen(text));

	if (copy)
		cut(copy, size_max);
	return copy;
}

/* Where the name is, or where it would have to be. */
static size_t position_of(const struct labels *labels, const char *name)
{
	size_t i = 0;

	while (i < labels->count && strcmp(labels->items[i].name, name) < 0)
		i++;
	return i;
}

static bool is_at(const struct labels *labels, size_t position, const char *name)
{
	return position < labels->count && strcmp(labels->items[position].name, name) == 0;
}

static void remove_at(struct labels *labels, size_t position)
{
	free(labels->items[position].name);
	free(labels->items[position].value);
	labels->count--;
	memmove(&labels->items[position], &labels->items[position + 1],
		(labels->count - position) * sizeof(*labels->items));
}

/* Takes both strings. */
static int insert_at(struct labels *labels, size_t position, char *name, char *value)
{
	struct label *const items = reallocarray(labels->items, labels->count + 1, sizeof(*items));

	if (!items) {
		free(name);
		free(value);
		return -ENOMEM;
	}
	labels->items = items;
	memmove(&items[position + 1], &items[position],
		(labels->count - position) * sizeof(*items));
	items[position] = (struct label){name, value};
	labels->count++;
	return 0;
}

static bool is_reserved(const char *name)
{
	return *name == '\0' || strncmp(name, "__", 2) == 0;
}

int labels_set(struct labels *labels, const char *name, const char *value)
{
	char *own_name = clean_copy(name, LABELS_NAME_MAX);
	char *own_value = clean_copy(value, LABELS_VALUE_MAX);
	int status = own_name && own_value ? 0 : -ENOMEM;
	size_t position;
	bool is_there;

	if (status < 0 || is_reserved(own_name))
		goto out;
	position = position_of(labels, own_name);
	is_there = is_at(labels, position, own_name);
	if (is_there)
		remove_at(labels, position);
	if (*own_value == '\0' || labels->count == LABELS_MAX)
		goto out;
	return insert_at(labels, position, own_name, own_value);
out:
	free(own_name);
	free(own_value);
	return status;
}

int labels_merge(struct labels *labels, const struct labels *other)
{
	int status = 0;

	for (size_t i = 0; i < other->count && status == 0; i++)
		status = labels_set(labels, other->items[i].name, other->items[i].value);
	return status;
}

const char *labels_get(const struct labels *labels, const char *name)
{
	const size_t position = position_of(labels, name);

	return is_at(labels, position, name) ? labels->items[position].value : NULL;
}

static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return text + strspn(text, " \t\r\n");
}

static void decode_percent(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		unsigned byte;

		if (*from == '%' && isxdigit((unsigned char)from[1]) &&
		    isxdigit((unsigned char)from[2]) && sscanf(from + 1, "%2x", &byte) == 1 &&
		    byte) {
			*to++ = (char)byte;
			from += 2;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
}

static int parse_one(struct labels *labels, char *text, bool percent)
{
	char *separator = strchr(text, '=');
	char *name, *value;

	if (!separator)
		separator = strchr(text, ':');
	if (!separator)
		return 0;
	*separator = '\0';
	name = trim(text);
	value = trim(separator + 1);
	if (percent) {
		decode_percent(name);
		decode_percent(value);
	}
	return labels_set(labels, name, value);
}

int labels_parse(struct labels *labels, const char *text, bool percent)
{
	char *const copy = strdup(text);
	char *rest = copy, *one;
	int status = copy ? 0 : -ENOMEM;

	while (status == 0 && (one = strsep(&rest, ",")))
		status = parse_one(labels, one, percent);
	free(copy);
	return status;
}

/* A string that ends where it seems to: quotes and backslashes are escaped. */
static void write_quoted(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

char *labels_format(const struct labels *labels)
{
	char *text = NULL;
	size_t size;
	FILE *const out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fputc('{', out);
	for (size_t i = 0; i < labels->count; i++) {
		if (i)
			fputc(',', out);
		write_quoted(out, labels->items[i].name);
		fputc('=', out);
		write_quoted(out, labels->items[i].value);
	}
	fputc('}', out);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

int labels_pack(const struct labels *labels, uint8_t **bytes, size_t *size)
{
	char *text = NULL;
	FILE *const out = open_memstream(&text, size);

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < labels->count; i++) {
		fwrite(labels->items[i].name, 1, strlen(labels->items[i].name) + 1, out);
		fwrite(labels->items[i].value, 1, strlen(labels->items[i].value) + 1, out);
	}
	if (fclose(out) != 0) {
		free(text);
		return -ENOMEM;
	}
	*bytes = (uint8_t *)text;
	return 0;
}

int labels_unpack(struct labels *labels, const uint8_t *bytes, size_t size)
{
	const char *const end = (const char *)bytes + size;
	int status = 0;

	for (const char *name = (const char *)bytes; name < end && status == 0;) {
		const char *const value = memchr(name, '\0', (size_t)(end - name));
		const char *const last =
			value ? memchr(value + 1, '\0', (size_t)(end - value - 1)) : NULL;

		if (!last)
			break;
		status = labels_set(labels, name, value + 1);
		name = last + 1;
	}
	return status;
}

void labels_fini(struct labels *labels)
{
	while (labels->count)
		remove_at(labels, labels->count - 1);
	free(labels->items);
	*labels = (struct labels){0};
}
