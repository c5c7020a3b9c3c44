/*
 * Context: any thread. A job does not change once it has been offered to a
 * sink, so only the count of its references is shared.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/job.h"

#include <stdlib.h>

struct job *job_new(const struct labels *labels)
{
	struct job *const job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	atomic_init(&job->references, 1);
	if (labels_merge(&job->labels, labels) == 0)
		job->series = labels_format(&job->labels);
	if (job->series)
		return job;
	job_unref(job);
	return NULL;
}

struct job *job_ref(struct job *job)
{
	atomic_fetch_add_explicit(&job->references, 1, memory_order_relaxed);
	return job;
}

void job_unref(struct job *job)
{
	if (!job || atomic_fetch_sub(&job->references, 1) != 1)
		return;
	labels_fini(&job->labels);
	free(job->series);
	free(job->pprof);
	free(job->processes);
	free(job);
}

bool job_is_done(const struct job *job)
{
	/* Pairs with the decrement in job_unref(). */
	return atomic_load(&job->references) == 1;
}
