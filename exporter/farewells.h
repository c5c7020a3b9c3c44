/*
 * Processes that have ended and whose last job is on its way: their segments may
 * go when no sink holds it any more.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_FAREWELLS_H
#define EXPORTER_FAREWELLS_H

#include <stdbool.h>

#include "exporter/job.h"
#include "exporter/member.h"
#include "exporter/state.h"

/* All zero: none. */
struct farewells {
	struct farewell *first;
};

/* Takes the member; the job is borrowed, NULL: there was nothing to tell. */
void farewells_add(struct farewells *farewells, struct member *member, struct job *job);

bool farewells_have(const struct farewells *farewells, const char *path);

/* Removes the segments that may go, or with `keep` notes that they are done with. */
void farewells_bury(struct farewells *farewells, struct state *state, bool keep);

/* Leaves the other segments where they are, for the next agent. */
void farewells_fini(struct farewells *farewells);

#endif
