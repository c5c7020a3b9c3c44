/*
 * Context: the agent's main thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/series.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "exporter/profile_fit.h"

struct series *series_new(const char *name, const struct labels *labels)
{
	struct series *const series = calloc(1, sizeof(*series));

	if (!series)
		return NULL;
	series->name = strdup(name);
	if (series->name && labels_merge(&series->labels, labels) == 0)
		return series;
	series_free(series);
	return NULL;
}

void series_free(struct series *series)
{
	labels_fini(&series->labels);
	free(series->name);
	free(series);
}

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* How long it took since the job before; for the first one, the longest of its
 * processes' intervals. */
static uint64_t duration(const struct series *series, const struct process_figures *figures,
			 size_t count)
{
	uint64_t longest = 0;

	if (series->last_ns)
		return monotonic_ns() - series->last_ns;
	for (size_t i = 0; i < count; i++)
		if (figures[i].interval_ns > longest)
			longest = figures[i].interval_ns;
	return longest;
}

static bool fill(struct job *job, struct profile_sum *sum, const struct process_figures *figures,
		 size_t count)
{
	const struct snapshot *const snapshot = profile_sum_snapshot(sum);

	job->is_empty = snapshot->allocated.objects == 0 && snapshot->allocated.bytes == 0 &&
			snapshot->live.objects == 0 && snapshot->live.bytes == 0;
	job->alloc_bytes = snapshot->allocated.bytes;
	job->processes = calloc(count + 1, sizeof(*job->processes));
	if (!job->processes)
		return false;
	if (count > 0)
		memcpy(job->processes, figures, count * sizeof(*figures));
	job->process_count = count;
	return profile_fit_encode(sum, job->time_ns, job->duration_ns, &job->pprof,
				  &job->pprof_size) == 0;
}

struct job *series_make_job(struct series *series, struct profile_sum *sum, const char *end,
			    const struct process_figures *figures, size_t count)
{
	struct labels labels = {0};
	struct job *job = NULL;
	uint64_t time_ns = profile_sum_snapshot(sum)->taken_realtime_ns;

	if (time_ns <= series->last_time_ns)
		time_ns = series->last_time_ns + 1;
	if (labels_merge(&labels, &series->labels) == 0 &&
	    (!end || labels_set(&labels, "end", end) == 0))
		job = job_new(&labels);
	labels_fini(&labels);
	if (!job)
		return NULL;
	job->time_ns = time_ns;
	job->duration_ns = duration(series, figures, count);
	if (!fill(job, sum, figures, count)) {
		job_unref(job);
		return NULL;
	}
	series->last_time_ns = time_ns;
	if (!end)
		series->last_ns = monotonic_ns();
	return job;
}
