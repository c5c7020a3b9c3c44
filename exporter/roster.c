/*
 * Locks: its own, and nothing inside it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/roster.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct roster {
	pthread_mutex_t lock;
	struct roster_copy now; /* guarded by lock */
};

struct roster *roster_new(void)
{
	struct roster *const roster = calloc(1, sizeof(*roster));

	if (roster)
		pthread_mutex_init(&roster->lock, NULL);
	return roster;
}

void roster_free(struct roster *roster)
{
	if (!roster)
		return;
	roster_copy_fini(&roster->now);
	pthread_mutex_destroy(&roster->lock);
	free(roster);
}

static void process_fini(struct roster_process *process)
{
	free(process->path);
	free(process->service);
}

/* Where a new process of the service goes: before the others of it. */
static size_t position(const struct roster_copy *copy, const char *service)
{
	size_t i = 0;

	while (i < copy->process_count && strcmp(copy->processes[i].service, service) < 0)
		i++;
	return i;
}

static int insert(struct roster_copy *copy, size_t at, const struct roster_process *from)
{
	struct roster_process *const bigger =
		reallocarray(copy->processes, copy->process_count + 1, sizeof(*bigger));
	struct roster_process process = {.pid = from->pid};

	if (!bigger)
		return -ENOMEM;
	copy->processes = bigger;
	process.path = strdup(from->path);
	process.service = strdup(from->service);
	if (!process.path || !process.service) {
		process_fini(&process);
		return -ENOMEM;
	}
	memmove(&bigger[at + 1], &bigger[at], (copy->process_count - at) * sizeof(*bigger));
	bigger[at] = process;
	copy->process_count++;
	return 0;
}

void roster_add(struct roster *roster, const char *path, const char *service, pid_t pid)
{
	const struct roster_process process = {(char *)path, (char *)service, pid};

	pthread_mutex_lock(&roster->lock);
	insert(&roster->now, position(&roster->now, service), &process);
	pthread_mutex_unlock(&roster->lock);
}

void roster_remove(struct roster *roster, const char *path)
{
	struct roster_copy *const now = &roster->now;

	pthread_mutex_lock(&roster->lock);
	for (size_t i = 0; i < now->process_count; i++) {
		if (strcmp(now->processes[i].path, path) != 0)
			continue;
		process_fini(&now->processes[i]);
		memmove(&now->processes[i], &now->processes[i + 1],
			(--now->process_count - i) * sizeof(now->processes[0]));
		break;
	}
	pthread_mutex_unlock(&roster->lock);
}

static int copy_sinks(struct roster_copy *copy, const struct roster_sink *sinks, size_t count)
{
	struct roster_sink *const own = reallocarray(copy->sinks, count + 1, sizeof(*own));

	if (!own)
		return -ENOMEM;
	if (count > 0)
		memcpy(own, sinks, count * sizeof(*own));
	copy->sinks = own;
	copy->sink_count = count;
	return 0;
}

void roster_set_sinks(struct roster *roster, const struct roster_sink *sinks, size_t count)
{
	pthread_mutex_lock(&roster->lock);
	copy_sinks(&roster->now, sinks, count);
	pthread_mutex_unlock(&roster->lock);
}

int roster_take(struct roster *roster, struct roster_copy *copy)
{
	const struct roster_copy *const now = &roster->now;
	int status;

	*copy = (struct roster_copy){0};
	pthread_mutex_lock(&roster->lock);
	status = copy_sinks(copy, now->sinks, now->sink_count);
	for (size_t i = 0; i < now->process_count && status == 0; i++)
		status = insert(copy, i, &now->processes[i]);
	pthread_mutex_unlock(&roster->lock);
	if (status < 0)
		roster_copy_fini(copy);
	return status;
}

void roster_copy_fini(struct roster_copy *copy)
{
	for (size_t i = 0; i < copy->process_count; i++)
		process_fini(&copy->processes[i]);
	free(copy->processes);
	free(copy->sinks);
	*copy = (struct roster_copy){0};
}
