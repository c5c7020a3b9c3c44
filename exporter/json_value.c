/*
 * Context: the reader process.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/json_value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/string_table.h"
#include "leakcheck/amount.h"

json_t *json_value_text(const char *text)
{
	char *const clean = string_table_clean(text ? text : "", STRING_TABLE_LENGTH_MAX);
	json_t *const value = clean ? json_string_nocheck(clean) : NULL;

	free(clean);
	return value;
}

json_t *json_value_count(uint64_t count)
{
	return json_integer(count > INT64_MAX ? INT64_MAX : (json_int_t)count);
}

json_t *json_value_address(uint64_t address)
{
	return json_sprintf("0x%" PRIx64, address);
}

static void give_up(json_t **value)
{
	json_decref(*value);
	*value = NULL;
}

void json_value_append(json_t **to, json_t *value)
{
	if (json_array_append_new(*to, value) != 0)
		give_up(to);
}

void json_value_set(json_t **to, const char *key, json_t *value)
{
	if (json_object_set_new(*to, key, value) != 0)
		give_up(to);
}

json_t *json_value_amount(const struct snapshot_amount *amount)
{
	return json_pack(
		"{s:o, s:o, s:o, s:f, s:f, s:f, s:f}", "bytes", json_value_count(amount->bytes),
		"objects", json_value_count(amount->objects), "samples",
		json_value_count(amount->samples), "bytes_error", amount_bytes_error(amount),
		"objects_error", amount_objects_error(amount), "bytes_variance",
		amount->bytes_variance, "objects_variance", amount->objects_variance);
}

int json_value_write(json_t *value, size_t flags, FILE *stream)
{
	int status;

	if (!value)
		return -ENOMEM;
	status = json_dumpf(value, stream, flags) == 0 ? 0 : -EIO;
	json_decref(value);
	putc('\n', stream);
	return status;
}
