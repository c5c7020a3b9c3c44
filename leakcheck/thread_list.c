/*
 * Charges the live blocks to the threads that allocated them.
 *
 * Context: pure functions.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "leakcheck/thread_list.h"

#include <errno.h>
#include <stdlib.h>

#include "leakcheck/amount.h"

static int compare_rows(const void *left, const void *right)
{
	const struct thread_row *a = left, *b = right;
	int order = amount_compare(&a->inuse, &b->inuse);

	if (order == 0)
		order = amount_compare(&a->allocated, &b->allocated);
	return order ? order : (a->thread > b->thread) - (a->thread < b->thread);
}

static struct snapshot_amount thread_allocated(const struct snapshot_thread *thread)
{
	struct amount_sum sum = {0};

	amount_add_group(&sum, thread->samples, thread->bytes, thread->objects);
	return amount_round(&sum);
}

int thread_list_fill(struct thread_list *list, const struct snapshot *snapshot,
		     const bool *selected)
{
	struct amount_sum *inuse = calloc(snapshot->thread_count + 1, sizeof(*inuse));
	size_t i;

	*list = (struct thread_list){0};
	list->rows = calloc(snapshot->thread_count + 1, sizeof(*list->rows));
	if (!inuse || !list->rows) {
		free(inuse);
		thread_list_free(list);
		return -ENOMEM;
	}
	for (i = 0; i < snapshot->block_count; i++) {
		const struct snapshot_block *block = &snapshot->blocks[i];

		if (!selected || selected[block->stack])
			amount_add_block(&inuse[block->thread], block);
	}
	for (i = 0; i < snapshot->thread_count; i++) {
		struct thread_row row = {
			.thread = (uint32_t)i,
			.inuse = amount_round(&inuse[i]),
			.allocated = thread_allocated(&snapshot->threads[i]),
		};

		if (row.inuse.samples || (!selected && row.allocated.samples))
			list->rows[list->count++] = row;
	}
	qsort(list->rows, list->count, sizeof(*list->rows), compare_rows);
	free(inuse);
	return 0;
}

void thread_list_free(struct thread_list *list)
{
	free(list->rows);
	*list = (struct thread_list){0};
}
