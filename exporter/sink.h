/*
 * A sink: somewhere that jobs go. It has a name, a way to deliver a job, a
 * bounded queue and a thread of its own, so that one that is slow or dead delays
 * nobody else. What is dropped from a queue is counted, and its allocations are
 * added to the next job of the series, where that can help.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_SINK_H
#define EXPORTER_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exporter/job.h"

struct sink;

/* How an attempt to deliver ended. */
enum delivery_result {
	DELIVERY_DONE,
	DELIVERY_RETRY, /* the same bytes may succeed later */
	DELIVERY_RETRY_ONCE,
	DELIVERY_REFUSED, /* this job never will: its numbers are lost */
	DELIVERY_CLOSED,  /* nothing will for a while: rights, wrong address */
};

struct delivery {
	enum delivery_result result;
	uint64_t retry_after_ns; /* at least, when the other end has said so; 0: it has not */
	char message[256];	 /* what went wrong, without secrets */
};

/* The kind of a sink: what the four functions do with `context`. */
struct sink_driver {
	/* Called in the sink's thread only, for one job at a time. The job's
	 * bytes, time and labels are the same at every attempt. May take long,
	 * but must return soon after sink_should_abort() has become true. */
	void (*deliver)(void *context, const struct sink *sink, const struct job *job,
			struct delivery *delivery);
	void (*close)(void *context); /* after the thread has ended */
	bool keeps_all;		      /* a job is never dropped for its age */
	bool takes_empty; /* also jobs without any amount, for their processes' figures */
};

struct sink_limits {
	size_t jobs;  /* of one series */
	size_t bytes; /* of all jobs that wait */
	unsigned tries;
	uint64_t retry_min_ns, retry_max_ns; /* of the backoff */
	uint64_t age_max_ns;		     /* a server takes no older profiles */
};

extern const struct sink_limits sink_limits_default;

struct sink_counters {
	uint64_t delivered, failed_attempts, dropped;
	uint64_t lost_bytes; /* allocated bytes that no later job makes up for */
	uint64_t queued_jobs, queued_bytes;
	uint64_t last_delivered_ns; /* real time; 0: never */
	uint64_t last_duration_ns;
	bool failing;
};

/*
 * Starts a sink, with copies of the name and the limits. `done_fd` is an eventfd
 * that is written to whenever the sink lets go of a job; -1: none. Takes
 * `context`, also when it fails: NULL without memory.
 */
struct sink *sink_new(const char *name, const struct sink_driver *driver, void *context,
		      const struct sink_limits *limits, int done_fd);

/* Puts the job into the queue, where it makes room at need. Never waits. */
void sink_offer(struct sink *sink, struct job *job);

/*
 * Stops in two steps, so that several sinks can end at the same time: from
 * the first on each waiting job gets one more attempt, until the deadline
 * (monotonic); the second waits for the end and releases the sink. `leftover` is
 * called for each series that has undelivered allocations.
 */
void sink_close(struct sink *sink, uint64_t deadline_ns);
void sink_free(struct sink *sink,
	       void (*leftover)(void *context, const char *sink_name, const struct job *job),
	       void *context);

/* Gives back what an earlier leftover() got: goes out with the next job of the series. */
void sink_add_leftover(struct sink *sink, struct job *job);

/* True when deliver() is to come to an end. */
bool sink_should_abort(const struct sink *sink);

const char *sink_name(const struct sink *sink);
struct sink_counters sink_counters(const struct sink *sink);

#endif
