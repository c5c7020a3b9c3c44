/*
 * Jobs that wait for a sink, the oldest first, bounded in number for each series
 * and in bytes for all.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_QUEUE_H
#define EXPORTER_QUEUE_H

#include "exporter/job.h"

struct queue_entry;

struct queue {
	size_t jobs_max;  /* of one series */
	size_t bytes_max; /* of all */
	struct queue_entry *first, **last;
	size_t jobs, bytes;
};

void queue_init(struct queue *queue, size_t jobs_max, size_t bytes_max);

/*
 * Takes out a job that must go before `incoming` can come: the oldest of its series
 * if that has its number, else the oldest of all if there are too many bytes.
 * NULL when there is room. The caller gets the queue's reference.
 */
struct job *queue_make_room(struct queue *queue, const struct job *incoming);

/* Appends the job, with a reference of its own. 0 or -ENOMEM. */
int queue_push(struct queue *queue, struct job *job);

/* Takes out the oldest job and its reference; NULL when there is none. */
struct job *queue_pop(struct queue *queue);

#endif
