/*
 * Context: the agent's main thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/member.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "exporter/profile.h"
#include "leakcheck/coverage.h"

/* Names in the state: what they are about, then the segment's file name. */
#define STATE_NAME_SIZE 320

static void state_name(const struct member *member, const char *about, char *name)
{
	snprintf(name, STATE_NAME_SIZE, "%s-%s", about, member->file);
}

/* ---- life ---- */

static bool is_done(const struct member *member, struct state *state)
{
	char name[STATE_NAME_SIZE];
	uint8_t *bytes;
	size_t size;

	state_name(member, "done", name);
	if (state_get(state, name, &bytes, &size) != 0)
		return false;
	free(bytes);
	return true;
}

static void load_baseline(struct member *member, struct state *state)
{
	char name[STATE_NAME_SIZE];
	uint8_t *bytes;
	size_t size;

	state_name(member, "baseline", name);
	if (state_get(state, name, &bytes, &size) != 0)
		return;
	/* Without it, all that was ever allocated would be sent again. */
	delta_baseline_unpack(&member->baseline, bytes, size);
	for (size_t i = 0; i < member->baseline.count; i++)
		member->allocated_bytes += member->baseline.sums[i].bytes;
	free(bytes);
}

/* The environment of a process that has ended is gone, but may have been noted. */
static bool load_labels(struct member *member, struct state *state)
{
	char name[STATE_NAME_SIZE];
	uint8_t *bytes;
	size_t size;

	state_name(member, "labels", name);
	if (member->watch.was_seen || state_get(state, name, &bytes, &size) != 0)
		return false;
	labels_unpack(&member->labels, bytes, size);
	free(bytes);
	return member->labels.count > 0;
}

static void save_labels(const struct member *member, struct state *state)
{
	char name[STATE_NAME_SIZE];
	uint8_t *bytes;
	size_t size;

	state_name(member, "labels", name);
	if (labels_pack(&member->labels, &bytes, &size) != 0)
		return;
	state_put(state, name, bytes, size);
	free(bytes);
}

static int init(struct member *member, const struct target *target,
		const struct service_options *options, struct state *state)
{
	const char *slash;
	int status;

	process_watch_open(&member->watch, target->alive ? target->pid : 0);
	member->path = strdup(target->path);
	if (!member->path)
		return -ENOMEM;
	slash = strrchr(member->path, '/');
	member->file = slash ? slash + 1 : member->path;
	member->is_ignored = is_done(member, state);
	load_baseline(member, state);
	if (load_labels(member, state))
		return 0;
	status = service_labels(options, member->watch.pid, target->command, &member->labels);
	if (status == 0)
		save_labels(member, state);
	return status;
}

struct member *member_new(const struct target *target, const struct service_options *options,
			  struct state *state)
{
	struct member *const member = calloc(1, sizeof(*member));

	if (!member)
		return NULL;
	if (init(member, target, options, state) == 0)
		return member;
	member_free(member);
	return NULL;
}

void member_free(struct member *member)
{
	process_watch_close(&member->watch);
	labels_fini(&member->labels);
	delta_baseline_fini(&member->baseline);
	free(member->path);
	free(member);
}

/* ---- looking ---- */

static uint64_t own_bytes(const struct snapshot *snapshot)
{
	return snapshot->used_bytes + snapshot->counters[SEGMENT_COUNTER_private_bytes];
}

static void fill_figures(struct member *member, const struct snapshot *snapshot,
			 struct process_figures *figures)
{
	const uint64_t before =
		member->looked_ns ? member->looked_ns : snapshot->start_monotonic_ns;
	const uint64_t now = snapshot->taken_monotonic_ns;
	const uint64_t allocated = snapshot->allocated.bytes;

	*figures = (struct process_figures){
		.pid = (pid_t)snapshot->pid,
		.end = member->end,
		.time_ns = snapshot->taken_realtime_ns,
		.interval_ns = now > before ? now - before : 0,
		.live_bytes = snapshot->live.bytes,
		.live_objects = snapshot->live.objects,
		.peak_bytes = snapshot->peak_bytes,
		.allocated_bytes = allocated,
		.fresh_bytes = allocated > member->allocated_bytes
				       ? allocated - member->allocated_bytes
				       : 0,
		.samples = snapshot->counters[SEGMENT_COUNTER_samples],
		.drops = coverage_dropped_samples(snapshot),
		.sampling_interval = snapshot->interval,
		.own_cpu_ns = snapshot->counters[SEGMENT_COUNTER_own_cpu_ns],
		.own_bytes = own_bytes(snapshot),
	};
	snprintf(figures->command, sizeof(figures->command), "%s", snapshot->command);
	snprintf(figures->segment, sizeof(figures->segment), "%s", member->file);
	if (!member->has_ended)
		process_watch_memory(&member->watch, &figures->rss_bytes, &figures->pss_bytes,
				     &figures->swap_bytes);
	member->allocated_bytes = allocated;
	member->looked_ns = now;
}

/* Stacks that have nothing to say need no names. */
static void drop_empty_stacks(struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->stack_count; i++) {
		struct snapshot_stack *const stack = &snapshot->stacks[i];

		if (stack->allocated.samples == 0 && stack->live.samples == 0) {
			stack->depth = 0;
			stack->flags = 0;
		}
	}
}

static void save_baseline(const struct member *member, struct state *state)
{
	char name[STATE_NAME_SIZE];
	uint8_t *bytes;
	size_t size;

	state_name(member, "baseline", name);
	if (delta_baseline_pack(&member->baseline, &bytes, &size) != 0)
		return;
	state_put(state, name, bytes, size);
	free(bytes);
}

static int add_to_sum(struct member *member, const struct member_look *look,
		      struct snapshot *snapshot, struct profile_sum *sum)
{
	const struct profile_options options = {.cache = look->cache};
	struct profile *profile = NULL;
	int status = delta_apply(&member->baseline, snapshot);

	if (status < 0)
		return status;
	drop_empty_stacks(snapshot);
	status = profile_new(snapshot, &options, &profile);
	if (status == 0)
		status = profile_sum_add(sum, profile);
	profile_free(profile);
	save_baseline(member, look->state);
	return status;
}

int member_look(struct member *member, const struct member_look *look, struct profile_sum *sum,
		struct process_figures *figures)
{
	char error[SNAPSHOT_ERROR_SIZE];
	struct snapshot *snapshot;
	int status = snapshot_take(member->path, &snapshot, error);

	if (status < 0)
		return status;
	if (*look->run_id && strcmp(look->run_id, snapshot->run_id) != 0) {
		snapshot_free(snapshot);
		return -EXDEV;
	}
	member->is_of_run = *snapshot->run_id != '\0';
	/* A signal that nobody saw and exit handlers that ran: it was an exit. */
	if (member->has_ended && member->end == PROCESS_ABRUPT && snapshot->ended)
		member->end = PROCESS_EXITED;
	fill_figures(member, snapshot, figures);
	status = add_to_sum(member, look, snapshot, sum);
	snapshot_free(snapshot);
	return status;
}

void member_end(struct member *member)
{
	member->has_ended = true;
	/* A process that still runs has become another image; of one that was never
	 * seen running nobody knows. The kernel forgets how a process ended as soon
	 * as nobody holds on to it. */
	if (member->watch.was_seen && process_watch_has_ended(&member->watch))
		member->end = process_watch_end(&member->watch);
	else
		member->end = PROCESS_EXITED;
}

void member_forget(const struct member *member, struct state *state, bool keep)
{
	char name[STATE_NAME_SIZE];

	state_name(member, "baseline", name);
	state_remove(state, name);
	state_name(member, "labels", name);
	state_remove(state, name);
	state_name(member, "done", name);
	if (keep)
		state_put(state, name, (const uint8_t *)"", 0);
	else
		state_remove(state, name);
}
