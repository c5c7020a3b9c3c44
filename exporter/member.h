/*
 * A profiled process as the agent knows it: its segment, whether it runs, whose
 * series it belongs to, and what has been exported of it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_MEMBER_H
#define EXPORTER_MEMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "exporter/delta.h"
#include "exporter/job.h"
#include "exporter/labels.h"
#include "exporter/process_watch.h"
#include "exporter/profile_sum.h"
#include "exporter/service.h"
#include "exporter/state.h"
#include "exporter/symbol_cache.h"
#include "exporter/targets.h"

struct series;

struct member {
	char *path;
	const char *file; /* the last part of the path */
	struct process_watch watch;
	struct labels labels;
	struct series *series;
	struct delta_baseline baseline;
	uint64_t allocated_bytes; /* when it was looked at last */
	uint64_t looked_ns;	  /* monotonic; 0: never */
	bool is_hidden;	 /* someone has its segment open, but it cannot be seen from here */
	bool is_ignored; /* not ours, or done with: its file stays */
	bool is_of_run;	 /* `heaptide run` left the segment for a report: it stays */
	bool has_ended;
	enum process_end end; /* once it has ended */
	struct member *next;
};

/*
 * A member for a target. What the state knows of it is taken up: its labels if it
 * has ended, and what has been exported already. NULL without memory.
 */
struct member *member_new(const struct target *target, const struct service_options *options,
			  struct state *state);
void member_free(struct member *member);

/* What it takes to look at a member. */
struct member_look {
	struct symbol_cache *cache;
	struct state *state;
	const char *run_id; /* of the only run that is meant; "": all are */
};

/*
 * Takes a snapshot, adds what is new to the sum, fills the figures, and
 * remembers in the state what has been exported. 0; -EXDEV when it belongs to
 * another run; or what snapshot_take() says.
 */
int member_look(struct member *member, const struct member_look *look, struct profile_sum *sum,
		struct process_figures *figures);

/* Notes that it has ended, and how. */
void member_end(struct member *member);

/* Forgets what the state knows of it; with `keep` it stays known as done. */
void member_forget(const struct member *member, struct state *state, bool keep);

#endif
