/*
 * A writer without a document in memory: profiles can be large.
 *
 * Invariant: has_members[0 .. depth) tells of each open object or array whether
 * a comma must come before its next value.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/json.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/string_table.h"

void json_init(struct json *json, FILE *out)
{
	*json = (struct json){.out = out};
}

static void write_character(FILE *out, unsigned char character)
{
	if (character == '"' || character == '\\')
		fprintf(out, "\\%c", character);
	else if (character < 0x20 || character == 0x7f)
		fprintf(out, "\\u%04x", character);
	else
		fputc(character, out);
}

static void write_text(FILE *out, const char *text)
{
	char *const clean = string_table_clean(text, strlen(text));
	const char *next;

	fputc('"', out);
	for (next = clean ? clean : ""; *next; next++)
		write_character(out, (unsigned char)*next);
	fputc('"', out);
	free(clean);
}

/* What stands before a value. */
static void begin_value(struct json *json, const char *key)
{
	if (json->depth > 0) {
		if (json->has_members[json->depth - 1])
			fputc(',', json->out);
		json->has_members[json->depth - 1] = true;
	}
	if (key) {
		write_text(json->out, key);
		fputc(':', json->out);
	}
}

static void end_value(struct json *json)
{
	if (json->depth == 0)
		fputc('\n', json->out);
}

static void open_value(struct json *json, const char *key, char bracket)
{
	assert(json->depth < JSON_DEPTH_MAX);
	begin_value(json, key);
	fputc(bracket, json->out);
	json->has_members[json->depth++] = false;
}

static void close_value(struct json *json, char bracket)
{
	assert(json->depth > 0);
	json->depth--;
	fputc(bracket, json->out);
	end_value(json);
}

void json_open_object(struct json *json, const char *key)
{
	open_value(json, key, '{');
}

void json_close_object(struct json *json)
{
	close_value(json, '}');
}

void json_open_array(struct json *json, const char *key)
{
	open_value(json, key, '[');
}

void json_close_array(struct json *json)
{
	close_value(json, ']');
}

void json_string(struct json *json, const char *key, const char *text)
{
	begin_value(json, key);
	write_text(json->out, text);
	end_value(json);
}

void json_unsigned(struct json *json, const char *key, uint64_t number)
{
	begin_value(json, key);
	fprintf(json->out, "%" PRIu64, number);
	end_value(json);
}

void json_number(struct json *json, const char *key, double number)
{
	begin_value(json, key);
	if (isfinite(number))
		fprintf(json->out, "%.15g", number);
	else
		fputs("null", json->out);
	end_value(json);
}

void json_bool(struct json *json, const char *key, bool is_true)
{
	begin_value(json, key);
	fputs(is_true ? "true" : "false", json->out);
	end_value(json);
}
