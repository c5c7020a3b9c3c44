/*
 * Where profiles are sent, and with which rights: one sink as the user describes it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_DESTINATION_H
#define EXPORTER_DESTINATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exporter/labels.h"
#include "exporter/sink.h"

enum destination_kind {
	DESTINATION_PUSH,   /* Pyroscope's push service */
	DESTINATION_INGEST, /* Pyroscope's older /ingest */
	DESTINATION_OTLP,
	DESTINATION_PARCA,
	DESTINATION_DIRECTORY,
	DESTINATION_HISTORY,
	DESTINATION_KINDS
};

/* Strings are its own; NULL: not given. */
struct destination {
	enum destination_kind kind;
	char *url; /* without user and password; or the directory or file */
	char *user, *password, *token, *tenant;
	struct labels headers; /* names and values */
	char *ca_file, *certificate_file, *key_file, *proxy;
	char *period_type; /* OTLP: "memory" for Pyroscope, which names profiles by it; else "space" */
	uint64_t timeout_ns;
	bool no_compression;
	bool url_is_whole;			    /* no path is added to it */
	char *history_tiers;			    /* as history_limits_parse() takes them */
	uint64_t directory_bytes, directory_age_ns; /* 0: any */
	struct sink_limits limits;
};

/* A copy; 0 or -ENOMEM. Both are to be released. */
int destination_copy(struct destination *to, const struct destination *from);
void destination_fini(struct destination *destination);

/* Sets the URL; a user and a password in it move to where they belong. 0 or -ENOMEM. */
int destination_set_url(struct destination *destination, const char *url);

/*
 * Sets a string by the name that it has in the configuration ("user", "token-file",
 * ...). `-file` names a file whose first line is the value. 0, -ENOENT when there
 * is no such name, -EINVAL for a bad value, or another -errno of reading it.
 */
int destination_set(struct destination *destination, const char *name, const char *value);

/* What people call it: kind and address, no secret. Released with free(). */
char *destination_name(const struct destination *destination);

bool destination_is_equal(const struct destination *one, const struct destination *other);

/* The URL with a path below it, unless it ends in that path already. Released with free(). */
char *destination_url(const struct destination *destination, const char *path);

#endif
