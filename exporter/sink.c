/*
 * The thread, the queue and the patience of a sink.
 *
 * Context: sink_offer() from the agent's thread; deliver() and the leftovers in
 * the sink's own; counters from any.
 * Locks: `lock`, alone. It is never held while a driver works.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/sink.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "exporter/leftovers.h"
#include "exporter/log.h"
#include "exporter/queue.h"
#include "exporter/retry.h"

#define NS_PER_SECOND UINT64_C(1000000000)

/* Leftovers may take this part of the queue's bytes. */
#define LEFTOVERS_PART 4

struct sink {
	char *name;
	const struct sink_driver *driver;
	void *context;
	struct sink_limits limits;
	int done_fd;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* Guarded by the lock. */
	struct queue queue;
	struct queue returned; /* leftovers that come back, and jobs that had to go */
	struct sink_counters counters;
	bool is_closing;
	uint64_t deadline_ns;
	/* The thread's own. */
	struct leftovers leftovers;
	unsigned failures;	  /* in a row */
	uint64_t closed_until_ns; /* no attempt before */
	char last_message[256];	  /* what has been said */
};

const struct sink_limits sink_limits_default = {
	.jobs = 8,
	.bytes = 32 << 20,
	.tries = 10,
	.retry_min_ns = NS_PER_SECOND / 2,
	.retry_max_ns = 60 * NS_PER_SECOND,
	.age_max_ns = 50 * 60 * NS_PER_SECOND,
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static uint64_t random_number(void)
{
	uint64_t number = 0;

	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number))
		return clock_ns(CLOCK_MONOTONIC);
	return number;
}

/* The last reference to the job in this sink; wakes whoever waits for that. */
static void let_go(struct sink *sink, struct job *job)
{
	const uint64_t one = 1;

	job_unref(job);
	if (sink->done_fd >= 0 && write(sink->done_fd, &one, sizeof(one)) < 0)
		return; /* full: it is readable, which is all that matters */
}

/* ---- giving up ---- */

static void count_drop(struct sink *sink, uint64_t lost_bytes)
{
	pthread_mutex_lock(&sink->lock);
	sink->counters.dropped++;
	sink->counters.lost_bytes += lost_bytes;
	pthread_mutex_unlock(&sink->lock);
}

/* The next job of the series takes the allocations along. */
static void put_off(struct sink *sink, struct job *job)
{
	count_drop(sink, leftovers_add(&sink->leftovers, job));
	let_go(sink, job);
}

static void lose(struct sink *sink, struct job *job)
{
	count_drop(sink, job->alloc_bytes);
	let_go(sink, job);
}

/* ---- one job ---- */

/* Says what is wrong, once, until it changes or goes away. */
static void say(struct sink *sink, const struct delivery *delivery)
{
	const bool is_failure = delivery->result != DELIVERY_DONE;

	pthread_mutex_lock(&sink->lock);
	sink->counters.failing = is_failure;
	sink->counters.failed_attempts += is_failure;
	pthread_mutex_unlock(&sink->lock);
	if (is_failure && strcmp(sink->last_message, delivery->message) != 0)
		log_failure("%s: %s", sink->name, delivery->message);
	else if (!is_failure && *sink->last_message)
		log_note("%s: works again", sink->name);
	snprintf(sink->last_message, sizeof(sink->last_message), "%s",
		 is_failure ? delivery->message : "");
}

/* Jobs that had to go, and leftovers that came back, become leftovers. Takes
 * and keeps the lock, but not in between. */
static void absorb_returned(struct sink *sink)
{
	struct job *job;

	while ((job = queue_pop(&sink->returned))) {
		uint64_t lost;

		pthread_mutex_unlock(&sink->lock);
		lost = leftovers_add(&sink->leftovers, job);
		let_go(sink, job);
		pthread_mutex_lock(&sink->lock);
		sink->counters.lost_bytes += lost;
	}
}

/* Waits until then; false at once when the sink is to close. */
static bool wait_until(struct sink *sink, uint64_t until_ns)
{
	const struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_SECOND),
				       .tv_nsec = (long)(until_ns % NS_PER_SECOND)};
	bool is_closing;

	pthread_mutex_lock(&sink->lock);
	absorb_returned(sink);
	while (!sink->is_closing && clock_ns(CLOCK_MONOTONIC) < until_ns) {
		pthread_cond_timedwait(&sink->changed, &sink->lock, &until);
		absorb_returned(sink);
	}
	is_closing = sink->is_closing;
	pthread_mutex_unlock(&sink->lock);
	return !is_closing;
}

static bool is_too_old(const struct sink *sink, const struct job *job)
{
	return !sink->driver->keeps_all &&
	       clock_ns(CLOCK_REALTIME) > job->time_ns + sink->limits.age_max_ns;
}

static void attempt(struct sink *sink, const struct job *job, struct delivery *delivery)
{
	const uint64_t begin = clock_ns(CLOCK_MONOTONIC);

	*delivery = (struct delivery){.result = DELIVERY_RETRY};
	sink->driver->deliver(sink->context, sink, job, delivery);
	say(sink, delivery);
	sink->failures = delivery->result == DELIVERY_DONE ? 0 : sink->failures + 1;
	pthread_mutex_lock(&sink->lock);
	sink->counters.last_duration_ns = clock_ns(CLOCK_MONOTONIC) - begin;
	pthread_mutex_unlock(&sink->lock);
}

static void note_success(struct sink *sink, struct job *job)
{
	pthread_mutex_lock(&sink->lock);
	sink->counters.delivered++;
	sink->counters.last_delivered_ns = clock_ns(CLOCK_REALTIME);
	pthread_mutex_unlock(&sink->lock);
	let_go(sink, job);
}

/* When to try again, monotonic. */
static uint64_t next_attempt(const struct sink *sink, const struct delivery *delivery)
{
	uint64_t delay = retry_delay(&sink->limits, sink->failures, random_number());

	if (delivery->result == DELIVERY_CLOSED)
		delay = sink->limits.retry_max_ns;
	if (delay < delivery->retry_after_ns)
		delay = delivery->retry_after_ns;
	return clock_ns(CLOCK_MONOTONIC) + delay;
}

/* Sees a job through, whatever comes of it. Takes the reference. */
static void process_job(struct sink *sink, struct job *job)
{
	struct delivery delivery;
	unsigned tries = 0;
	bool may_wait;

	may_wait = wait_until(sink, sink->closed_until_ns);
	job = leftovers_join(&sink->leftovers, job);
	while (!is_too_old(sink, job) && !sink_should_abort(sink)) {
		const bool is_last = !may_wait;

		attempt(sink, job, &delivery);
		tries++;
		if (delivery.result == DELIVERY_DONE) {
			note_success(sink, job);
			return;
		}
		if (delivery.result == DELIVERY_REFUSED ||
		    (delivery.result == DELIVERY_RETRY_ONCE && tries > 1)) {
			lose(sink, job);
			return;
		}
		sink->closed_until_ns = next_attempt(sink, &delivery);
		if (is_last || delivery.result == DELIVERY_CLOSED || tries >= sink->limits.tries)
			break;
		may_wait = wait_until(sink, sink->closed_until_ns);
	}
	put_off(sink, job);
}

/* ---- the thread ---- */

/* Waits for a job; NULL when the sink closes and there is none. */
static struct job *wait_for_job(struct sink *sink)
{
	struct job *job;

	pthread_mutex_lock(&sink->lock);
	absorb_returned(sink);
	while (sink->queue.jobs == 0 && !sink->is_closing) {
		pthread_cond_wait(&sink->changed, &sink->lock);
		absorb_returned(sink);
	}
	job = queue_pop(&sink->queue);
	pthread_mutex_unlock(&sink->lock);
	return job;
}

static void *run(void *context)
{
	struct sink *const sink = context;
	struct job *job;

	while ((job = wait_for_job(sink)))
		process_job(sink, job);
	return NULL;
}

/* ---- from outside ---- */

static void init_condition(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
}

static void release(struct sink *sink)
{
	sink->driver->close(sink->context);
	pthread_cond_destroy(&sink->changed);
	pthread_mutex_destroy(&sink->lock);
	free(sink->name);
	free(sink);
}

struct sink *sink_new(const char *name, const struct sink_driver *driver, void *context,
		      const struct sink_limits *limits, int done_fd)
{
	struct sink *const sink = calloc(1, sizeof(*sink));

	if (!sink) {
		driver->close(context);
		return NULL;
	}
	sink->name = strdup(name);
	sink->driver = driver;
	sink->context = context;
	sink->limits = *limits;
	sink->done_fd = done_fd;
	sink->leftovers.bytes_max = limits->bytes / LEFTOVERS_PART;
	pthread_mutex_init(&sink->lock, NULL);
	init_condition(&sink->changed);
	queue_init(&sink->queue, limits->jobs, limits->bytes);
	queue_init(&sink->returned, SIZE_MAX, SIZE_MAX);
	if (sink->name && pthread_create(&sink->thread, NULL, run, sink) == 0)
		return sink;
	release(sink);
	return NULL;
}

void sink_offer(struct sink *sink, struct job *job)
{
	struct job *old;

	if (job->is_empty && !sink->driver->takes_empty)
		return;
	pthread_mutex_lock(&sink->lock);
	while ((old = queue_make_room(&sink->queue, job))) {
		sink->counters.dropped++;
		if (queue_push(&sink->returned, old) != 0)
			sink->counters.lost_bytes += old->alloc_bytes;
		job_unref(old);
	}
	if (queue_push(&sink->queue, job) != 0) {
		sink->counters.dropped++;
		sink->counters.lost_bytes += job->alloc_bytes;
	}
	pthread_cond_signal(&sink->changed);
	pthread_mutex_unlock(&sink->lock);
}

void sink_add_leftover(struct sink *sink, struct job *job)
{
	pthread_mutex_lock(&sink->lock);
	queue_push(&sink->returned, job);
	pthread_cond_signal(&sink->changed);
	pthread_mutex_unlock(&sink->lock);
}

void sink_close(struct sink *sink, uint64_t deadline_ns)
{
	pthread_mutex_lock(&sink->lock);
	sink->is_closing = true;
	sink->deadline_ns = deadline_ns;
	pthread_cond_signal(&sink->changed);
	pthread_mutex_unlock(&sink->lock);
}

struct leftover_visit {
	const char *name;
	void (*visit)(void *context, const char *sink_name, const struct job *job);
	void *context;
};

static void visit_leftover(void *context, const struct job *job)
{
	const struct leftover_visit *const visit = context;

	visit->visit(visit->context, visit->name, job);
}

void sink_free(struct sink *sink,
	       void (*leftover)(void *context, const char *sink_name, const struct job *job),
	       void *context)
{
	struct leftover_visit visit = {sink->name, leftover, context};

	pthread_join(sink->thread, NULL);
	leftovers_drain(&sink->leftovers, visit_leftover, &visit);
	release(sink);
}

bool sink_should_abort(const struct sink *sink)
{
	struct sink *const own = (struct sink *)sink;
	bool should;

	pthread_mutex_lock(&own->lock);
	should = sink->is_closing && clock_ns(CLOCK_MONOTONIC) >= sink->deadline_ns;
	pthread_mutex_unlock(&own->lock);
	return should;
}

const char *sink_name(const struct sink *sink)
{
	return sink->name;
}

struct sink_counters sink_counters(const struct sink *sink)
{
	struct sink *const own = (struct sink *)sink;
	struct sink_counters counters;

	pthread_mutex_lock(&own->lock);
	counters = sink->counters;
	counters.queued_jobs = sink->queue.jobs;
	counters.queued_bytes = sink->queue.bytes;
	pthread_mutex_unlock(&own->lock);
	return counters;
}
