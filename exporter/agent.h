/*
 * The agent: finds the profiled processes, looks at each at an interval and when
 * it ends, and offers what is new to the sinks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_AGENT_H
#define EXPORTER_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include "exporter/options.h"
#include "exporter/roster.h"
#include "exporter/service.h"
#include "exporter/sink_set.h"
#include "exporter/state.h"
#include "exporter/symbol_cache.h"

struct agent_settings {
	const struct options *options; /* where segments are */
	struct service_options service;
	uint64_t every_ns;
	bool per_process; /* no two processes share a series */
	bool keeps_segments;
	const char *run_id; /* only processes of this run; "": all */
	struct symbol_cache *cache;
	struct state *state;
	struct sink_set *sinks;
	struct roster *roster; /* what other threads may know */
};

struct agent;

/* Borrows what the settings point to. 0 or a status after it has said what is wrong. */
int agent_new(const struct agent_settings *settings, struct agent **agent);
void agent_free(struct agent *agent);

/* New settings for what comes from now on; series keep their names. */
void agent_set_settings(struct agent *agent, const struct agent_settings *settings);

/* Readable when agent_work() has something to do. */
int agent_fd(const struct agent *agent);

/* Does what is due and returns. */
void agent_work(struct agent *agent);

/* Looks at every process once more: before the end. */
void agent_finish(struct agent *agent);

#endif
