/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "leakcheck/growth.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* Standard deviations that one change in 20, and in 1000, passes by chance. */
#define LIKELY 1.96
#define SURE 3.29

double growth_bytes(const struct growth_amount *amount)
{
	return (double)amount->after.bytes - (double)amount->before.bytes;
}

double growth_objects(const struct growth_amount *amount)
{
	return (double)amount->after.objects - (double)amount->before.objects;
}

static double deviation(const struct growth_amount *amount)
{
	return sqrt(amount->before.bytes_variance + amount->after.bytes_variance);
}

double growth_bytes_error(const struct growth_amount *amount)
{
	return LIKELY * deviation(amount);
}

enum growth_certainty growth_certainty(const struct growth_amount *amount)
{
	const double change = fabs(growth_bytes(amount));

	if (change > SURE * deviation(amount))
		return GROWTH_SURE;
	return change > LIKELY * deviation(amount) ? GROWTH_LIKELY : GROWTH_WITHIN_ERROR;
}

static int compare_keys(const void *left, const void *right)
{
	const struct growth_row *a = left, *b = right;

	return (a->key > b->key) - (a->key < b->key);
}

static int compare_changes(const void *left, const void *right)
{
	const struct growth_row *a = left, *b = right;
	const double a_flat = fabs(growth_bytes(&a->flat)), b_flat = fabs(growth_bytes(&b->flat));
	const double a_all = fabs(growth_bytes(&a->cumulative));
	const double b_all = fabs(growth_bytes(&b->cumulative));

	if (a_flat != b_flat)
		return a_flat < b_flat ? 1 : -1;
	if (a_all != b_all)
		return a_all < b_all ? 1 : -1;
	return compare_keys(a, b);
}

/* One row per row of either grouping; those of one key become neighbours. */
static void collect(struct growth *growth, const struct grouping *before,
		    const struct grouping *after)
{
	size_t i;

	for (i = 0; i < before->count; i++)
		growth->rows[growth->count++] = (struct growth_row){
			.key = before->rows[i].key,
			.flat.before = before->rows[i].flat,
			.cumulative.before = before->rows[i].cumulative,
		};
	for (i = 0; i < after->count; i++)
		growth->rows[growth->count++] = (struct growth_row){
			.key = after->rows[i].key,
			.flat.after = after->rows[i].flat,
			.cumulative.after = after->rows[i].cumulative,
		};
	qsort(growth->rows, growth->count, sizeof(*growth->rows), compare_keys);
}

static void join(struct growth_amount *to, const struct growth_amount *from)
{
	if (to->before.bytes == 0 && to->before.objects == 0)
		to->before = from->before;
	if (to->after.bytes == 0 && to->after.objects == 0)
		to->after = from->after;
}

/* Joins the two rows of one key. */
static void merge(struct growth *growth)
{
	struct growth_row *last = NULL;
	size_t i, count = 0;

	for (i = 0; i < growth->count; i++) {
		const struct growth_row row = growth->rows[i];

		if (last && last->key == row.key) {
			join(&last->flat, &row.flat);
			join(&last->cumulative, &row.cumulative);
			continue;
		}
		last = &growth->rows[count++];
		*last = row;
	}
	growth->count = count;
}

static void drop_unchanged(struct growth *growth)
{
	size_t i, count = 0;

	for (i = 0; i < growth->count; i++)
		if (growth_bytes(&growth->rows[i].cumulative) != 0)
			growth->rows[count++] = growth->rows[i];
	growth->count = count;
}

int growth_fill(struct growth *growth, const struct grouping *before, const struct grouping *after)
{
	*growth = (struct growth){.total = {before->total, after->total}};
	growth->rows = calloc(before->count + after->count + 1, sizeof(*growth->rows));
	if (!growth->rows)
		return -ENOMEM;
	collect(growth, before, after);
	merge(growth);
	drop_unchanged(growth);
	qsort(growth->rows, growth->count, sizeof(*growth->rows), compare_changes);
	return 0;
}

void growth_free(struct growth *growth)
{
	free(growth->rows);
	*growth = (struct growth){0};
}
