/*
 * Paths end in what is asked for and begin with who is meant: a process
 * (/process/PID), a service (/service/NAME), or nobody, which is the only
 * service there is.
 *
 * Locks: pull->lock, held while a profile is made. So one is made at a time,
 * whatever number is asked for, which bounds memory and CPU time; waiting for
 * seconds to pass is done without it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/pull.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/delta_paths.h"
#include "exporter/gperftools.h"
#include "exporter/http_server.h"
#include "exporter/log.h"
#include "exporter/metrics.h"
#include "exporter/pprof.h"
#include "exporter/pull_profile.h"

#define SECONDS_MAX 600

struct pull {
	struct pull_settings settings;
	struct http_server *server;
	pthread_mutex_t lock;
	struct delta_paths deltas; /* guarded by lock */
};

/* A request on its way. */
struct question {
	struct pull *pull;
	struct http_request *request;
	struct http_answer *answer;
	const char *name; /* of what is asked for: "heap" */
	char *prefix;	  /* who is meant, as in the path */
	struct roster_copy roster;
	struct pull_scope scope;
};

/* ---- answers ---- */

static void __attribute__((format(printf, 3, 4)))
say(struct question *question, unsigned status, const char *format, ...)
{
	struct http_answer *const answer = question->answer;
	va_list arguments;
	int length;

	free(answer->body);
	*answer = (struct http_answer){.status = status, .is_profile_error = status >= 400};
	va_start(arguments, format);
	length = vasprintf(&answer->body, format, arguments);
	va_end(arguments);
	answer->size = length < 0 ? 0 : (size_t)length;
	if (length < 0)
		answer->body = NULL;
}

static void say_error(struct question *question, int status)
{
	if (status == -ENOENT)
		say(question, 404, "there is no such process any more\n");
	else if (status == -EFBIG)
		say(question, 500, "the profile is too large\n");
	else
		say(question, 503, "out of memory\n");
}

/* A text that a function writes becomes the answer. */
static FILE *open_text(struct question *question)
{
	FILE *const out = open_memstream(&question->answer->body, &question->answer->size);

	if (!out)
		say_error(question, -ENOMEM);
	return out;
}

static void close_text(struct question *question, FILE *out)
{
	const bool is_broken = ferror(out);

	if (fclose(out) != 0 || is_broken)
		say_error(question, -ENOMEM);
}

/* ---- who is meant ---- */

static void take_service(struct question *question, const char *name)
{
	const struct roster_copy *const roster = &question->roster;
	struct pull_scope *const scope = &question->scope;

	scope->is_service = true;
	for (size_t i = 0; i < roster->process_count; i++) {
		if (strcmp(roster->processes[i].service, name) != 0)
			continue;
		if (scope->count++ == 0)
			scope->processes = &roster->processes[i];
	}
}

static void take_process(struct question *question, const char *pid)
{
	const struct roster_copy *const roster = &question->roster;
	char number[32];

	for (size_t i = 0; i < roster->process_count && question->scope.count == 0; i++) {
		snprintf(number, sizeof(number), "%d", (int)roster->processes[i].pid);
		if (roster->processes[i].pid > 0 && strcmp(number, pid) == 0)
			question->scope = (struct pull_scope){&roster->processes[i], 1, false};
	}
}

/* Processes are sorted by service: there is one when the first and the last agree. */
static void take_only_service(struct question *question)
{
	const struct roster_copy *const roster = &question->roster;

	if (roster->process_count == 0) {
		say(question, 404, "nothing is profiled\n");
	} else if (strcmp(roster->processes[0].service,
			  roster->processes[roster->process_count - 1].service) != 0) {
		say(question, 404,
		    "there are several services: ask for /service/NAME/... or "
		    "/process/PID/..., which / lists\n");
	} else {
		take_service(question, roster->processes[0].service);
	}
}

/* False after it has said what is wrong. */
static bool find_scope(struct question *question)
{
	const char *const prefix = question->prefix;

	if (*prefix == '\0')
		take_only_service(question);
	else if (strncmp(prefix, "/service/", 9) == 0)
		take_service(question, prefix + 9);
	else if (strncmp(prefix, "/process/", 9) == 0)
		take_process(question, prefix + 9);
	if (question->scope.count == 0 && !question->answer->body)
		say(question, 404, "nobody of that name is profiled; / lists all\n");
	return question->scope.count > 0;
}

/* ---- profiles ---- */

static bool is_given(const struct question *question, const char *parameter)
{
	const char *const value = http_request_parameter(question->request, parameter);

	return value && *value && strcmp(value, "0") != 0;
}

/* False after it has said what is wrong. */
static bool read_seconds(struct question *question, unsigned *seconds)
{
	const char *const text = http_request_parameter(question->request, "seconds");
	char *end;
	unsigned long number;

	*seconds = 0;
	if (!text)
		return true;
	number = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || number == 0 || number > SECONDS_MAX) {
		say(question, 400, "seconds must be from 1 to %d\n", SECONDS_MAX);
		return false;
	}
	*seconds = (unsigned)number;
	return true;
}

static void encode(struct question *question, const struct pull_profile *profile)
{
	const struct pprof_options options = {
		.runtime_addresses = true,
		.shows_alloc = strcmp(question->name, "allocs") == 0,
		.duration_ns = profile->duration_ns,
	};
	uint8_t *bytes;
	size_t size;
	const int status = pprof_encode(profile->profile, &options, &bytes, &size);

	if (status < 0) {
		say_error(question, status);
		return;
	}
	*question->answer = (struct http_answer){
		.content_type = "application/octet-stream",
		.file_name = question->name,
		.body = (char *)bytes,
		.size = size,
	};
}

static void write_legacy(struct question *question, const struct pull_profile *profile)
{
	FILE *const out = open_text(question);

	if (!out)
		return;
	gperftools_write_raw(profile->profile, out);
	close_text(question, out);
}

/* Under the lock. */
static void make_profile(struct question *question, struct pull_looks *looks, bool is_legacy)
{
	struct pull_profile profile;
	const int status =
		pull_profile_new(&question->scope, question->pull->settings.cache, looks, &profile);

	if (status < 0) {
		say_error(question, status);
		return;
	}
	if (is_legacy)
		write_legacy(question, &profile);
	else
		encode(question, &profile);
	pull_profile_fini(&profile);
}

/* Who is there now, after a while. */
static bool refresh(struct question *question)
{
	roster_copy_fini(&question->roster);
	question->scope = (struct pull_scope){0};
	if (roster_take(question->pull->settings.roster, &question->roster) == 0)
		return find_scope(question);
	say_error(question, -ENOMEM);
	return false;
}

static void answer_after(struct question *question, unsigned seconds, bool is_legacy)
{
	pthread_mutex_t *const lock = &question->pull->lock;
	struct pull_looks looks = {0};
	int status;

	pthread_mutex_lock(lock);
	status = pull_looks_take(&looks, &question->scope);
	pthread_mutex_unlock(lock);
	if (status < 0) {
		say_error(question, status);
	} else if (!http_request_wait(question->request, seconds)) {
		say(question, 503, "the agent ends\n");
	} else if (refresh(question)) {
		pthread_mutex_lock(lock);
		make_profile(question, &looks, is_legacy);
		pthread_mutex_unlock(lock);
	}
	pull_looks_fini(&looks);
}

static void answer_profile(struct question *question, bool is_legacy)
{
	pthread_mutex_t *const lock = &question->pull->lock;
	unsigned seconds;

	if (!read_seconds(question, &seconds))
		return;
	if (seconds > 0) {
		answer_after(question, seconds, is_legacy);
		return;
	}
	pthread_mutex_lock(lock);
	make_profile(question, NULL, is_legacy);
	pthread_mutex_unlock(lock);
}

static void answer_heap(struct question *question)
{
	answer_profile(question, is_given(question, "debug"));
}

static void answer_legacy_heap(struct question *question)
{
	answer_profile(question, true);
}

/* ---- what is new since the last time ---- */

static void answer_delta(struct question *question)
{
	struct pull *const pull = question->pull;
	const bool is_legacy = is_given(question, "debug");
	struct pull_looks *looks;

	if (http_request_parameter(question->request, "seconds")) {
		answer_heap(question);
		return;
	}
	pthread_mutex_lock(&pull->lock);
	looks = delta_paths_find(&pull->deltas, question->prefix, &question->roster);
	if (looks)
		make_profile(question, looks, is_legacy);
	else
		say_error(question, -ENOMEM);
	pthread_mutex_unlock(&pull->lock);
}

/* ---- other things that readers of profiles ask for ---- */

static void answer_command_line(struct question *question)
{
	char error[SNAPSHOT_ERROR_SIZE];
	struct snapshot *snapshot;
	char *body;

	if (snapshot_take(question->scope.processes[0].path, &snapshot, error) != 0) {
		say_error(question, -ENOENT);
		return;
	}
	body = malloc(snapshot->command_line_size + 1);
	if (body) {
		memcpy(body, snapshot->command_line, snapshot->command_line_size);
		question->answer->body = body;
		question->answer->size = snapshot->command_line_size;
	} else {
		say_error(question, -ENOMEM);
	}
	snapshot_free(snapshot);
}

/* "0xADDRESS+0xADDRESS..."; what has no name is left out. */
static void write_names(FILE *out, struct pull_profile *profile, const char *addresses)
{
	fputs("num_symbols: 1\n", out);
	while (*addresses) {
		char *end;
		const uint64_t address = strtoull(addresses, &end, 16);
		const char *const name =
			end > addresses ? pull_profile_name(profile, address) : NULL;

		if (name)
			fprintf(out, "%#" PRIx64 " %s\n", address, name);
		end += strcspn(end, "+");
		addresses = end + (*end == '+');
	}
}

static void answer_symbol(struct question *question)
{
	const char *const addresses = http_request_body(question->request);
	struct pull_profile profile;
	FILE *out;
	int status;

	if (!addresses) {
		say(question, 200, "num_symbols: 1\n");
		return;
	}
	pthread_mutex_lock(&question->pull->lock);
	status = pull_profile_new(&question->scope, question->pull->settings.cache, NULL, &profile);
	out = status < 0 ? NULL : open_text(question);
	if (status < 0)
		say_error(question, status);
	if (out) {
		write_names(out, &profile, addresses);
		close_text(question, out);
	}
	if (status == 0)
		pull_profile_fini(&profile);
	pthread_mutex_unlock(&question->pull->lock);
}

/* ---- what is asked of the agent as a whole ---- */

static void answer_metrics(struct question *question)
{
	const enum metrics_format format =
		metrics_choose_format(http_request_header(question->request, "Accept"));
	struct metrics metrics;
	FILE *out;
	int status;

	pthread_mutex_lock(&question->pull->lock);
	status = metrics_collect(&question->roster, &metrics);
	pthread_mutex_unlock(&question->pull->lock);
	if (status < 0) {
		say_error(question, status);
		return;
	}
	out = open_text(question);
	if (out) {
		metrics_write(&metrics, format, out);
		close_text(question, out);
		if (!question->answer->status)
			question->answer->content_type = metrics_content_type(format);
	}
	metrics_fini(&metrics);
}

static void answer_health(struct question *question)
{
	say(question, 200, "ok\n");
}

static void answer_list(struct question *question)
{
	const struct roster_copy *const roster = &question->roster;
	const char *service = "";
	FILE *const out = open_text(question);

	if (!out)
		return;
	fputs("/metrics\n/healthz\n", out);
	for (size_t i = 0; i < roster->process_count; i++) {
		const struct roster_process *const process = &roster->processes[i];

		if (strcmp(service, process->service) != 0)
			fprintf(out, "/service/%s/debug/pprof/heap\n", process->service);
		if (process->pid > 0)
			fprintf(out, "/process/%d/debug/pprof/heap\n", (int)process->pid);
		service = process->service;
	}
	close_text(question, out);
}

/* ---- paths ---- */

struct endpoint {
	const char *path; /* after who is meant */
	void (*answer)(struct question *question);
	bool is_of_all; /* nobody in particular can be meant */
	bool takes_body;
};

/* The longer of two that end alike comes first. */
static const struct endpoint endpoints[] = {
	{"/debug/pprof/heap", answer_heap, false, false},
	{"/debug/pprof/allocs", answer_heap, false, false},
	{"/debug/pprof/delta_heap", answer_delta, false, false},
	{"/debug/pprof/cmdline", answer_command_line, false, false},
	{"/debug/pprof/symbol", answer_symbol, false, true},
	{"/debug/pprof/symbolz", answer_symbol, false, true},
	{"/pprof/heap", answer_legacy_heap, false, false},
	{"/pprof/cmdline", answer_command_line, false, false},
	{"/pprof/symbol", answer_symbol, false, true},
	{"/symbolz", answer_symbol, false, true},
	{"/metrics", answer_metrics, true, false},
	{"/healthz", answer_health, true, false},
	{"/", answer_list, true, false},
};

/* The endpoint of a path, and how much of the path says who is meant; NULL: none. */
static const struct endpoint *find_endpoint(const char *path, size_t *prefix_length)
{
	const size_t length = strlen(path);

	for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
		const struct endpoint *const endpoint = &endpoints[i];
		const size_t own = strlen(endpoint->path);

		if (own > length || strcmp(path + length - own, endpoint->path) != 0)
			continue;
		*prefix_length = length - own;
		return endpoint->is_of_all && own != length ? NULL : endpoint;
	}
	return NULL;
}

static bool takes_body(void *context, const char *path)
{
	size_t prefix_length;
	const struct endpoint *const endpoint = find_endpoint(path, &prefix_length);

	(void)context;
	return endpoint && endpoint->takes_body;
}

static void answer(void *context, struct http_request *request, struct http_answer *into)
{
	struct pull *const pull = context;
	struct question question = {.pull = pull, .request = request, .answer = into};
	const char *const path = http_request_path(request);
	size_t prefix_length;
	const struct endpoint *const endpoint = find_endpoint(path, &prefix_length);

	if (!endpoint) {
		say(&question, 404, "there is nothing here; / lists what there is\n");
		return;
	}
	question.name = strrchr(endpoint->path, '/') + 1;
	question.prefix = strndup(path, prefix_length);
	if (!question.prefix || roster_take(pull->settings.roster, &question.roster) < 0)
		say_error(&question, -ENOMEM);
	else if (endpoint->is_of_all || find_scope(&question))
		endpoint->answer(&question);
	roster_copy_fini(&question.roster);
	free(question.prefix);
}

/* ---- life ---- */

int pull_start(const struct pull_settings *settings, struct pull **pull)
{
	struct pull *const own = calloc(1, sizeof(*own));
	const struct http_settings http = {
		.listen = settings->listen,
		.token_file = settings->token_file,
		.answer = answer,
		.takes_body = takes_body,
		.context = own,
	};
	int status;

	if (!own)
		return log_failure("out of memory");
	own->settings = *settings;
	pthread_mutex_init(&own->lock, NULL);
	status = http_server_start(&http, &own->server);
	if (status == 0)
		*pull = own;
	else
		pull_stop(own);
	return status;
}

void pull_stop(struct pull *pull)
{
	if (!pull)
		return;
	http_server_stop(pull->server);
	delta_paths_fini(&pull->deltas);
	pthread_mutex_destroy(&pull->lock);
	free(pull);
}
