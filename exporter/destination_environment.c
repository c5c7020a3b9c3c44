/*
 * Variables that are empty count as not set. For OTLP, a variable of profiles
 * alone is taken before the one of all signals.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/destination_environment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A variable and the name of the setting that it is. */
struct variable {
	const char *name, *setting;
};

static const struct variable pyroscope_variables[] = {
	{"PYROSCOPE_BASIC_AUTH_USER", "user"},
	{"PYROSCOPE_BASIC_AUTH_PASSWORD", "password"},
	{"PYROSCOPE_AUTH_TOKEN", "token"},
	{"PYROSCOPE_TENANT_ID", "tenant"},
	{"PYROSCOPE_PROFILE_EXPORT_TIMEOUT", "timeout"},
	{"PYROSCOPE_PUSH_QUEUE_CAPACITY", "queue-jobs"},
	{NULL, NULL},
};

static const struct variable parca_variables[] = {
	{"PARCA_BEARER_TOKEN", "token"},
	{NULL, NULL},
};

/* What follows OTEL_EXPORTER_OTLP_ or OTEL_EXPORTER_OTLP_PROFILES_. */
static const struct variable otlp_variables[] = {
	{"COMPRESSION", "compression"},
	{"CERTIFICATE", "ca-file"},
	{"CLIENT_KEY", "key"},
	{"CLIENT_CERTIFICATE", "certificate"},
	{NULL, NULL},
};

static const char *get(const char *name)
{
	const char *const value = getenv(name);

	return value && *value ? value : NULL;
}

static const char *get_otlp(const char *name)
{
	char full[96];
	const char *value;

	snprintf(full, sizeof(full), "OTEL_EXPORTER_OTLP_PROFILES_%s", name);
	value = get(full);
	if (value)
		return value;
	snprintf(full, sizeof(full), "OTEL_EXPORTER_OTLP_%s", name);
	return get(full);
}

/* A value that makes no sense is as good as none. */
static int apply(struct destination *destination, const struct variable *variables,
		 const char *(*lookup)(const char *name))
{
	for (; variables->name; variables++) {
		const char *const value = lookup(variables->name);

		if (value && destination_set(destination, variables->setting, value) == -ENOMEM)
			return -ENOMEM;
	}
	return 0;
}

static int read_otlp(struct destination *destination)
{
	const char *const headers = get_otlp("HEADERS"), *const timeout = get_otlp("TIMEOUT");
	int status = apply(destination, otlp_variables, get_otlp);

	if (status == 0 && headers)
		status = labels_parse(&destination->headers, headers, true);
	if (timeout && atol(timeout) > 0)
		destination->timeout_ns = (uint64_t)atol(timeout) * 1000000;
	destination->url_is_whole =
		destination->url && get("OTEL_EXPORTER_OTLP_PROFILES_ENDPOINT") &&
		strcmp(destination->url, get("OTEL_EXPORTER_OTLP_PROFILES_ENDPOINT")) == 0;
	return status;
}

int destination_environment_read(struct destination *destination)
{
	switch (destination->kind) {
	case DESTINATION_PUSH:
	case DESTINATION_INGEST:
		return apply(destination, pyroscope_variables, get);
	case DESTINATION_PARCA:
		return apply(destination, parca_variables, get);
	case DESTINATION_OTLP:
		return read_otlp(destination);
	default:
		return 0;
	}
}

const char *destination_environment_url(enum destination_kind kind)
{
	const char *url = NULL;

	if (kind == DESTINATION_PUSH) {
		url = get("PYROSCOPE_ADHOC_SERVER_ADDRESS");
		return url ? url : get("PYROSCOPE_SERVER_ADDRESS");
	}
	if (kind == DESTINATION_OTLP)
		return get_otlp("ENDPOINT");
	return NULL;
}
