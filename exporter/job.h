/*
 * A job: one profile of one series on its way to the sinks, which share it.
 * Allocated amounts are those since the job before, in-use amounts are absolute.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_JOB_H
#define EXPORTER_JOB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "exporter/labels.h"

/* How a process came to its end, as far as is known. */
enum process_end {
	PROCESS_RUNS,
	PROCESS_EXITED,	 /* through its exit handlers */
	PROCESS_ABRUPT,	 /* without them: killed, crashed, or by _exit() */
	PROCESS_CRASHED, /* by a signal, for certain */
	PROCESS_OOM,	 /* killed by the kernel for want of memory */
};

/* One process at the time of a job: a row of a timeline. */
struct process_figures {
	pid_t pid; /* as the process sees itself */
	char command[16];
	char segment[256]; /* the segment's file name: no two processes share one */
	enum process_end end;
	uint64_t time_ns;     /* real time */
	uint64_t interval_ns; /* since the figures before */
	uint64_t live_bytes, live_objects, peak_bytes;
	uint64_t allocated_bytes; /* since the process's start */
	uint64_t fresh_bytes;	  /* within interval_ns */
	uint64_t samples, drops;  /* since the start */
	uint64_t sampling_interval;
	uint64_t own_cpu_ns, own_bytes;		   /* what the library takes */
	uint64_t rss_bytes, pss_bytes, swap_bytes; /* 0 when the process is gone */
};

struct job {
	_Atomic unsigned references;
	struct labels labels;
	char *series;	      /* labels_format() of the labels */
	uint64_t time_ns;     /* real time of the snapshot; grows from job to job of a series */
	uint64_t duration_ns; /* of the interval that ends there */
	uint8_t *pprof;	      /* gzip */
	size_t pprof_size;
	bool is_empty;			   /* no stack has any amount */
	uint64_t alloc_bytes;		   /* what the profile's allocated bytes add up to */
	struct process_figures *processes; /* whose sum this is */
	size_t process_count;
};

/* A job with one reference and copies of the labels; the rest is zero. NULL without memory. */
struct job *job_new(const struct labels *labels);

/* One more reference to the same job. */
struct job *job_ref(struct job *job);

/* NULL is allowed. */
void job_unref(struct job *job);

/* True when the caller has the only reference: every sink is done with it. */
bool job_is_done(const struct job *job);

#endif
