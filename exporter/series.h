/*
 * A series: what its members, the processes of one service with the same labels,
 * add up to, job after job.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_SERIES_H
#define EXPORTER_SERIES_H

#include <stdbool.h>
#include <stdint.h>

#include "exporter/job.h"
#include "exporter/labels.h"
#include "exporter/profile_sum.h"

struct series {
	char *name; /* labels_format() of the labels, and the segment's where it is its own */
	struct labels labels;
	uint64_t due_ns;       /* monotonic */
	uint64_t last_ns;      /* monotonic; of the job before, 0: none */
	uint64_t last_time_ns; /* real time of the job before */
	struct series *next;
};

/* Copies the labels. NULL without memory. */
struct series *series_new(const char *name, const struct labels *labels);
void series_free(struct series *series);

/*
 * The job of a sum. Its time is after that of the series' job before, whatever the
 * clock does; `end` is the value of one more label of that name, or NULL. Copies the figures.
 * NULL without memory. The caller has the only reference.
 */
struct job *series_make_job(struct series *series, struct profile_sum *sum, const char *end,
			    const struct process_figures *figures, size_t count);

#endif
