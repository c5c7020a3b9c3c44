/*
 * All sinks of an agent, as the configuration names them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_SINK_SET_H
#define EXPORTER_SINK_SET_H

#include <stddef.h>

#include "exporter/destination.h"
#include "exporter/sink.h"
#include "exporter/state.h"

/* A sink and what it was made from. */
struct sink_set_entry {
	struct destination destination;
	struct sink *sink;
};

struct sink_set {
	struct sink_set_entry *entries;
	size_t count;
	struct state *state;
	int done_fd;
};

/*
 * Makes the set what the destinations say: sinks of equal destinations stay as
 * they are, others are closed (until the deadline) and what they still owe is
 * remembered; new ones are started. 0 or a status after it has said what is wrong.
 */
int sink_set_configure(struct sink_set *set, const struct destination *destinations, size_t count,
		       uint64_t deadline_ns);

/* Offers the job to all. */
void sink_set_offer(struct sink_set *set, struct job *job);

/* Gives each sink what it owed the series when an earlier agent ended. */
void sink_set_restore(struct sink_set *set, const struct labels *labels);

/* Closes all, until the deadline, and remembers what they still owe. */
void sink_set_close(struct sink_set *set, uint64_t deadline_ns);

#endif
