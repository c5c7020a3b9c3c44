/*
 * Which view and which half of its amount each metric is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/metric.h"

#include "leakcheck/amount.h"

const struct metric metric_table[METRIC_COUNT] = {
	[METRIC_ALLOC_OBJECTS] = {"alloc_objects", "count", VIEW_ALLOC},
	[METRIC_ALLOC_SPACE] = {"alloc_space", "bytes", VIEW_ALLOC},
	[METRIC_INUSE_OBJECTS] = {"inuse_objects", "count", VIEW_INUSE},
	[METRIC_INUSE_SPACE] = {"inuse_space", "bytes", VIEW_INUSE},
	[METRIC_PEAK_OBJECTS] = {"peak_objects", "count", VIEW_PEAK},
	[METRIC_PEAK_SPACE] = {"peak_space", "bytes", VIEW_PEAK},
	[METRIC_TEMPORARY_OBJECTS] = {"temporary_objects", "count", VIEW_TEMPORARY},
	[METRIC_TEMPORARY_SPACE] = {"temporary_space", "bytes", VIEW_TEMPORARY},
};

static bool counts_objects(enum metric_id metric)
{
	return metric % 2 == 0;
}

static struct view view_of(const struct snapshot *snapshot, enum metric_id metric)
{
	return (struct view){
		.snapshot = snapshot,
		.kind = metric_table[metric].view,
		.young_bucket = SEGMENT_LIFETIME_BORDER_BUCKET,
	};
}

static int64_t value_of(const struct snapshot_amount *amount, enum metric_id metric)
{
	const uint64_t value = counts_objects(metric) ? amount->objects : amount->bytes;

	return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

int64_t metric_value(const struct snapshot *snapshot, enum metric_id metric, size_t stack)
{
	const struct view view = view_of(snapshot, metric);
	const struct snapshot_amount amount = view_stack_amount(&view, stack);

	return value_of(&amount, metric);
}

bool metric_values(const struct snapshot *snapshot, size_t stack, enum metric_id first,
		   size_t count, int64_t *values)
{
	bool is_empty = true;

	for (size_t i = 0; i < count; i++) {
		values[i] = metric_value(snapshot, first + i, stack);
		is_empty = is_empty && values[i] == 0;
	}
	return !is_empty;
}

int64_t metric_total(const struct snapshot *snapshot, enum metric_id metric, double *error)
{
	const struct view view = view_of(snapshot, metric);
	const struct snapshot_amount amount = view_total(&view);

	*error = counts_objects(metric) ? amount_objects_error(&amount)
					: amount_bytes_error(&amount);
	return value_of(&amount, metric);
}
