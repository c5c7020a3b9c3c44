/*
 * Context: the thread of the sink that owns them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/leftovers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/profile_fit.h"
#include "exporter/pprof_read.h"

static size_t find(const struct leftovers *leftovers, const char *series)
{
	size_t i = 0;

	while (i < leftovers->count && strcmp(leftovers->jobs[i]->series, series) != 0)
		i++;
	return i;
}

static struct job *take(struct leftovers *leftovers, size_t position)
{
	struct job *const job = leftovers->jobs[position];

	leftovers->bytes -= job->pprof_size;
	leftovers->count--;
	memmove(&leftovers->jobs[position], &leftovers->jobs[position + 1],
		(leftovers->count - position) * sizeof(*leftovers->jobs));
	return job;
}

/* Takes the reference. */
static int append(struct leftovers *leftovers, struct job *job)
{
	struct job **const jobs =
		reallocarray(leftovers->jobs, leftovers->count + 1, sizeof(*leftovers->jobs));

	if (!jobs) {
		job_unref(job);
		return -ENOMEM;
	}
	leftovers->jobs = jobs;
	jobs[leftovers->count++] = job;
	leftovers->bytes += job->pprof_size;
	return 0;
}

/* Sets the profile of `to` to the allocations of `older` (or NULL) and the
 * amounts of `newer`, whose live amounts count only with `inuse`. */
static int add_up(struct job *to, const struct job *older, const struct job *newer, bool inuse)
{
	struct profile_sum *const sum = profile_sum_new();
	int status = sum ? 0 : -ENOMEM;

	if (status == 0)
		status = pprof_read(newer->pprof, newer->pprof_size, inuse, sum, NULL);
	if (status == 0 && older)
		status = pprof_read(older->pprof, older->pprof_size, false, sum, NULL);
	if (status == 0)
		status = profile_fit_encode(sum, newer->time_ns, newer->duration_ns, &to->pprof,
					    &to->pprof_size);
	profile_sum_free(sum);
	if (status < 0)
		return status;
	to->alloc_bytes = newer->alloc_bytes + (older ? older->alloc_bytes : 0);
	to->time_ns = newer->time_ns;
	to->duration_ns = newer->duration_ns;
	return 0;
}

uint64_t leftovers_add(struct leftovers *leftovers, const struct job *job)
{
	const size_t known = find(leftovers, job->series);
	struct job *const older = known < leftovers->count ? leftovers->jobs[known] : NULL;
	struct job *const sum = job_new(&job->labels);
	uint64_t lost = 0;

	if (!sum || add_up(sum, older, job, false) < 0) {
		job_unref(sum);
		return job->alloc_bytes;
	}
	if (older)
		job_unref(take(leftovers, known));
	if (append(leftovers, sum) < 0)
		return job->alloc_bytes;
	while (leftovers->bytes > leftovers->bytes_max && leftovers->count > 0) {
		struct job *const oldest = take(leftovers, 0);

		lost += oldest->alloc_bytes;
		job_unref(oldest);
	}
	return lost;
}

struct job *leftovers_join(struct leftovers *leftovers, struct job *job)
{
	const size_t known = find(leftovers, job->series);
	struct job *joined;

	if (known == leftovers->count)
		return job;
	joined = job_new(&job->labels);
	if (joined)
		joined->processes = calloc(job->process_count + 1, sizeof(*joined->processes));
	if (!joined || !joined->processes ||
	    add_up(joined, leftovers->jobs[known], job, true) < 0) {
		job_unref(joined);
		return job;
	}
	joined->process_count = job->process_count;
	if (job->process_count > 0)
		memcpy(joined->processes, job->processes,
		       job->process_count * sizeof(*joined->processes));
	job_unref(take(leftovers, known));
	job_unref(job);
	return joined;
}

void leftovers_drain(struct leftovers *leftovers,
		     void (*visit)(void *context, const struct job *job), void *context)
{
	while (leftovers->count > 0) {
		struct job *const job = take(leftovers, 0);

		visit(context, job);
		job_unref(job);
	}
	free(leftovers->jobs);
	leftovers->jobs = NULL;
}
