/*
 * The processes of one `heaptide run`.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/run_family.h"

#include <stdlib.h>
#include <string.h>

#include "exporter/log.h"

/* Another member must have allocated this many times as much as the program to
 * take its place in the verdict. */
#define FAR_MORE 10

/* Names of segments hold their time of birth in whole ms. */
#define NS_PER_MS 1000000

/* A snapshot of the segment if it is the family's, else NULL. */
static struct snapshot *take_if_member(const struct run_family *family, const struct target *target)
{
	char error[SNAPSHOT_ERROR_SIZE];
	struct snapshot *snapshot;

	if (target->created_ns + NS_PER_MS < family->started_ns ||
	    snapshot_take(target->path, &snapshot, error) != 0)
		return NULL;
	if (strcmp(snapshot->run_id, family->run_id) == 0)
		return snapshot;
	snapshot_free(snapshot);
	return NULL;
}

static int compare_allocated(const void *one, const void *other)
{
	const struct run_member *a = one, *b = other;

	return (a->allocated.bytes < b->allocated.bytes) -
	       (a->allocated.bytes > b->allocated.bytes);
}

int run_family_list(const struct run_family *family, struct run_member **members, size_t *count)
{
	struct target *targets;
	size_t target_count;
	const int status = targets_list(family->options, &targets, &target_count);

	*count = 0;
	*members = NULL;
	if (status != 0)
		return status;
	*members = calloc(target_count ? target_count : 1, sizeof(**members));
	for (size_t i = 0; *members && i < target_count; i++) {
		struct snapshot *snapshot = take_if_member(family, &targets[i]);
		struct run_member *member = *members + *count;

		if (!snapshot)
			continue;
		member->target = targets[i];
		memcpy(member->command, snapshot->command, sizeof(member->command));
		member->allocated = snapshot->allocated;
		member->live = snapshot->live;
		member->peak = snapshot->peak;
		snapshot_free(snapshot);
		(*count)++;
	}
	free(targets);
	if (!*members)
		return log_failure("out of memory");
	qsort(*members, *count, sizeof(**members), compare_allocated);
	return 0;
}

const struct run_member *run_family_main(const struct run_family *family,
					 const struct run_member *members, size_t count)
{
	/* The largest comes first; exec may have left several of the program. */
	for (size_t i = 0; i < count; i++)
		if (members[i].target.pid == family->program &&
		    members[i].allocated.bytes >= members[0].allocated.bytes / FAR_MORE)
			return &members[i];
	return count ? &members[0] : NULL;
}

struct snapshot *run_family_present(const struct run_family *family)
{
	struct snapshot *present = NULL;
	struct target *targets;
	size_t count;

	if (targets_list(family->options, &targets, &count) != 0)
		return NULL;
	for (size_t i = 0; i < count && !present; i++)
		if (targets[i].alive && targets[i].pid == family->program)
			present = take_if_member(family, &targets[i]);
	for (size_t i = 0; i < count && !present; i++)
		if (targets[i].alive)
			present = take_if_member(family, &targets[i]);
	free(targets);
	return present;
}
