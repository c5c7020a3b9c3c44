/*
 * Who is behind a function that allocates on behalf of others: the callers that
 * most of its amount came through. "xmalloc" says little, "xmalloc, mostly from
 * read_config" says where to look.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LEAKCHECK_CALLERS_H
#define LEAKCHECK_CALLERS_H

#include "leakcheck/grouping.h"

#define CALLERS_MAX 8

struct callers {
	uint32_t ids[CALLERS_MAX]; /* nearest first */
	uint32_t count;
};

/*
 * Follows the stacks that end in `id` outwards as long as more than half of
 * the bytes that `id` allocated directly pass through one caller, and at most
 * `limit` (up to CALLERS_MAX) steps. 0 or -ENOMEM.
 */
int callers_find(struct callers *callers, const struct view *view,
		 const struct grouping_names *names, uint32_t id, uint32_t limit);

#endif
