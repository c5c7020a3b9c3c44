/*
 * Context: the agent's main thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/service.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENVIRONMENT_MAX (1 << 20)
#define CONTAINER_ID_LENGTH 64

extern char **environ;

/* The value of a variable that is set and not empty, or NULL. */
static const char *variable(const struct service_environment *environment, const char *name)
{
	const size_t length = strlen(name);

	for (size_t i = 0; i < environment->size;) {
		const char *const entry = environment->text + i;
		const size_t size = strnlen(entry, environment->size - i);

		if (size > length + 1 && entry[length] == '=' &&
		    strncmp(entry, name, length) == 0 && i + size < environment->size)
			return entry + length + 1;
		i += size + 1;
	}
	return NULL;
}

static int parse_variable(const struct service_environment *environment, const char *name,
			  bool percent, struct labels *labels)
{
	const char *const value = variable(environment, name);

	return value ? labels_parse(labels, value, percent) : 0;
}

/* OpenTelemetry's attributes; the service's name among them becomes ours. */
static int read_attributes(const struct service_environment *environment, struct labels *labels)
{
	static const char service[] = "service.name";
	int status = parse_variable(environment, "OTEL_RESOURCE_ATTRIBUTES", true, labels);
	const char *const name = status == 0 ? labels_get(labels, service) : NULL;

	if (name)
		status = labels_set(labels, LABELS_SERVICE, name);
	return status == 0 ? labels_set(labels, service, "") : status;
}

int service_read_environment(const struct service_environment *environment, struct labels *labels)
{
	/* The later ones win. */
	static const char *const names[] = {"PYROSCOPE_APPLICATION_NAME", NULL, "OTEL_SERVICE_NAME",
					    "HEAPTIDE_SERVICE"};
	int status = parse_variable(environment, "PYROSCOPE_LABELS", false, labels);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && status == 0; i++) {
		const char *const name = names[i] ? variable(environment, names[i]) : NULL;

		if (!names[i])
			status = read_attributes(environment, labels);
		else if (name)
			status = labels_set(labels, LABELS_SERVICE, name);
	}
	if (status == 0)
		status = parse_variable(environment, "HEAPTIDE_LABELS", false, labels);
	return status;
}

/* A file in /proc, up to a limit, ended by a NUL of its own; NULL when it cannot be read. */
static char *read_proc(pid_t pid, const char *name, size_t *size)
{
	char path[64], *text = NULL;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	file = fopen(path, "re");
	if (!file)
		return NULL;
	text = malloc(ENVIRONMENT_MAX + 1);
	*size = text ? fread(text, 1, ENVIRONMENT_MAX, file) : 0;
	fclose(file);
	if (text)
		text[*size] = '\0';
	return text;
}

static int read_own(struct labels *labels)
{
	struct service_environment own = {0};
	char *text = NULL;
	FILE *const out = open_memstream(&text, &own.size);
	int status;

	if (!out)
		return -ENOMEM;
	for (char **entry = environ; entry && *entry; entry++)
		fwrite(*entry, 1, strlen(*entry) + 1, out);
	if (fclose(out) != 0) {
		free(text);
		return -ENOMEM;
	}
	own.text = text;
	status = service_read_environment(&own, labels);
	free(text);
	return status;
}

static int read_process(pid_t pid, struct labels *labels)
{
	struct service_environment environment = {0};
	char *const text = pid > 0 ? read_proc(pid, "environ", &environment.size) : NULL;
	int status;

	environment.text = text;
	status = text ? service_read_environment(&environment, labels) : 0;
	free(text);
	return status;
}

static int read_options(const struct service_options *options, struct labels *labels)
{
	int status = 0;

	for (size_t i = 0; i < options->label_count && status == 0; i++)
		status = labels_parse(labels, options->labels[i], false);
	if (status == 0 && *options->name)
		status = labels_set(labels, LABELS_SERVICE, options->name);
	return status;
}

void service_container_id(const char *cgroup, char *id)
{
	size_t run = 0;

	*id = '\0';
	for (const char *c = cgroup;; c++) {
		if (isxdigit((unsigned char)*c)) {
			run++;
			continue;
		}
		if (run == CONTAINER_ID_LENGTH)
			snprintf(id, CONTAINER_ID_LENGTH + 1, "%s", c - run);
		run = 0;
		if (*c == '\0')
			return;
	}
}

static int add_container(pid_t pid, struct labels *labels)
{
	char id[CONTAINER_ID_LENGTH + 1];
	size_t size = 0;
	char *const cgroup = pid > 0 ? read_proc(pid, "cgroup", &size) : NULL;

	if (!cgroup)
		return 0;
	service_container_id(cgroup, id);
	free(cgroup);
	return labels_set(labels, "container_id", id);
}

static int add_extra(const struct service_options *options, pid_t pid, struct labels *labels)
{
	char text[256] = "";
	int status = 0;

	if (options->extra & SERVICE_PID) {
		snprintf(text, sizeof(text), "%d", (int)pid);
		status = labels_set(labels, "pid", text);
	}
	if (options->extra & SERVICE_HOST && status == 0 &&
	    gethostname(text, sizeof(text) - 1) == 0)
		status = labels_set(labels, "host", text);
	if (options->extra & SERVICE_CONTAINER && status == 0)
		status = add_container(pid, labels);
	return status;
}

int service_labels(const struct service_options *options, pid_t pid, const char *command,
		   struct labels *labels)
{
	int status = labels_set(labels, LABELS_SERVICE, *command ? command : "unknown");

	if (status == 0)
		status = read_own(labels);
	if (status == 0 && !options->options_win)
		status = read_options(options, labels);
	if (status == 0)
		status = read_process(pid, labels);
	if (status == 0 && options->options_win)
		status = read_options(options, labels);
	if (status == 0)
		status = add_extra(options, pid, labels);
	return status;
}
