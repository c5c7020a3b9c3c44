/*
 * Context: the agent's main thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/sink_set.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/folder.h"
#include "exporter/history_sink.h"
#include "exporter/log.h"
#include "exporter/otlp.h"
#include "exporter/parca.h"
#include "exporter/pyroscope.h"

/* Which driver a kind of destination has. */
struct kind {
	const struct sink_driver *driver;
	int (*open)(const struct destination *destination, void **context);
};

static const struct kind kinds[DESTINATION_KINDS] = {
	[DESTINATION_PUSH] = {&pyroscope_driver, pyroscope_open},
	[DESTINATION_INGEST] = {&pyroscope_driver, pyroscope_open},
	[DESTINATION_OTLP] = {&otlp_driver, otlp_open},
	[DESTINATION_PARCA] = {&parca_driver, parca_open},
	[DESTINATION_DIRECTORY] = {&folder_driver, folder_open},
	[DESTINATION_HISTORY] = {&history_sink_driver, history_sink_open},
};

/* ---- what is owed ---- */

static char *leftover_name(const char *sink, const char *series)
{
	char *name = NULL;

	return asprintf(&name, "owed-%s-%s", sink, series) < 0 ? NULL : name;
}

/* The allocated bytes, then the profile. */
static void save_leftover(void *context, const char *sink, const struct job *job)
{
	struct state *const state = context;
	char *const name = leftover_name(sink, job->series);
	const size_t size = sizeof(job->alloc_bytes) + job->pprof_size;
	uint8_t *const bytes = malloc(size);

	if (name && bytes) {
		memcpy(bytes, &job->alloc_bytes, sizeof(job->alloc_bytes));
		memcpy(bytes + sizeof(job->alloc_bytes), job->pprof, job->pprof_size);
		state_put(state, name, bytes, size);
	}
	free(bytes);
	free(name);
}

static void restore(struct sink_set *set, struct sink *sink, struct job *job)
{
	char *const name = leftover_name(sink_name(sink), job->series);
	uint8_t *bytes = NULL;
	size_t size;

	if (name && state_get(set->state, name, &bytes, &size) == 0) {
		state_remove(set->state, name);
		if (size > sizeof(job->alloc_bytes)) {
			memcpy(&job->alloc_bytes, bytes, sizeof(job->alloc_bytes));
			job->pprof_size = size - sizeof(job->alloc_bytes);
			memmove(bytes, bytes + sizeof(job->alloc_bytes), job->pprof_size);
			job->pprof = bytes;
			bytes = NULL;
			sink_add_leftover(sink, job);
		}
	}
	free(bytes);
	free(name);
}

void sink_set_restore(struct sink_set *set, const struct labels *labels)
{
	for (size_t i = 0; i < set->count; i++) {
		struct job *const job = job_new(labels);

		if (job)
			restore(set, set->entries[i].sink, job);
		job_unref(job);
	}
}

/* ---- changing ---- */

static void free_entry(struct sink_set *set, struct sink_set_entry *entry)
{
	sink_free(entry->sink, save_leftover, set->state);
	destination_fini(&entry->destination);
}

/* The sink of an equal destination moves to the new set; NULL: there is none. */
static struct sink *take_equal(struct sink_set *set, const struct destination *destination)
{
	for (size_t i = 0; i < set->count; i++) {
		struct sink *const sink = set->entries[i].sink;

		if (sink && destination_is_equal(&set->entries[i].destination, destination)) {
			set->entries[i].sink = NULL;
			return sink;
		}
	}
	return NULL;
}

static int start(const struct sink_set *set, struct sink_set_entry *entry)
{
	const struct kind *const kind = &kinds[entry->destination.kind];
	char *const name = destination_name(&entry->destination);
	void *context = NULL;
	int status = name ? kind->open(&entry->destination, &context) : -ENOMEM;

	if (status == 0) {
		entry->sink = sink_new(name, kind->driver, context, &entry->destination.limits,
				       set->done_fd);
		status = entry->sink ? 0 : -ENOMEM;
	}
	if (status < 0)
		log_failure("cannot use %s: %s", name ? name : "a sink", strerror(-status));
	free(name);
	return status;
}

/* Closes what no destination asked for any more. */
static void close_rest(struct sink_set *set, uint64_t deadline_ns)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->entries[i].sink)
			sink_close(set->entries[i].sink, deadline_ns);
	for (size_t i = 0; i < set->count; i++) {
		if (set->entries[i].sink)
			free_entry(set, &set->entries[i]);
		else
			destination_fini(&set->entries[i].destination);
	}
	free(set->entries);
	set->entries = NULL;
	set->count = 0;
}

int sink_set_configure(struct sink_set *set, const struct destination *destinations, size_t count,
		       uint64_t deadline_ns)
{
	struct sink_set_entry *const entries = calloc(count + 1, sizeof(*entries));
	size_t started = 0;
	int status = entries ? 0 : -ENOMEM;

	for (size_t i = 0; i < count && status == 0; i++) {
		struct sink_set_entry *const entry = &entries[started];

		status = destination_copy(&entry->destination, &destinations[i]);
		if (status < 0)
			break;
		entry->sink = take_equal(set, &destinations[i]);
		if (!entry->sink && start(set, entry) < 0)
			destination_fini(&entry->destination);
		else
			started++;
	}
	if (status < 0)
		return log_failure("out of memory");
	close_rest(set, deadline_ns);
	set->entries = entries;
	set->count = started;
	return started == count ? 0 : STATUS_FAILED;
}

void sink_set_offer(struct sink_set *set, struct job *job)
{
	for (size_t i = 0; i < set->count; i++)
		sink_offer(set->entries[i].sink, job);
}

void sink_set_close(struct sink_set *set, uint64_t deadline_ns)
{
	close_rest(set, deadline_ns);
}
