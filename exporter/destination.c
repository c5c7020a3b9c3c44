/*
 * Context: the agent's main thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/destination.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/units.h"

static const char *const kind_names[DESTINATION_KINDS] = {
	[DESTINATION_PUSH] = "push",	    [DESTINATION_INGEST] = "ingest",
	[DESTINATION_OTLP] = "otlp",	    [DESTINATION_PARCA] = "parca",
	[DESTINATION_DIRECTORY] = "folder", [DESTINATION_HISTORY] = "history",
};

/* The strings of a destination that the configuration names. */
struct text_field {
	const char *name;
	size_t offset;
};

static const struct text_field text_fields[] = {
	{"user", offsetof(struct destination, user)},
	{"password", offsetof(struct destination, password)},
	{"token", offsetof(struct destination, token)},
	{"tenant", offsetof(struct destination, tenant)},
	{"ca-file", offsetof(struct destination, ca_file)},
	{"certificate", offsetof(struct destination, certificate_file)},
	{"key", offsetof(struct destination, key_file)},
	{"proxy", offsetof(struct destination, proxy)},
	{"period-type", offsetof(struct destination, period_type)},
	{NULL, offsetof(struct destination, url)},
	{NULL, offsetof(struct destination, history_tiers)},
};

#define TEXT_FIELDS (sizeof(text_fields) / sizeof(text_fields[0]))

static char **text_at(struct destination *destination, const struct text_field *field)
{
	return (char **)(void *)((char *)destination + field->offset);
}

static const char *text_of(const struct destination *destination, const struct text_field *field)
{
	return *(char *const *)(const void *)((const char *)destination + field->offset);
}

static int set_text(char **text, const char *value)
{
	char *const copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*text);
	*text = copy;
	return 0;
}

int destination_copy(struct destination *to, const struct destination *from)
{
	int status;

	*to = *from;
	to->headers = (struct labels){0};
	for (size_t i = 0; i < TEXT_FIELDS; i++)
		*text_at(to, &text_fields[i]) = NULL;
	status = labels_merge(&to->headers, &from->headers);
	for (size_t i = 0; i < TEXT_FIELDS && status == 0; i++) {
		const char *const text = text_of(from, &text_fields[i]);

		if (text)
			status = set_text(text_at(to, &text_fields[i]), text);
	}
	if (status < 0)
		destination_fini(to);
	return status;
}

void destination_fini(struct destination *destination)
{
	for (size_t i = 0; i < TEXT_FIELDS; i++) {
		free(*text_at(destination, &text_fields[i]));
		*text_at(destination, &text_fields[i]) = NULL;
	}
	labels_fini(&destination->headers);
}

/* A part of a URL, percent-decoded. */
static int set_decoded(char **text, const char *part, size_t length)
{
	char *const copy = strndup(part, length);
	char *to = copy;
	unsigned byte;

	if (!copy)
		return -ENOMEM;
	for (const char *from = copy; *from; from++) {
		if (*from == '%' && sscanf(from + 1, "%2x", &byte) == 1 && byte != 0) {
			*to++ = (char)byte;
			from += 2;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
	free(*text);
	*text = copy;
	return 0;
}

int destination_set_url(struct destination *destination, const char *url)
{
	const char *const scheme_end = strstr(url, "://");
	const char *const host = scheme_end ? scheme_end + 3 : url;
	const char *const path = host + strcspn(host, "/?#");
	const char *const at = memrchr(host, '@', (size_t)(path - host));
	const char *const colon = at ? memchr(host, ':', (size_t)(at - host)) : NULL;
	char *plain = NULL;
	int status = 0;

	if (at)
		status = set_decoded(&destination->user, host,
				     (size_t)((colon ? colon : at) - host));
	if (colon && status == 0)
		status = set_decoded(&destination->password, colon + 1, (size_t)(at - colon - 1));
	if (status == 0 &&
	    asprintf(&plain, "%.*s%s", (int)(host - url), url, at ? at + 1 : host) < 0)
		status = -ENOMEM;
	if (status < 0)
		return status;
	free(destination->url);
	destination->url = plain;
	return 0;
}

/* The first line of a file. */
static int set_from_file(struct destination *destination, const char *name, const char *path)
{
	char *line = NULL;
	size_t size = 0;
	FILE *const file = fopen(path, "re");
	int status = 0;

	if (!file)
		return -errno;
	if (getline(&line, &size, file) < 0)
		status = -EINVAL;
	fclose(file);
	if (status == 0) {
		line[strcspn(line, "\r\n")] = '\0';
		status = destination_set(destination, name, line);
	}
	free(line);
	return status;
}

static int set_header(struct destination *destination, const char *value)
{
	const char *const colon = strpbrk(value, ":=");
	char *name;
	int status;

	if (!colon || colon == value || strpbrk(value, "\r\n"))
		return -EINVAL;
	name = strndup(value, (size_t)(colon - value));
	if (!name)
		return -ENOMEM;
	status = labels_set(&destination->headers, name, colon + 1 + strspn(colon + 1, " "));
	free(name);
	return status;
}

static int set_number(struct destination *destination, const char *name, const char *value)
{
	struct sink_limits *const limits = &destination->limits;
	uint64_t number = 0;
	int status = -ENOENT;

	if (strcmp(name, "timeout") == 0)
		return units_parse_duration(value, &destination->timeout_ns);
	if (strcmp(name, "retry-min") == 0)
		return units_parse_duration(value, &limits->retry_min_ns);
	if (strcmp(name, "retry-max") == 0)
		return units_parse_duration(value, &limits->retry_max_ns);
	if (strcmp(name, "keep-age") == 0)
		return units_parse_duration(value, &destination->directory_age_ns);
	if (strcmp(name, "keep-bytes") == 0)
		return units_parse_bytes(value, &destination->directory_bytes);
	if (strcmp(name, "queue-bytes") == 0) {
		status = units_parse_bytes(value, &number);
		limits->bytes = status == 0 ? number : limits->bytes;
	} else if (strcmp(name, "queue-jobs") == 0) {
		status = units_parse_count(value, &number);
		limits->jobs = status == 0 && number > 0 ? number : limits->jobs;
	} else if (strcmp(name, "tries") == 0) {
		status = units_parse_count(value, &number);
		limits->tries = status == 0 && number > 0 ? (unsigned)number : limits->tries;
	}
	return status;
}

int destination_set(struct destination *destination, const char *name, const char *value)
{
	const size_t length = strlen(name);

	for (size_t i = 0; i < TEXT_FIELDS; i++) {
		const char *const field = text_fields[i].name;

		if (!field)
			continue;
		if (strcmp(name, field) == 0)
			return strpbrk(value, "\r\n")
				       ? -EINVAL
				       : set_text(text_at(destination, &text_fields[i]), value);
		if (length == strlen(field) + 5 && strncmp(name, field, length - 5) == 0 &&
		    strcmp(name + length - 5, "-file") == 0)
			return set_from_file(destination, field, value);
	}
	if (strcmp(name, "header") == 0)
		return set_header(destination, value);
	if (strcmp(name, "compression") == 0) {
		destination->no_compression = strcmp(value, "none") == 0;
		return destination->no_compression || strcmp(value, "gzip") == 0 ? 0 : -EINVAL;
	}
	return set_number(destination, name, value);
}

char *destination_name(const struct destination *destination)
{
	const int length = (int)strcspn(destination->url, "?#");
	char *name = NULL;

	if (asprintf(&name, "%s %.*s", kind_names[destination->kind], length, destination->url) < 0)
		return NULL;
	return name;
}

static bool is_same_text(const char *one, const char *other)
{
	return one && other ? strcmp(one, other) == 0 : one == other;
}

static bool has_same_headers(const struct labels *one, const struct labels *other)
{
	if (one->count != other->count)
		return false;
	for (size_t i = 0; i < one->count; i++)
		if (strcmp(one->items[i].name, other->items[i].name) != 0 ||
		    strcmp(one->items[i].value, other->items[i].value) != 0)
			return false;
	return true;
}

bool destination_is_equal(const struct destination *one, const struct destination *other)
{
	for (size_t i = 0; i < TEXT_FIELDS; i++)
		if (!is_same_text(text_of(one, &text_fields[i]), text_of(other, &text_fields[i])))
			return false;
	return one->kind == other->kind && one->timeout_ns == other->timeout_ns &&
	       one->no_compression == other->no_compression &&
	       one->url_is_whole == other->url_is_whole &&
	       one->directory_bytes == other->directory_bytes &&
	       one->directory_age_ns == other->directory_age_ns &&
	       one->limits.jobs == other->limits.jobs && one->limits.bytes == other->limits.bytes &&
	       one->limits.tries == other->limits.tries &&
	       one->limits.retry_min_ns == other->limits.retry_min_ns &&
	       one->limits.retry_max_ns == other->limits.retry_max_ns &&
	       has_same_headers(&one->headers, &other->headers);
}

char *destination_url(const struct destination *destination, const char *path)
{
	const int query = (int)strcspn(destination->url, "?#");
	size_t length = (size_t)query;
	const size_t path_length = strlen(path);
	char *url = NULL;

	while (length > 0 && destination->url[length - 1] == '/')
		length--;
	if (length >= path_length &&
	    strncmp(destination->url + length - path_length, path, path_length) == 0)
		path = "";
	if (asprintf(&url, "%.*s%s%s", (int)length, destination->url, path,
		     destination->url + query) < 0)
		return NULL;
	return url;
}
