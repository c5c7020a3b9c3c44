/*
 * The allocations of jobs that were dropped, one sum for each series, waiting
 * for the next job of the series to take them along: what a server could not be
 * told in time it is told late, and totals stay right.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_LEFTOVERS_H
#define EXPORTER_LEFTOVERS_H

#include "exporter/job.h"

struct leftovers {
	size_t bytes_max;
	struct job **jobs; /* the oldest first */
	size_t count, bytes;
};

/* Adds the allocations of a job. Returns the allocated bytes that are lost by it:
 * when memory is short, or because of `bytes_max`, by which the oldest go. */
uint64_t leftovers_add(struct leftovers *leftovers, const struct job *job);

/*
 * The job together with what was left over from its series, which is taken, or
 * the same job. Takes the reference and gives one. When that cannot be done, the
 * leftovers stay.
 */
struct job *leftovers_join(struct leftovers *leftovers, struct job *job);

/* Calls visit() for each sum and forgets it. */
void leftovers_drain(struct leftovers *leftovers,
		     void (*visit)(void *context, const struct job *job), void *context);

#endif
