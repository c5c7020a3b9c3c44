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

struct farewell {
	struct member *member;
	struct job *job;
	struct farewell *next;
};

void farewells_add(struct farewells *farewells, struct member *member, struct job *job)
{
	struct farewell *const farewell = calloc(1, sizeof(*farewell));

	if (!farewell) {
		member_free(member);
		return;
	}
	*farewell = (struct farewell){member, job ? job_ref(job) : NULL, farewells->first};
	farewells->first = farewell;
}

bool farewells_have(const struct farewells *farewells, const char *path)
{
	const struct farewell *farewell = farewells->first;

	while (farewell && strcmp(farewell->member->path, path) != 0)
		farewell = farewell->next;
	return farewell != NULL;
}

static void bury(const struct member *member, struct state *state, bool keep)
{
	member_forget(member, state, keep);
	if (!keep && unlink(member->path) != 0 && errno != ENOENT)
		log_failure("cannot remove %s: %s", member->path, strerror(errno));
}

static void release(struct farewell *farewell)
{
	job_unref(farewell->job);
	member_free(farewell->member);
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
		bury(farewell->member, state, keep);
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
