/*
 * Context: the agent's main thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/farewells.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exporter/log.h"

/* Those whose last amounts are in one job, so that it has one reference here. */
struct farewell {
	struct member *members;
	struct job *job;
	struct farewell *next;
};

static struct farewell *find(const struct farewells *farewells, const struct job *job)
{
	struct farewell *farewell = farewells->first;

	while (farewell && farewell->job != job)
		farewell = farewell->next;
	return farewell;
}

void farewells_add(struct farewells *farewells, struct member *member, struct job *job)
{
	struct farewell *farewell = find(farewells, job);

	if (!farewell) {
		farewell = calloc(1, sizeof(*farewell));
		if (!farewell) {
			member_free(member);
			return;
		}
		farewell->job = job ? job_ref(job) : NULL;
		farewell->next = farewells->first;
		farewells->first = farewell;
	}
	member->next = farewell->members;
	farewell->members = member;
}

bool farewells_have(const struct farewells *farewells, const char *path)
{
	for (const struct farewell *farewell = farewells->first; farewell;
	     farewell = farewell->next)
		for (const struct member *member = farewell->members; member; member = member->next)
			if (strcmp(member->path, path) == 0)
				return true;
	return false;
}

static void bury(const struct member *member, struct state *state, bool keeps_all)
{
	const bool keep = keeps_all || member->is_of_run;

	member_forget(member, state, keep);
	if (!keep && unlink(member->path) != 0 && errno != ENOENT)
		log_failure("cannot remove %s: %s", member->path, strerror(errno));
}

static void release(struct farewell *farewell)
{
	while (farewell->members) {
		struct member *const member = farewell->members;

		farewell->members = member->next;
		member_free(member);
	}
	job_unref(farewell->job);
	free(farewell);
}

void farewells_bury(struct farewells *farewells, struct state *state, bool keep)
{
	for (struct farewell **link = &farewells->first; *link;) {
		struct farewell *const farewell = *link;

		if (farewell->job && !job_is_done(farewell->job)) {
			link = &farewell->next;
			continue;
		}
		*link = farewell->next;
		for (const struct member *member = farewell->members; member; member = member->next)
			bury(member, state, keep);
		release(farewell);
	}
}

void farewells_fini(struct farewells *farewells)
{
	while (farewells->first) {
		struct farewell *const farewell = farewells->first;

		farewells->first = farewell->next;
		release(farewell);
	}
}
