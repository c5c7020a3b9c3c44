/*
 * Queues, patience and leftovers, with a driver that does as the test says.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/sink.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "exporter/pprof.h"
#include "exporter/pprof_read.h"
#include "exporter/queue.h"
#include "exporter/retry.h"
#include "tests/unit/small_profile.h"
#include "tests/unit/unit.h"

#define SECOND UINT64_C(1000000000)

static uint64_t now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

/* A job of the small profile, without its stack of absurd size. */
static struct job *make_job(const char *service)
{
	struct labels labels = {0};
	struct job *job;

	stacks[2].allocated.bytes = 1;
	labels_set(&labels, LABELS_SERVICE, service);
	job = job_new(&labels);
	labels_fini(&labels);
	job->time_ns = now_ns(CLOCK_REALTIME);
	job->alloc_bytes = 1028;
	ck_assert_int_eq(pprof_encode(&small, &(const struct pprof_options){0}, &job->pprof,
				      &job->pprof_size),
			 0);
	return job;
}

/* ---- retry ---- */

START_TEST(each_answer_has_its_consequence)
{
	ck_assert_int_eq(retry_judge(RETRY_PUSH, 200), DELIVERY_DONE);
	for (size_t i = 0; i < 6; i++)
		ck_assert_int_eq(retry_judge(RETRY_PUSH, (long[]){0, 408, 429, 500, 503, 504}[i]),
				 DELIVERY_RETRY);
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(retry_judge(RETRY_PUSH, (long[]){400, 413, 415, 501}[i]),
				 DELIVERY_REFUSED);
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(retry_judge(RETRY_PUSH, (long[]){301, 401, 403, 404}[i]),
				 DELIVERY_CLOSED);
	ck_assert_int_eq(retry_judge(RETRY_OTLP, 500), DELIVERY_REFUSED);
	ck_assert_int_eq(retry_judge(RETRY_OTLP, 408), DELIVERY_REFUSED);
	ck_assert_int_eq(retry_judge(RETRY_OTLP, 502), DELIVERY_RETRY);
	ck_assert_int_eq(retry_judge(RETRY_INGEST, 422), DELIVERY_RETRY_ONCE);
	ck_assert_int_eq(retry_judge(RETRY_PUSH, 422), DELIVERY_REFUSED);
}
END_TEST

START_TEST(waits_grow_up_to_their_limit)
{
	const struct sink_limits limits = {.retry_min_ns = 500, .retry_max_ns = 60000};
	uint64_t longest = 0;

	for (unsigned failures = 1; failures < 40; failures++) {
		const uint64_t most = retry_delay(&limits, failures, UINT64_MAX / 2);

		ck_assert_uint_ge(most, 500);
		ck_assert_uint_le(most, 60000);
		ck_assert_uint_eq(retry_delay(&limits, failures, 0), 500);
	}
	for (uint64_t random = 0; random < 100000; random += 7)
		if (retry_delay(&limits, 20, random) > longest)
			longest = retry_delay(&limits, 20, random);
	ck_assert_uint_gt(longest, 59000);
	for (uint64_t random = 0; random < 1000; random++)
		ck_assert_uint_le(retry_delay(&limits, 1, random), 1000);
}
END_TEST

START_TEST(servers_name_seconds_or_dates)
{
	ck_assert_uint_eq(retry_after(" 12 \r\n", 0), 12 * SECOND);
	ck_assert_uint_eq(retry_after("Thu, 01 Jan 1970 00:01:40 GMT", 40), 60 * SECOND);
	ck_assert_uint_eq(retry_after("Thu, 01 Jan 1970 00:01:40 GMT", 400), 0);
	ck_assert_uint_eq(retry_after("soon", 0), 0);
	ck_assert_uint_eq(retry_after("-5", 0), 0);
	ck_assert_uint_eq(retry_after("99999999999", 0), RETRY_AFTER_MAX_NS);
}
END_TEST

/* ---- queue ---- */

START_TEST(the_oldest_of_a_series_goes_first)
{
	struct job *const a = make_job("a"), *const b = make_job("b"), *const c = make_job("a");
	struct queue queue;
	struct job *gone;

	queue_init(&queue, 1, SIZE_MAX);
	ck_assert_ptr_null(queue_make_room(&queue, a));
	queue_push(&queue, a);
	ck_assert_ptr_null(queue_make_room(&queue, b));
	queue_push(&queue, b);
	gone = queue_make_room(&queue, c);
	ck_assert_ptr_eq(gone, a);
	job_unref(gone);
	ck_assert_ptr_null(queue_make_room(&queue, c));
	queue_push(&queue, c);
	ck_assert_uint_eq(queue.bytes, b->pprof_size + c->pprof_size);
	gone = queue_pop(&queue);
	ck_assert_ptr_eq(gone, b);
	job_unref(gone);
	job_unref(queue_pop(&queue));
	ck_assert_ptr_null(queue_pop(&queue));
	ck_assert_uint_eq(queue.bytes + queue.jobs, 0);
	job_unref(a);
	job_unref(b);
	job_unref(c);
}
END_TEST

START_TEST(a_queue_keeps_to_its_bytes)
{
	struct job *const a = make_job("a"), *const b = make_job("b");
	struct queue queue;
	struct job *gone;

	queue_init(&queue, 8, a->pprof_size + b->pprof_size - 1);
	queue_push(&queue, a);
	gone = queue_make_room(&queue, b);
	ck_assert_ptr_eq(gone, a);
	job_unref(gone);
	ck_assert_ptr_null(queue_make_room(&queue, b));
	ck_assert(job_is_done(a));
	job_unref(a);
	job_unref(b);
}
END_TEST

/* ---- sinks ---- */

/* Attempts as they come, and what is to be answered. */
struct script {
	enum delivery_result results[4]; /* the last of `count` counts for all that follow */
	unsigned count;
	unsigned attempts;
	uint64_t alloc_objects[16];
	uint64_t inuse_objects[16];
	sem_t attempted, may_go_on;
	bool waits;
};

static void deliver(void *context, const struct sink *sink, const struct job *job,
		    struct delivery *delivery)
{
	struct script *const script = context;
	struct profile_sum *const sum = profile_sum_new();
	const unsigned attempt = script->attempts;

	(void)sink;
	ck_assert_int_eq(pprof_read(job->pprof, job->pprof_size, true, sum, NULL), 0);
	script->alloc_objects[script->attempts] = profile_sum_snapshot(sum)->allocated.objects;
	script->inuse_objects[script->attempts] = profile_sum_snapshot(sum)->live.objects;
	profile_sum_free(sum);
	delivery->result = script->results[attempt < script->count ? attempt : script->count - 1];
	snprintf(delivery->message, sizeof(delivery->message), "as the test says");
	script->attempts++;
	sem_post(&script->attempted);
	if (script->waits)
		sem_wait(&script->may_go_on);
}

static void close_script(void *context)
{
	(void)context;
}

static const struct sink_driver driver = {.deliver = deliver, .close = close_script};

static const struct sink_limits limits = {
	.jobs = 2,
	.bytes = 1 << 20,
	.tries = 2,
	.retry_min_ns = 1000,
	.retry_max_ns = 2000,
	.age_max_ns = 3000 * SECOND,
};

static struct sink *start(struct script *script)
{
	sem_init(&script->attempted, 0, 0);
	sem_init(&script->may_go_on, 0, 0);
	return sink_new("test", &driver, script, &limits, -1);
}

static void offer(struct sink *sink, const char *service)
{
	struct job *const job = make_job(service);

	sink_offer(sink, job);
	job_unref(job);
}

static void wait_attempts(struct script *script, unsigned count)
{
	while (count--)
		while (sem_wait(&script->attempted) != 0)
			ck_assert_int_eq(errno, EINTR);
}

struct leftover_count {
	unsigned series;
	uint64_t bytes;
};

static void count_leftover(void *context, const char *name, const struct job *job)
{
	struct leftover_count *const count = context;

	ck_assert_str_eq(name, "test");
	count->series++;
	count->bytes += job->alloc_bytes;
}

static struct leftover_count finish(struct sink *sink)
{
	struct leftover_count count = {0};

	sink_close(sink, now_ns(CLOCK_MONOTONIC) + 5 * SECOND);
	sink_free(sink, count_leftover, &count);
	return count;
}

START_TEST(a_job_that_is_taken_leaves_nothing)
{
	struct script script = {.results = {DELIVERY_DONE}, .count = 1};
	struct sink *const sink = start(&script);

	offer(sink, "a");
	wait_attempts(&script, 1);
	ck_assert_uint_eq(finish(sink).series, 0);
	ck_assert_uint_eq(script.attempts, 1);
	ck_assert_uint_eq(script.alloc_objects[0], 14);
	ck_assert_uint_eq(script.inuse_objects[0], 6);
}
END_TEST

START_TEST(the_next_job_takes_along_what_was_dropped_but_not_its_in_use)
{
	struct script script = {.results = {DELIVERY_RETRY, DELIVERY_RETRY, DELIVERY_DONE},
				.count = 3};
	struct sink *const sink = start(&script);

	offer(sink, "a");
	wait_attempts(&script, 2);
	offer(sink, "a");
	wait_attempts(&script, 1);
	ck_assert_uint_eq(finish(sink).series, 0);
	ck_assert_uint_eq(script.alloc_objects[1], 14);
	ck_assert_uint_eq(script.alloc_objects[2], 28);
	ck_assert_uint_eq(script.inuse_objects[2], 6);
}
END_TEST

START_TEST(a_refused_job_is_lost_and_counted)
{
	struct script script = {.results = {DELIVERY_REFUSED, DELIVERY_DONE}, .count = 2};
	struct sink *const sink = start(&script);

	offer(sink, "a");
	offer(sink, "a");
	wait_attempts(&script, 2);
	ck_assert_uint_eq(sink_counters(sink).lost_bytes, 1028);
	ck_assert_uint_eq(finish(sink).series, 0);
	ck_assert_uint_eq(script.alloc_objects[1], 14);
}
END_TEST

START_TEST(an_overfull_queue_loses_nothing)
{
	struct script script = {.results = {DELIVERY_DONE}, .count = 1, .waits = true};
	struct sink *const sink = start(&script);
	uint64_t sum = 0;

	offer(sink, "a");
	wait_attempts(&script, 1);
	for (int i = 0; i < 6; i++)
		offer(sink, "a");
	ck_assert_uint_eq(sink_counters(sink).queued_jobs, 2);
	ck_assert_uint_eq(sink_counters(sink).dropped, 4);
	script.waits = false;
	sem_post(&script.may_go_on);
	wait_attempts(&script, 2);
	ck_assert_uint_eq(finish(sink).series, 0);
	for (unsigned i = 0; i < script.attempts; i++)
		sum += script.alloc_objects[i];
	ck_assert_uint_eq(sum, 7 * 14);
}
END_TEST

START_TEST(what_is_left_at_the_end_is_handed_out)
{
	struct script script = {.results = {DELIVERY_RETRY}, .count = 1};
	struct sink *const sink = start(&script);
	struct leftover_count count;

	offer(sink, "a");
	offer(sink, "b");
	count = finish(sink);
	ck_assert_uint_eq(count.series, 2);
	ck_assert_uint_eq(count.bytes, 2 * 1028);
}
END_TEST

START_TEST(a_leftover_that_comes_back_goes_out_with_the_next_job)
{
	struct script script = {.results = {DELIVERY_DONE}, .count = 1};
	struct sink *const sink = start(&script);
	struct job *const old = make_job("a");

	sink_add_leftover(sink, old);
	job_unref(old);
	offer(sink, "b");
	offer(sink, "a");
	wait_attempts(&script, 2);
	finish(sink);
	ck_assert_uint_eq(script.alloc_objects[0], 14);
	ck_assert_uint_eq(script.alloc_objects[1], 28);
}
END_TEST

START_TEST(a_job_that_is_too_old_is_not_tried)
{
	struct script script = {.results = {DELIVERY_DONE}, .count = 1};
	struct sink *const sink = start(&script);
	struct job *const old = make_job("a");

	old->time_ns -= 3001 * SECOND;
	sink_offer(sink, old);
	job_unref(old);
	offer(sink, "a");
	wait_attempts(&script, 1);
	finish(sink);
	ck_assert_uint_eq(script.attempts, 1);
	ck_assert_uint_eq(script.alloc_objects[0], 28);
}
END_TEST

START_TEST(an_empty_job_is_not_offered_to_servers)
{
	struct script script = {.results = {DELIVERY_DONE}, .count = 1};
	struct sink *const sink = start(&script);
	struct job *const job = make_job("a");

	job->is_empty = true;
	sink_offer(sink, job);
	ck_assert(job_is_done(job));
	job_unref(job);
	finish(sink);
	ck_assert_uint_eq(script.attempts, 0);
}
END_TEST

UNIT_MAIN(each_answer_has_its_consequence, waits_grow_up_to_their_limit,
	  servers_name_seconds_or_dates, the_oldest_of_a_series_goes_first,
	  a_queue_keeps_to_its_bytes, a_job_that_is_taken_leaves_nothing,
	  the_next_job_takes_along_what_was_dropped_but_not_its_in_use,
	  a_refused_job_is_lost_and_counted, an_overfull_queue_loses_nothing,
	  what_is_left_at_the_end_is_handed_out,
	  a_leftover_that_comes_back_goes_out_with_the_next_job, a_job_that_is_too_old_is_not_tried,
	  an_empty_job_is_not_offered_to_servers)
