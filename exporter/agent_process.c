/*
 * Context: the main thread. Signals are taken from a descriptor, so that they
 * arrive between two steps of the agent.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/agent_process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "exporter/agent.h"
#include "exporter/agent_config.h"
#include "exporter/pull.h"
#include "exporter/sink_set.h"
#include "exporter/upload.h"

#define NS_PER_SECOND UINT64_C(1000000000)

/* From the signal to the end; the rest of the five seconds is for looking. */
#define FLUSH_NS (4 * NS_PER_SECOND)

/* Names of functions that are kept, in bytes. */
#define CACHE_BYTES (6 << 20)

struct service {
	const struct command *command;
	const struct options *given; /* on the command line */
	struct agent_config config;
	struct state *state;
	struct symbol_cache *cache;
	struct sink_set sinks;
	struct roster *roster;
	struct pull *pull; /* NULL: nobody is listened to */
	struct agent *agent;
	int signal_fd, control_fd; /* one of them */
	bool is_beside_run;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

/* ---- configuration ---- */

static struct agent_settings settings_of(struct service *service)
{
	const struct options *const options = &service->config.options;

	return (struct agent_settings){
		.options = options,
		.service =
			{
				.name = options->service,
				.labels = options->labels.items,
				.label_count = options->labels.count,
				.extra = options->extra_labels,
				.options_win = service->is_beside_run,
			},
		.every_ns = service->is_beside_run ? options->push_every : options->agent_every,
		.per_process = options->per_process,
		.keeps_segments = options->keep_segments || service->is_beside_run,
		.run_id = service->is_beside_run ? options->run_id : "",
		.cache = service->cache,
		.state = service->state,
		.sinks = &service->sinks,
		.roster = service->roster,
	};
}

/* A configuration that is not right changes nothing. */
static void reload(struct service *service)
{
	struct agent_config config, old = service->config;
	struct agent_settings settings;

	if (agent_config_read(&config, service->command, service->given) != 0) {
		log_note("the configuration stays as it was");
		return;
	}
	service->config = config;
	sink_set_configure(&service->sinks, service->config.destinations,
			   service->config.destination_count, now_ns() + FLUSH_NS);
	settings = settings_of(service);
	agent_set_settings(service->agent, &settings);
	agent_config_free(&old);
	log_note("the configuration was read again");
}

/* Where the agent's memory is: 0 or a status after it has said what is wrong. */
static int open_state(struct service *service)
{
	const struct options *const options = &service->config.options;
	const char *const systemd = getenv("STATE_DIRECTORY"), *const xdg =
								       getenv("XDG_STATE_HOME");
	const char *const home = getenv("HOME");
	char path[PATH_MAX];
	int status;

	if (service->is_beside_run)
		return 0;
	if (*options->state_directory)
		snprintf(path, sizeof(path), "%s", options->state_directory);
	else if (systemd && *systemd)
		snprintf(path, sizeof(path), "%s", systemd);
	else if (geteuid() == 0)
		snprintf(path, sizeof(path), "/var/lib/heaptide");
	else if (xdg && *xdg)
		snprintf(path, sizeof(path), "%s/heaptide", xdg);
	else
		snprintf(path, sizeof(path), "%s/.local/state/heaptide", home ? home : "");
	status = state_open(path, &service->state);
	if (status < 0)
		return log_failure("cannot use %s: %s; choose another place with --state", path,
				   strerror(-status));
	return 0;
}

/* ---- the loop ---- */

static int open_signals(struct service *service)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	service->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return service->signal_fd < 0 ? log_failure("cannot take signals: %s", strerror(errno)) : 0;
}

/* True when the agent is to end. */
static bool take_signals(struct service *service)
{
	struct signalfd_siginfo info;

	while (read(service->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo != SIGHUP)
			return true;
		reload(service);
	}
	return false;
}

/* For those who ask how the sinks are doing. */
static void publish_sinks(const struct service *service)
{
	struct roster_sink *const sinks = calloc(service->sinks.count + 1, sizeof(*sinks));

	for (size_t i = 0; sinks && i < service->sinks.count; i++) {
		const struct sink *const sink = service->sinks.entries[i].sink;

		snprintf(sinks[i].name, sizeof(sinks[i].name), "%s", sink_name(sink));
		sinks[i].counters = sink_counters(sink);
	}
	if (sinks)
		roster_set_sinks(service->roster, sinks, service->sinks.count);
	free(sinks);
}

static void loop(struct service *service)
{
	const bool has_signals = service->signal_fd >= 0;
	struct pollfd events[] = {
		{.fd = agent_fd(service->agent), .events = POLLIN},
		{.fd = has_signals ? service->signal_fd : service->control_fd, .events = POLLIN},
	};

	for (;;) {
		agent_work(service->agent);
		publish_sinks(service);
		if (poll(events, 2, -1) < 0 && errno != EINTR)
			return;
		if (events[1].revents && (!has_signals || take_signals(service)))
			return;
	}
}

/* ---- life ---- */

static int start_listening(struct service *service)
{
	const struct options *const options = &service->config.options;
	const struct pull_settings settings = {
		.listen = options->listen,
		.token_file = options->listen_token,
		.roster = service->roster,
		.cache = service->cache,
	};

	return *options->listen ? pull_start(&settings, &service->pull) : 0;
}

static int start(struct service *service)
{
	struct agent_settings settings;
	int status = open_state(service);

	if (status != 0)
		return status;
	service->cache = symbol_cache_new(CACHE_BYTES);
	service->roster = roster_new();
	service->sinks.state = service->state;
	service->sinks.done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!service->cache || !service->roster || service->sinks.done_fd < 0 || upload_init() != 0)
		return log_failure("out of memory");
	if (!service->is_beside_run)
		status = open_signals(service);
	if (status == 0)
		status = sink_set_configure(&service->sinks, service->config.destinations,
					    service->config.destination_count, 0);
	if (status != 0)
		return status;
	if (service->sinks.count == 0 && !*service->config.options.listen)
		return log_wrong_use("there is nothing to do: say where profiles go, with --push, "
				     "--otlp, --parca or --folder, or who may ask, with --listen, "
				     "or leave out --no-history");
	settings = settings_of(service);
	status = agent_new(&settings, &service->agent);
	return status == 0 ? start_listening(service) : status;
}

static void stop(struct service *service)
{
	pull_stop(service->pull);
	if (service->agent)
		agent_finish(service->agent);
	sink_set_close(&service->sinks, now_ns() + FLUSH_NS);
	if (service->agent)
		agent_free(service->agent);
	state_close(service->state);
	symbol_cache_free(service->cache);
	roster_free(service->roster);
	agent_config_free(&service->config);
	if (service->signal_fd >= 0)
		close(service->signal_fd);
	if (service->sinks.done_fd >= 0)
		close(service->sinks.done_fd);
}

static int run(struct service *service)
{
	int status = agent_config_read(&service->config, service->command, service->given);

	if (status != 0)
		return status;
	if (service->config.options.log_format == 1)
		log_use_json();
	status = start(service);
	if (status == 0)
		loop(service);
	stop(service);
	return status;
}

int agent_process_run(const struct command *command, const struct options *options)
{
	struct service service = {
		.command = command,
		.given = options,
		.sinks.done_fd = -1,
		.signal_fd = -1,
		.control_fd = -1,
	};

	return run(&service);
}

/* ---- beside heaptide run ---- */

bool agent_process_is_wanted(const struct options *options)
{
	return options->push.count + options->ingest.count + options->otlp.count +
		       options->parca.count + options->folder.count >
	       0;
}

/* Terminals send their signals to the agent, too, but the end comes through the pipe. */
__attribute__((noreturn)) static void be_agent(const struct command *command,
					       const struct options *options, int control_fd)
{
	struct service service = {
		.command = command,
		.given = options,
		.sinks.done_fd = -1,
		.signal_fd = -1,
		.control_fd = control_fd,
		.is_beside_run = true,
	};
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	exit(run(&service));
}

int agent_process_start(struct agent_process *process, const struct command *command,
			const struct options *options)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return log_failure("cannot start the agent: %s", strerror(errno));
	process->pid = fork();
	if (process->pid == 0) {
		close(ends[1]);
		be_agent(command, options, ends[0]);
	}
	close(ends[0]);
	process->control_fd = ends[1];
	if (process->pid > 0)
		return 0;
	close(ends[1]);
	process->pid = 0;
	return log_failure("cannot start the agent: %s", strerror(errno));
}

void agent_process_stop(struct agent_process *process)
{
	if (process->pid == 0)
		return;
	close(process->control_fd);
	while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
		;
	process->pid = 0;
}
