/*
 * Writes JSON: one call per value, commas and quotes come by themselves.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_JSON_H
#define EXPORTER_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_DEPTH_MAX 16

struct json {
	FILE *out;
	unsigned depth;
	bool has_members[JSON_DEPTH_MAX]; /* the open objects and arrays */
};

/* Starts a document on `out`, which is borrowed. Errors of `out` are the caller's
 * to find, with ferror() or fflush(). */
void json_init(struct json *json, FILE *out);

/*
 * Each writes one value. `key` is its name in the open object, NULL in an array
 * and for the whole document, which ends with a newline. Strings that are not
 * UTF-8 are made so; a number that is not finite is null.
 */
void json_open_object(struct json *json, const char *key);
void json_close_object(struct json *json);
void json_open_array(struct json *json, const char *key);
void json_close_array(struct json *json);
void json_string(struct json *json, const char *key, const char *text);
void json_unsigned(struct json *json, const char *key, uint64_t number);
void json_number(struct json *json, const char *key, double number);
void json_bool(struct json *json, const char *key, bool is_true);

#endif
