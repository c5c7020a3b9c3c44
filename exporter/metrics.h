/*
 * The figures of profiled processes and of the agent as text, for Prometheus and
 * all who read its formats.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_METRICS_H
#define EXPORTER_METRICS_H

#include <stdio.h>

#include "exporter/memory_ledger.h"
#include "exporter/roster.h"
#include "sampler/snapshot.h"

enum metrics_format { METRICS_PROMETHEUS, METRICS_OPENMETRICS };

struct metrics_process; /* the figures of one process */

/* All zero: none. */
struct metrics {
	struct metrics_process *processes;
	size_t process_count;
	const struct roster_sink *sinks; /* borrowed */
	size_t sink_count;
	double own_cpu_seconds, own_resident_bytes;
};

/* What an Accept header asks for; NULL: there is none. */
enum metrics_format metrics_choose_format(const char *accept);

const char *metrics_content_type(enum metrics_format format);

/* Looks at every process of the copy, which must outlive the metrics; what cannot
 * be read is left out. 0 or -ENOMEM. */
int metrics_collect(const struct roster_copy *copy, struct metrics *metrics);

/* Adds the figures of one process; `ledger` may be NULL. 0 or -ENOMEM. */
int metrics_add(struct metrics *metrics, const struct roster_process *process,
		const struct snapshot *snapshot, const struct memory_ledger *ledger);

/* Writes the text. Errors of `out` are the caller's to find. */
void metrics_write(const struct metrics *metrics, enum metrics_format format, FILE *out);

void metrics_fini(struct metrics *metrics);

#endif
