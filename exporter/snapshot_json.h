/*
 * The members that all JSON documents about a process share. docs/formats.md
 * describes them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_SNAPSHOT_JSON_H
#define EXPORTER_SNAPSHOT_JSON_H

#include "exporter/json.h"
#include "exporter/profile.h"

/*
 * Each writes its members into the open object: the head is "format", "version",
 * "generator", "time_ns", "process" and "sampling".
 */
void snapshot_json_head(struct json *json, const char *format, unsigned version,
			const struct snapshot *snapshot);
void snapshot_json_counters(struct json *json, const struct snapshot *snapshot);
void snapshot_json_warnings(struct json *json, const struct profile *profile);

/* An amount with its errors, as an object. */
void snapshot_json_amount(struct json *json, const char *key, const struct snapshot_amount *amount);

#endif
