/*
 * Context: under the lock of the sink that owns the queue.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct queue_entry {
	struct job *job;
	struct queue_entry *next;
};

void queue_init(struct queue *queue, size_t jobs_max, size_t bytes_max)
{
	*queue = (struct queue){.jobs_max = jobs_max, .bytes_max = bytes_max};
	queue->last = &queue->first;
}

static struct job *take(struct queue *queue, struct queue_entry **link)
{
	struct queue_entry *const entry = *link;
	struct job *const job = entry->job;

	*link = entry->next;
	if (!entry->next)
		queue->last = link;
	queue->jobs--;
	queue->bytes -= job->pprof_size;
	free(entry);
	return job;
}

struct job *queue_make_room(struct queue *queue, const struct job *incoming)
{
	struct queue_entry **oldest = NULL;
	size_t count = 0;

	for (struct queue_entry **link = &queue->first; *link; link = &(*link)->next) {
		if (strcmp((*link)->job->series, incoming->series) != 0)
			continue;
		if (!oldest)
			oldest = link;
		count++;
	}
	if (oldest && count >= queue->jobs_max)
		return take(queue, oldest);
	if (queue->first && queue->bytes + incoming->pprof_size > queue->bytes_max)
		return take(queue, &queue->first);
	return NULL;
}

int queue_push(struct queue *queue, struct job *job)
{
	struct queue_entry *const entry = malloc(sizeof(*entry));

	if (!entry)
		return -ENOMEM;
	*entry = (struct queue_entry){.job = job_ref(job)};
	*queue->last = entry;
	queue->last = &entry->next;
	queue->jobs++;
	queue->bytes += job->pprof_size;
	return 0;
}

struct job *queue_pop(struct queue *queue)
{
	return queue->first ? take(queue, &queue->first) : NULL;
}
