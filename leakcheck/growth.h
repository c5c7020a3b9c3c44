/*
 * What has changed between two groupings of the same names, and how sure that is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LEAKCHECK_GROWTH_H
#define LEAKCHECK_GROWTH_H

#include "leakcheck/grouping.h"

struct growth_amount {
	struct snapshot_amount before, after;
};

struct growth_row {
	uint32_t key; /* of the groupings */
	struct growth_amount flat, cumulative;
};

struct growth {
	struct growth_row *rows; /* largest flat change of bytes, up or down, first */
	size_t count;
	struct growth_amount total;
};

enum growth_certainty {
	GROWTH_WITHIN_ERROR, /* may well be none */
	GROWTH_LIKELY,	     /* one in 20 such changes comes about by chance */
	GROWTH_SURE,	     /* one in 1000; or nothing was estimated */
};

/* Rows that have not changed at all are left out. 0 or -ENOMEM; release with
 * growth_free(). */
int growth_fill(struct growth *growth, const struct grouping *before, const struct grouping *after);
void growth_free(struct growth *growth);

/* The change of bytes and of objects. */
double growth_bytes(const struct growth_amount *amount);
double growth_objects(const struct growth_amount *amount);

/*
 * Half the width of the 95 % confidence interval of the change of bytes. Both
 * variances count: too much where the same blocks are in both amounts.
 */
double growth_bytes_error(const struct growth_amount *amount);
enum growth_certainty growth_certainty(const struct growth_amount *amount);

#endif
