/*
 * The numbers that exported files carry for each stack, by the names that
 * profile readers know them by.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_METRIC_H
#define EXPORTER_METRIC_H

#include <stdint.h>

#include "leakcheck/view.h"

/* The first METRIC_STANDARD_COUNT are Go's, in Go's order. */
enum metric_id {
	METRIC_ALLOC_OBJECTS,
	METRIC_ALLOC_SPACE,
	METRIC_INUSE_OBJECTS,
	METRIC_INUSE_SPACE,
	METRIC_STANDARD_COUNT,
	METRIC_PEAK_OBJECTS = METRIC_STANDARD_COUNT,
	METRIC_PEAK_SPACE,
	METRIC_TEMPORARY_OBJECTS, /* freed within 10 ms */
	METRIC_TEMPORARY_SPACE,
	METRIC_COUNT
};

struct metric {
	const char *name;
	const char *unit; /* "count" or "bytes" */
	enum view_kind view;
};

extern const struct metric metric_table[METRIC_COUNT];

/* One stack's share. At most INT64_MAX. */
int64_t metric_value(const struct snapshot *snapshot, enum metric_id metric, size_t stack);

/* One stack's share of `count` metrics from `first` on. False when all are 0. */
bool metric_values(const struct snapshot *snapshot, size_t stack, enum metric_id first,
		   size_t count, int64_t *values);

/* The sum over all stacks, and half the width of its 95 % confidence interval. */
int64_t metric_total(const struct snapshot *snapshot, enum metric_id metric, double *error);

#endif
