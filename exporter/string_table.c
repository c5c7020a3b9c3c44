/*
 * Invariant: strings[i] are distinct, valid UTF-8 and never move while the
 * table lives.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/string_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

static bool is_continuation(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

/*
 * How many bytes the well-formed UTF-8 character at `text` has, 0 when it is
 * none: The Unicode Standard, table 3-7. A NUL byte ends every sequence, so
 * nothing behind the end is read.
 */
static size_t character_size(const unsigned char *text)
{
	const unsigned char lead = text[0];
	unsigned char low = 0x80, high = 0xbf;

	if (lead < 0x80)
		return 1;
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	if (lead < 0xe0)
		return is_continuation(text[1]) ? 2 : 0;
	if (lead == 0xe0)
		low = 0xa0; /* overlong */
	if (lead == 0xed)
		high = 0x9f; /* surrogates */
	if (lead == 0xf0)
		low = 0x90; /* overlong */
	if (lead == 0xf4)
		high = 0x8f; /* above U+10FFFF */
	if (text[1] < low || text[1] > high || !is_continuation(text[2]))
		return 0;
	if (lead < 0xf0)
		return 3;
	return is_continuation(text[3]) ? 4 : 0;
}

char *string_table_clean(const char *text, size_t size)
{
	char *const copy = strndup(text, size);
	char *clean, *end;

	if (!copy)
		return NULL;
	clean = malloc(3 * strlen(copy) + 1);
	end = clean;
	for (const char *from = copy;
	     clean && *from && end - clean <= STRING_TABLE_LENGTH_MAX - 4;) {
		const size_t bytes = character_size((const unsigned char *)from);

		if (bytes > 0)
			memcpy(end, from, bytes);
		else
			memcpy(end, replacement, 3);
		end += bytes > 0 ? bytes : 3;
		from += bytes > 0 ? bytes : 1;
	}
	free(copy);
	if (!clean)
		return NULL;
	*end = '\0';
	return clean;
}

/* FNV-1a, 64 bits. */
static uint64_t hash(const char *text)
{
	uint64_t value = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		value = (value ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return value;
}

static int reserve(struct string_table *table)
{
	const size_t capacity = table->capacity ? 2 * table->capacity : 64;
	char **strings;

	if (table->count < table->capacity)
		return 0;
	strings = reallocarray(table->strings, capacity, sizeof(*strings));
	if (!strings)
		return -ENOMEM;
	table->strings = strings;
	table->capacity = capacity;
	return 0;
}

int string_table_add(struct string_table *table, const char *text, uint32_t *index)
{
	char *const clean = string_table_clean(text ? text : "", STRING_TABLE_LENGTH_MAX);
	uint64_t value, run = 0;
	const uint32_t *known;
	int status = -ENOMEM;

	if (!clean)
		return status;
	value = hash(clean);
	while ((known = key_map_find(&table->by_hash, value, run)) != NULL) {
		if (strcmp(table->strings[*known], clean) == 0) {
			*index = *known;
			free(clean);
			return 0;
		}
		run++;
	}
	status = reserve(table);
	if (status == 0)
		status = key_map_insert(&table->by_hash, value, run, (uint32_t)table->count);
	if (status < 0) {
		free(clean);
		return status;
	}
	*index = (uint32_t)table->count;
	table->strings[table->count++] = clean;
	return 0;
}

void string_table_fini(struct string_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		free(table->strings[i]);
	free(table->strings);
	key_map_fini(&table->by_hash);
	*table = (struct string_table){0};
}
