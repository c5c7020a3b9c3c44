/*
 * The values that JSON files of every kind are put together from.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_JSON_VALUE_H
#define EXPORTER_JSON_VALUE_H

#include <jansson.h>
#include <stdint.h>

#include "sampler/snapshot.h"

/*
 * Each returns a new reference, or NULL when out of memory, which jansson's "o"
 * formats pass on.
 */

/* A string made valid UTF-8; NULL is "". */
json_t *json_value_text(const char *text);

/* A number; at most INT64_MAX. */
json_t *json_value_count(uint64_t count);

/* An address as "0x7f0012345678": a number could lose digits. */
json_t *json_value_address(uint64_t address);

/*
 * Adds `value`, which it takes, to an array or object. When that fails, *to is
 * released and becomes NULL, so that nothing is written with something missing.
 */
void json_value_append(json_t **to, json_t *value);
void json_value_set(json_t **to, const char *key, json_t *value);

/*
 * {"bytes", "objects", "samples", "bytes_error", "objects_error",
 * "bytes_variance", "objects_variance"}; an error is half the width of the 95 %
 * confidence interval.
 */
json_t *json_value_amount(const struct snapshot_amount *amount);

/* Writes a value and a line feed and releases it. 0, -ENOMEM when the value is
 * NULL, or -EIO. */
int json_value_write(json_t *value, size_t flags, FILE *stream);

#endif
