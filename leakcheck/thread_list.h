/*
 * Threads by what they allocated and what of it is still in use.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LEAKCHECK_THREAD_LIST_H
#define LEAKCHECK_THREAD_LIST_H

#include <stdbool.h>

#include "sampler/snapshot.h"

struct thread_row {
	uint32_t thread;	      /* index into the snapshot's threads */
	struct snapshot_amount inuse; /* its blocks, whoever may free them */
	struct snapshot_amount allocated;
};

struct thread_list {
	struct thread_row *rows; /* most in use first; threads with nothing are left out */
	size_t count;
};

/*
 * The threads of the selected stacks (one bool each; NULL: all). Allocations are
 * recorded per thread for all stacks together, so `allocated` ignores the
 * selection, and a selection has only threads with something in use. 0 or
 * -ENOMEM; release with thread_list_free().
 */
int thread_list_fill(struct thread_list *list, const struct snapshot *snapshot,
		     const bool *selected);
void thread_list_free(struct thread_list *list);

#endif
