/*
 * One thread does all the looking; sinks have threads of their own.
 *
 * Invariant: a segment is removed only when its process has ended, its last
 * amounts are in a job, and no sink holds that job any more.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/agent.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "exporter/farewells.h"
#include "exporter/log.h"
#include "exporter/member.h"
#include "exporter/segment_watch.h"
#include "exporter/series.h"
#include "exporter/targets.h"

#define NS_PER_SECOND UINT64_C(1000000000)

/* Segments are listed at most this often, however many events there are. */
#define LIST_PAUSE_NS (NS_PER_SECOND / 5)
/* Processes that end together are exported together. */
#define END_DELAY_NS (NS_PER_SECOND / 5)
/* How often those are asked whose end nobody tells. */
#define POLL_NS NS_PER_SECOND
/* Segments are listed at least this often, in case an event was lost. */
#define LIST_EVERY_NS (60 * NS_PER_SECOND)

struct agent {
	struct agent_settings settings;
	int fd, timer_fd;
	struct segment_watch segments;
	struct member *members;
	struct series *series;
	struct farewells farewells;
	uint64_t listed_ns, list_due_ns, poll_due_ns; /* monotonic */
	struct process_figures *figures;	      /* room for those of one job */
	size_t figure_capacity;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static uint64_t random_below(uint64_t limit)
{
	uint64_t number = 0;

	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number) || limit == 0)
		return 0;
	return number % limit;
}

/* ---- members and their series ---- */

static struct series *add_series(struct agent *agent, const char *name, const struct labels *labels)
{
	struct series *const series = series_new(name, labels);

	if (!series)
		return NULL;
	/* A random phase: many agents must not push at the same moment. */
	series->due_ns = now_ns() + random_below(agent->settings.every_ns);
	series->next = agent->series;
	agent->series = series;
	sink_set_restore(agent->settings.sinks, labels);
	return series;
}

static struct series *find_series(struct agent *agent, const struct member *member)
{
	char *const labels = labels_format(&member->labels);
	char *name = NULL;
	struct series *found = NULL;

	if (!labels ||
	    asprintf(&name, "%s%s", labels, agent->settings.per_process ? member->path : "") < 0)
		name = NULL;
	free(labels);
	if (!name)
		return NULL;
	for (found = agent->series; found && strcmp(found->name, name) != 0;)
		found = found->next;
	if (!found)
		found = add_series(agent, name, &member->labels);
	free(name);
	return found;
}

static void watch_end(struct agent *agent, struct member *member)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = member};

	if (member->watch.fd >= 0)
		epoll_ctl(agent->fd, EPOLL_CTL_ADD, member->watch.fd, &event);
}

static void note_end(struct member *member)
{
	const uint64_t due = now_ns() + END_DELAY_NS;

	if (member->has_ended)
		return;
	member_end(member);
	if (!member->is_ignored && member->series->due_ns > due)
		member->series->due_ns = due;
}

static void add_member(struct agent *agent, const struct target *target)
{
	const struct agent_settings *const settings = &agent->settings;
	struct service_options service = settings->service;
	struct member *member;

	if (settings->per_process)
		service.extra |= SERVICE_PID;
	member = member_new(target, &service, settings->state);
	if (!member)
		return;
	member->series = find_series(agent, member);
	if (!member->series) {
		member_free(member);
		return;
	}
	member->next = agent->members;
	agent->members = member;
	if (member->watch.was_seen)
		watch_end(agent, member);
	else if (process_watch_is_open(member->path))
		member->is_hidden = true;
	else
		note_end(member);
	if (!member->has_ended && !member->is_ignored)
		roster_add(settings->roster, member->path,
			   labels_get(&member->labels, LABELS_SERVICE), member->watch.pid);
}

static struct member *find_member(struct agent *agent, const char *path)
{
	struct member *member = agent->members;

	while (member && strcmp(member->path, path) != 0)
		member = member->next;
	return member;
}

static void remove_member(struct agent *agent, struct member *member)
{
	struct member **link = &agent->members;

	roster_remove(agent->settings.roster, member->path);
	while (*link != member)
		link = &(*link)->next;
	*link = member->next;
	if (member->watch.fd >= 0)
		epoll_ctl(agent->fd, EPOLL_CTL_DEL, member->watch.fd, NULL);
	member->next = NULL;
}

/* ---- finding segments ---- */

static void update_member(struct agent *agent, const struct target *target)
{
	struct member *const member = find_member(agent, target->path);

	if (!member) {
		if (!farewells_have(&agent->farewells, target->path))
			add_member(agent, target);
		return;
	}
	/* Its process runs, but another image, since an exec. */
	if (!target->alive && member->watch.was_seen)
		note_end(member);
	/* It was found between the making of its file and the mapping. */
	if (target->alive && member->is_hidden) {
		remove_member(agent, member);
		member_free(member);
		add_member(agent, target);
	}
}

/* What was done with and has been removed by others need not be known. */
static void forget_removed(struct agent *agent)
{
	for (struct member *member = agent->members, *next; member; member = next) {
		next = member->next;
		if (!member->is_ignored || access(member->path, F_OK) == 0)
			continue;
		remove_member(agent, member);
		member_forget(member, agent->settings.state, false);
		member_free(member);
	}
}

static void list_segments(struct agent *agent)
{
	struct target *targets;
	size_t count;

	agent->listed_ns = now_ns();
	agent->list_due_ns = agent->listed_ns + LIST_EVERY_NS;
	if (targets_list(agent->settings.options, &targets, &count) != 0)
		return;
	targets_mark_mapped(targets, count);
	for (size_t i = 0; i < count; i++)
		update_member(agent, &targets[i]);
	free(targets);
	forget_removed(agent);
}

static void poll_members(struct agent *agent)
{
	bool has_hidden = false;

	agent->poll_due_ns = UINT64_MAX;
	for (struct member *member = agent->members; member; member = member->next) {
		if (member->has_ended || (member->watch.fd >= 0 && !member->is_hidden))
			continue;
		agent->poll_due_ns = now_ns() + POLL_NS;
		has_hidden |= member->is_hidden;
		if (member->is_hidden ? !process_watch_is_open(member->path)
				      : process_watch_has_ended(&member->watch))
			note_end(member);
	}
	if (has_hidden)
		list_segments(agent);
}

/* ---- jobs ---- */

/* The label of an end that somebody should know of, or NULL. */
static const char *end_label(enum process_end end)
{
	static const char *const labels[] = {
		[PROCESS_ABRUPT] = "killed", [PROCESS_CRASHED] = "crash", [PROCESS_OOM] = "oom"};

	return (size_t)end < sizeof(labels) / sizeof(labels[0]) ? labels[end] : NULL;
}

static void say_goodbye(struct agent *agent, struct member *member, struct job *job)
{
	remove_member(agent, member);
	farewells_add(&agent->farewells, member, job);
}

static void offer(struct agent *agent, struct job *job)
{
	if (job)
		sink_set_offer(agent->settings.sinks, job);
}

/* The job of a process that did not end as it should have, alone. */
static void export_alone(struct agent *agent, struct member *member, struct profile_sum *sum,
			 const struct process_figures *figures)
{
	struct job *const job =
		series_make_job(member->series, sum, end_label(member->end), figures, 1);

	offer(agent, job);
	say_goodbye(agent, member, job);
	job_unref(job);
}

/* What a look that failed means for the member. */
static void handle_failure(struct agent *agent, struct member *member, int status)
{
	if (status == -EXDEV) {
		member->is_ignored = true;
	} else if (status == -ENOENT) {
		remove_member(agent, member);
		member_forget(member, agent->settings.state, false);
		member_free(member);
	} else if (member->has_ended) {
		log_failure("%s cannot be exported: %s", member->path, strerror(-status));
		member->is_ignored = true;
	}
	/* Else the next time: a segment is not valid before it is complete. */
}

/*
 * Adds one member to the sum of its series; one that has ended badly goes out alone.
 * True when it has added its figures.
 */
static bool add_to_series(struct agent *agent, struct member *member, struct profile_sum *sum,
			  struct process_figures *figures)
{
	const struct member_look look = {agent->settings.cache, agent->settings.state,
					 agent->settings.run_id};
	struct profile_sum *const own = member->has_ended ? profile_sum_new() : NULL;
	int status = -ENOMEM;
	bool is_alone = false;

	if (own || !member->has_ended)
		status = member_look(member, &look, own ? own : sum, figures);
	if (status < 0) {
		handle_failure(agent, member, status);
	} else if (own && end_label(member->end)) {
		is_alone = true;
		export_alone(agent, member, own, figures);
	} else if (own) {
		status = profile_sum_add(sum, profile_sum_profile(own));
	}
	profile_sum_free(own);
	return status == 0 && !is_alone;
}

static bool has_room_for_figures(struct agent *agent, size_t count)
{
	const size_t wanted = agent->figure_capacity ? 2 * agent->figure_capacity : 16;
	struct process_figures *bigger;

	if (count < agent->figure_capacity)
		return true;
	bigger = reallocarray(agent->figures, wanted, sizeof(*bigger));
	if (!bigger)
		return false;
	agent->figures = bigger;
	agent->figure_capacity = wanted;
	return true;
}

/* Those whose last amounts are in the job take their leave. */
static void dismiss_ended(struct agent *agent, const struct series *series, struct job *job)
{
	for (struct member *member = agent->members, *next; member; member = next) {
		next = member->next;
		if (member->series == series && member->has_ended && !member->is_ignored)
			say_goodbye(agent, member, job);
	}
}

static void export_series(struct agent *agent, struct series *series)
{
	struct profile_sum *const sum = profile_sum_new();
	struct job *job = NULL;
	size_t count = 0;

	for (struct member *member = agent->members, *next; sum && member; member = next) {
		next = member->next;
		if (member->series == series && !member->is_ignored &&
		    has_room_for_figures(agent, count))
			count += add_to_series(agent, member, sum, &agent->figures[count]);
	}
	if (sum && count > 0)
		job = series_make_job(series, sum, NULL, agent->figures, count);
	offer(agent, job);
	dismiss_ended(agent, series, job);
	job_unref(job);
	profile_sum_free(sum);
}

/* The next time on the series' own grid that has not passed. */
static void schedule(const struct agent *agent, struct series *series)
{
	const uint64_t now = now_ns(), every = agent->settings.every_ns;

	if (series->due_ns <= now)
		series->due_ns += ((now - series->due_ns) / every + 1) * every;
}

static bool has_members(const struct agent *agent, const struct series *series)
{
	for (const struct member *member = agent->members; member; member = member->next)
		if (member->series == series)
			return true;
	return false;
}

static void export_due(struct agent *agent, bool all)
{
	for (struct series **link = &agent->series; *link;) {
		struct series *const series = *link;

		if (all || series->due_ns <= now_ns()) {
			export_series(agent, series);
			schedule(agent, series);
		}
		if (has_members(agent, series)) {
			link = &series->next;
			continue;
		}
		*link = series->next;
		series_free(series);
	}
}

static void bury(struct agent *agent)
{
	farewells_bury(&agent->farewells, agent->settings.state, agent->settings.keeps_segments);
}

/* ---- the loop's body ---- */

static void set_timer(struct agent *agent)
{
	uint64_t due =
		agent->list_due_ns < agent->poll_due_ns ? agent->list_due_ns : agent->poll_due_ns;
	struct itimerspec when = {0};

	for (const struct series *series = agent->series; series; series = series->next)
		if (series->due_ns < due)
			due = series->due_ns;
	when.it_value.tv_sec = (time_t)(due / NS_PER_SECOND);
	when.it_value.tv_nsec = (long)(due % NS_PER_SECOND);
	timerfd_settime(agent->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* Takes the events; which were about segments and ends of processes. */
static void take_events(struct agent *agent)
{
	struct epoll_event events[64];
	const int count = epoll_wait(agent->fd, events, 64, 0);
	uint64_t number;

	for (int i = 0; i < count; i++) {
		void *const who = events[i].data.ptr;

		if (who == &agent->segments) {
			const uint64_t soon = agent->listed_ns + LIST_PAUSE_NS;

			segment_watch_read(&agent->segments);
			if (agent->list_due_ns > soon)
				agent->list_due_ns = soon;
		} else if (who == &agent->timer_fd) {
			number = (uint64_t)read(agent->timer_fd, &number, sizeof(number));
		} else if (who == &agent->settings) {
			number = (uint64_t)read(agent->settings.sinks->done_fd, &number,
						sizeof(number));
		} else {
			note_end(who);
		}
	}
}

void agent_work(struct agent *agent)
{
	take_events(agent);
	if (agent->list_due_ns <= now_ns())
		list_segments(agent);
	if (agent->poll_due_ns <= now_ns())
		poll_members(agent);
	export_due(agent, false);
	bury(agent);
	for (const struct member *member = agent->members; member; member = member->next)
		if ((member->is_hidden || member->watch.fd < 0) && !member->has_ended &&
		    agent->poll_due_ns == UINT64_MAX)
			agent->poll_due_ns = now_ns() + POLL_NS;
	set_timer(agent);
}

void agent_finish(struct agent *agent)
{
	list_segments(agent);
	for (struct member *member = agent->members; member; member = member->next)
		if (!member->is_hidden && process_watch_has_ended(&member->watch))
			note_end(member);
	export_due(agent, true);
}

/* ---- life ---- */

static int watch(struct agent *agent, int fd, void *who)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = who};

	return epoll_ctl(agent->fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

static int init(struct agent *agent)
{
	int status = segment_watch_open(&agent->segments, agent->settings.options);

	if (status != 0)
		return status;
	agent->fd = epoll_create1(EPOLL_CLOEXEC);
	agent->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (agent->fd < 0 || agent->timer_fd < 0 ||
	    watch(agent, agent->segments.fd, &agent->segments) < 0 ||
	    watch(agent, agent->timer_fd, &agent->timer_fd) < 0 ||
	    watch(agent, agent->settings.sinks->done_fd, &agent->settings) < 0)
		return log_failure("cannot wait for events: %s", strerror(errno));
	agent->poll_due_ns = UINT64_MAX;
	agent->list_due_ns = now_ns();
	set_timer(agent);
	return 0;
}

int agent_new(const struct agent_settings *settings, struct agent **agent)
{
	struct agent *const own = calloc(1, sizeof(*own));
	int status;

	if (!own)
		return log_failure("out of memory");
	own->settings = *settings;
	own->fd = own->timer_fd = own->segments.fd = -1;
	status = init(own);
	if (status == 0)
		*agent = own;
	else
		agent_free(own);
	return status;
}

void agent_free(struct agent *agent)
{
	bury(agent);
	farewells_fini(&agent->farewells);
	while (agent->members) {
		struct member *const member = agent->members;

		agent->members = member->next;
		member_free(member);
	}
	while (agent->series) {
		struct series *const series = agent->series;

		agent->series = series->next;
		series_free(series);
	}
	segment_watch_close(&agent->segments);
	if (agent->timer_fd >= 0)
		close(agent->timer_fd);
	if (agent->fd >= 0)
		close(agent->fd);
	free(agent->figures);
	free(agent);
}

void agent_set_settings(struct agent *agent, const struct agent_settings *settings)
{
	agent->settings = *settings;
}

int agent_fd(const struct agent *agent)
{
	return agent->fd;
}
