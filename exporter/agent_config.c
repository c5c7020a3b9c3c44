/*
 * Context: the agent's main thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/agent_config.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/destination_environment.h"
#include "exporter/history.h"

#define FILE_SIZE_MAX (1 << 20)

/* The options that name sinks, and their kinds. */
static const struct {
	const char *name;
	enum destination_kind kind;
} sink_options[] = {
	{"push", DESTINATION_PUSH},   {"ingest", DESTINATION_INGEST},	 {"otlp", DESTINATION_OTLP},
	{"parca", DESTINATION_PARCA}, {"folder", DESTINATION_DIRECTORY},
};

#define SINK_OPTIONS (sizeof(sink_options) / sizeof(sink_options[0]))

/* The file as it is read. */
struct reading {
	struct agent_config *config;
	const char *path;
	unsigned line;
	struct destination *sink; /* that indented lines are about, or NULL */
};

static int refuse(const struct reading *reading, const char *what, const char *name)
{
	return log_wrong_use("%s, line %u: %s%s", reading->path, reading->line, what, name);
}

/* ---- destinations ---- */

/* Names that stand in messages instead of values, which may be secrets. */
static int apply_setting(struct destination *destination, const char *name, const char *value)
{
	const int status = destination_set(destination, name, value);

	if (status == -ENOENT)
		return log_wrong_use("there is no setting %s of a sink; `heaptide agent --help` "
				     "lists them",
				     name);
	if (status == -EINVAL || status == -ERANGE)
		return log_wrong_use("the value of %s is not right", name);
	return status < 0 ? log_failure("%s: %s", name, strerror(-status)) : 0;
}

/* The settings of --set: "name=value". */
static int apply_settings(struct destination *destination, const struct option_texts *settings)
{
	int status = 0;

	for (size_t i = 0; i < settings->count && status == 0; i++) {
		const char *const equals = strchr(settings->items[i], '=');
		char *name;

		if (!equals)
			return log_wrong_use("--set wants NAME=VALUE, such as tenant=team-a");
		name = strndup(settings->items[i], (size_t)(equals - settings->items[i]));
		status = name ? apply_setting(destination, name, equals + 1) : STATUS_FAILED;
		free(name);
	}
	return status;
}

static int check_url(const struct destination *destination)
{
	const char *const url = destination->url;

	if (*url && (destination->kind >= DESTINATION_DIRECTORY ||
		     strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0))
		return 0;
	return log_wrong_use("'%s' is no address of a server: it wants http://HOST:PORT", url);
}

/* Adds a destination; *added is valid until the next one. */
static int add_destination(struct agent_config *config, enum destination_kind kind, const char *url,
			   struct destination **added)
{
	struct destination *const destinations = reallocarray(
		config->destinations, config->destination_count + 1, sizeof(*destinations));
	struct destination *to;
	int status;

	if (!destinations)
		return log_failure("out of memory");
	config->destinations = destinations;
	to = &destinations[config->destination_count++];
	*to = (struct destination){
		.kind = kind,
		.timeout_ns = UINT64_C(10000000000),
		.limits = sink_limits_default,
	};
	*added = to;
	status = destination_set_url(to, url);
	if (status == 0)
		status = destination_environment_read(to);
	return status < 0 ? log_failure("out of memory") : check_url(to);
}

static int add_given(struct agent_config *config, enum destination_kind kind,
		     const struct option_texts *urls)
{
	struct destination *added;
	int status = 0;

	for (size_t i = 0; i < urls->count && status == 0; i++) {
		status = add_destination(config, kind, urls->items[i], &added);
		if (status == 0)
			status = apply_settings(added, &config->options.sink_settings);
	}
	return status;
}

/* When nobody names a sink, the environment may. */
static int add_from_environment(struct agent_config *config)
{
	struct destination *added;
	int status = 0;

	for (size_t i = 0; i < SINK_OPTIONS && status == 0; i++) {
		const char *const url = destination_environment_url(sink_options[i].kind);

		if (url)
			status = add_destination(config, sink_options[i].kind, url, &added);
	}
	return status;
}

/* Where the agent remembers things, unless the history has a place of its own. */
static int history_path(const struct options *options, char path[PATH_MAX])
{
	const char *const systemd = getenv("STATE_DIRECTORY");
	const char *const folder = *options->state_directory ? options->state_directory : systemd;
	int length;

	if (!*options->history && (!folder || !*folder))
		return history_default_path(path);
	if (*options->history)
		length = snprintf(path, PATH_MAX, "%s", options->history);
	else
		length = snprintf(path, PATH_MAX, "%s/history.db", folder);
	return length < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int add_history(struct agent_config *config)
{
	const struct options *const options = &config->options;
	struct history_limits limits;
	struct destination *added;
	char path[PATH_MAX];
	int status = history_path(options, path);

	if (status < 0)
		return log_failure("there is no place for the history: %s; name one with "
				   "--history, or do without by --no-history",
				   strerror(-status));
	if (history_limits_parse(options->history_tiers, &limits) < 0)
		return log_wrong_use("--history-tiers wants three details, each with the age up to "
				     "which it is kept, such as 15s:1h,1m:1d,15m:30d");
	status = add_destination(config, DESTINATION_HISTORY, path, &added);
	if (status != 0)
		return status;
	added->directory_bytes = options->history_bytes;
	added->history_tiers = strdup(options->history_tiers);
	return added->history_tiers ? 0 : log_failure("out of memory");
}

static int add_destinations(struct agent_config *config, const struct command *command)
{
	const struct options *const options = &config->options;
	const struct option_texts *const given[SINK_OPTIONS] = {&options->push, &options->ingest,
								&options->otlp, &options->parca,
								&options->folder};
	const size_t in_file = config->destination_count;
	int status = 0;

	for (size_t i = 0; i < SINK_OPTIONS && status == 0; i++)
		status = add_given(config, sink_options[i].kind, given[i]);
	if (status == 0 && in_file == 0 && config->destination_count == 0)
		status = add_from_environment(config);
	/* `heaptide run` leaves its segment behind, and keeps no history. */
	if (status == 0 && strcmp(command->name, "agent") == 0 && !options->no_history)
		status = add_history(config);
	return status;
}

/* ---- the file ---- */

static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return text + strspn(text, " \t");
}

/* Cuts "name = value" or "name value" in two. */
static char *split(char *text)
{
	char *value = text + strcspn(text, " \t=");

	if (*value == '\0')
		return value;
	*value++ = '\0';
	value += strspn(value, " \t");
	if (*value == '=')
		value += 1 + strspn(value + 1, " \t");
	return value;
}

static int append_argument(struct agent_config *config, const char *name, const char *value)
{
	char **const arguments =
		reallocarray(config->arguments, config->argument_count + 2, sizeof(*arguments));
	char *argument = NULL;

	if (arguments)
		config->arguments = arguments;
	if (!arguments || asprintf(&argument, *value ? "--%s=%s" : "--%s%s", name, value) < 0)
		return log_failure("out of memory");
	arguments[config->argument_count++] = argument;
	arguments[config->argument_count] = NULL;
	return 0;
}

static int read_option(struct reading *reading, const char *name, const char *value)
{
	reading->sink = NULL;
	if (strcmp(name, "config") == 0)
		return refuse(reading, "a file cannot name another", "");
	for (size_t i = 0; i < SINK_OPTIONS; i++)
		if (strcmp(name, sink_options[i].name) == 0)
			return add_destination(reading->config, sink_options[i].kind, value,
					       &reading->sink);
	return append_argument(reading->config, name, value);
}

static int read_line(struct reading *reading, char *line)
{
	const bool is_indented = isspace((unsigned char)*line);
	char *const name = trim(line);
	const char *value;
	int status;

	if (*name == '\0' || *name == '#')
		return 0;
	value = split(name);
	if (!is_indented)
		return read_option(reading, name, value);
	if (!reading->sink)
		return refuse(reading, "there is no sink above for ", name);
	status = apply_setting(reading->sink, name, value);
	if (status != 0)
		refuse(reading, "in ", name);
	return status;
}

static int read_lines(struct reading *reading)
{
	char *rest = reading->config->text, *line;
	int status = 0;

	while (status == 0 && (line = strsep(&rest, "\n"))) {
		reading->line++;
		status = read_line(reading, line);
	}
	return status;
}

static int load_file(struct agent_config *config, const char *path)
{
	FILE *const file = fopen(path, "re");
	size_t length;

	if (!file)
		return log_failure("cannot read %s: %s", path, strerror(errno));
	config->text = malloc(FILE_SIZE_MAX + 1);
	length = config->text ? fread(config->text, 1, FILE_SIZE_MAX, file) : 0;
	fclose(file);
	if (!config->text)
		return log_failure("out of memory");
	config->text[length] = '\0';
	return 0;
}

static int read_file(struct agent_config *config, const struct command *command)
{
	struct reading reading = {.config = config, .path = config->options.config};
	struct options in_file;
	int status = load_file(config, reading.path);

	if (status == 0)
		status = read_lines(&reading);
	if (status == 0 && config->argument_count > 0)
		status = options_parse(command, config->arguments, &in_file);
	if (status == OPTIONS_HELP)
		status = log_wrong_use("%s: there is no option help", reading.path);
	if (status == 0 && config->argument_count > 0)
		options_merge(&config->options, &in_file);
	for (size_t i = 0; i < config->destination_count && status == 0; i++)
		status = apply_settings(&config->destinations[i], &config->options.sink_settings);
	return status;
}

int agent_config_read(struct agent_config *config, const struct command *command,
		      const struct options *options)
{
	int status = 0;

	*config = (struct agent_config){.options = *options};
	if (*options->config)
		status = read_file(config, command);
	if (status == 0)
		status = add_destinations(config, command);
	if (status != 0)
		agent_config_free(config);
	return status;
}

void agent_config_free(struct agent_config *config)
{
	for (size_t i = 0; i < config->destination_count; i++)
		destination_fini(&config->destinations[i]);
	for (size_t i = 0; i < config->argument_count; i++)
		free(config->arguments[i]);
	free(config->destinations);
	free(config->arguments);
	free(config->text);
	*config = (struct agent_config){0};
}
