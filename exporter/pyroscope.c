/*
 * One series with one profile per request: of several, a server may take a
 * part and refuse the rest, and could not say which.
 *
 * Context: the sink's thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/pyroscope.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/upload.h"
#include "push.pb-c.h"

struct pyroscope {
	struct destination destination;
	struct upload *upload;
	char *push_url;
};

/* ---- push ---- */

/* Without "__delta__" older servers would take differences of our differences. */
static const char *const fixed_labels[][2] = {
	{"__name__", "memory"},
	{"__delta__", "false"},
	{"pyroscope_spy", "heaptide"},
};

#define FIXED_LABELS (sizeof(fixed_labels) / sizeof(fixed_labels[0]))

static size_t fill_labels(const struct labels *labels, Push__Label *to)
{
	size_t count = 0;

	for (size_t i = 0; i < FIXED_LABELS; i++, count++) {
		to[count] = (Push__Label)PUSH__LABEL__INIT;
		to[count].name = (char *)fixed_labels[i][0];
		to[count].value = (char *)fixed_labels[i][1];
	}
	for (size_t i = 0; i < labels->count && i < LABELS_MAX; i++) {
		if (strcmp(labels->items[i].name, "pyroscope_spy") == 0)
			continue;
		to[count] = (Push__Label)PUSH__LABEL__INIT;
		to[count].name = labels->items[i].name;
		to[count].value = labels->items[i].value;
		count++;
	}
	return count;
}

/* A UUID made from what the server knows the profile by, so that a second attempt
 * has the same. */
static void make_id(const struct job *job, char id[37])
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (const char *c = job->series; *c; c++)
		hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
	snprintf(id, 37, "%08x-%04x-4%03x-8%03x-%012" PRIx64, (unsigned)(hash >> 32),
		 (unsigned)(hash >> 16 & 0xffff), (unsigned)(hash & 0xfff),
		 (unsigned)(job->time_ns >> 48 & 0xfff), job->time_ns & UINT64_C(0xffffffffffff));
}

int pyroscope_encode_push(const struct job *job, uint8_t **bytes, size_t *size)
{
	Push__Label labels[FIXED_LABELS + LABELS_MAX], *label_pointers[FIXED_LABELS + LABELS_MAX];
	Push__Sample sample = PUSH__SAMPLE__INIT, *samples[] = {&sample};
	Push__Series series = PUSH__SERIES__INIT, *all_series[] = {&series};
	Push__Request request = PUSH__REQUEST__INIT;
	char id[37];

	make_id(job, id);
	sample.raw_profile = (ProtobufCBinaryData){job->pprof_size, job->pprof};
	sample.id = id;
	series.n_labels = fill_labels(&job->labels, labels);
	for (size_t i = 0; i < series.n_labels; i++)
		label_pointers[i] = &labels[i];
	series.labels = label_pointers;
	series.n_samples = 1;
	series.samples = samples;
	request.n_series = 1;
	request.series = all_series;
	*size = push__request__get_packed_size(&request);
	*bytes = malloc(*size);
	if (!*bytes)
		return -ENOMEM;
	push__request__pack(&request, *bytes);
	return 0;
}

static void push(struct pyroscope *pyroscope, const struct sink *sink, const struct job *job,
		 struct delivery *delivery)
{
	struct upload_request request = {
		.url = pyroscope->push_url,
		.content_type = "application/proto",
		.rules = RETRY_PUSH,
	};
	uint8_t *bytes;

	if (pyroscope_encode_push(job, &bytes, &request.size) < 0)
		return;
	request.bytes = bytes;
	upload_post(pyroscope->upload, sink, &request, delivery);
	free(bytes);
}

/* ---- ingest ---- */

/* Names may have letters, digits, "_", "." and, for the service, "-" and "/". */
static void write_name(FILE *out, const char *name, const char *others)
{
	for (; *name; name++)
		fputc(isalnum((unsigned char)*name) || strchr(others, *name) ? *name : '_', out);
}

/* Values end at a comma or a brace, whatever is around them. */
static void write_value(FILE *out, const char *value)
{
	for (; *value; value++)
		fputc(strchr(",{}=", *value) ? '_' : *value, out);
}

static void write_key(FILE *out, const struct labels *labels)
{
	const char *const service = labels_get(labels, LABELS_SERVICE);
	bool is_first = true;

	write_name(out, service ? service : "unknown", "_.-/");
	fputc('{', out);
	for (size_t i = 0; i < labels->count; i++) {
		if (strcmp(labels->items[i].name, LABELS_SERVICE) == 0)
			continue;
		if (!is_first)
			fputc(',', out);
		is_first = false;
		write_name(out, labels->items[i].name, "_.");
		fputc('=', out);
		write_value(out, labels->items[i].value);
	}
	fputc('}', out);
}

static char *format_key(const struct labels *labels)
{
	char *key = NULL;
	size_t size;
	FILE *const out = open_memstream(&key, &size);

	if (!out)
		return NULL;
	write_key(out, labels);
	if (fclose(out) == 0)
		return key;
	free(key);
	return NULL;
}

static void write_percent(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (isalnum((unsigned char)*text) || strchr("-_.~", *text))
			fputc(*text, out);
		else
			fprintf(out, "%%%02X", (unsigned char)*text);
	}
}

char *pyroscope_ingest_url(const char *url, const struct job *job)
{
	char *const key = format_key(&job->labels);
	char *result = NULL;
	size_t size;
	FILE *const out = key ? open_memstream(&result, &size) : NULL;

	if (out) {
		fprintf(out, "%s?name=", url);
		write_percent(out, key);
		fprintf(out, "&from=%" PRIu64 "&until=%" PRIu64 "&spyName=heaptide&sampleRate=100",
			job->time_ns - job->duration_ns, job->time_ns);
		if (fclose(out) != 0) {
			free(result);
			result = NULL;
		}
	}
	free(key);
	return result;
}

static void write_part(FILE *out, const char *name, const char *file, const void *bytes,
		       size_t size)
{
	fprintf(out,
		"--" PYROSCOPE_BOUNDARY "\r\nContent-Disposition: form-data; name=\"%s\"; "
		"filename=\"%s\"\r\nContent-Type: application/octet-stream\r\n\r\n",
		name, file);
	fwrite(bytes, 1, size, out);
	fputs("\r\n", out);
}

int pyroscope_encode_ingest(const struct job *job, uint8_t **bytes, size_t *size)
{
	static const char types[] =
		"{\"alloc_objects\":{\"units\":\"objects\"},\"alloc_space\":{\"units\":\"bytes\"},"
		"\"inuse_objects\":{\"units\":\"objects\",\"aggregation\":\"average\"},"
		"\"inuse_space\":{\"units\":\"bytes\",\"aggregation\":\"average\"}}";
	char *body = NULL;
	FILE *const out = open_memstream(&body, size);

	if (!out)
		return -ENOMEM;
	write_part(out, "profile", "profile.pprof", job->pprof, job->pprof_size);
	write_part(out, "sample_type_config", "sample_type_config.json", types, strlen(types));
	fputs("--" PYROSCOPE_BOUNDARY "--\r\n", out);
	if (fclose(out) != 0) {
		free(body);
		return -ENOMEM;
	}
	*bytes = (uint8_t *)body;
	return 0;
}

static void ingest(struct pyroscope *pyroscope, const struct sink *sink, const struct job *job,
		   struct delivery *delivery)
{
	struct upload_request request = {
		.content_type = "multipart/form-data; boundary=" PYROSCOPE_BOUNDARY,
		.rules = RETRY_INGEST,
	};
	char *const url = pyroscope_ingest_url(pyroscope->push_url, job);
	uint8_t *bytes = NULL;

	if (url && pyroscope_encode_ingest(job, &bytes, &request.size) == 0) {
		request.url = url;
		request.bytes = bytes;
		upload_post(pyroscope->upload, sink, &request, delivery);
	}
	free(bytes);
	free(url);
}

/* ---- the driver ---- */

static void deliver(void *context, const struct sink *sink, const struct job *job,
		    struct delivery *delivery)
{
	struct pyroscope *const pyroscope = context;

	if (pyroscope->destination.kind == DESTINATION_INGEST)
		ingest(pyroscope, sink, job, delivery);
	else
		push(pyroscope, sink, job, delivery);
}

static void close_pyroscope(void *context)
{
	struct pyroscope *const pyroscope = context;

	upload_free(pyroscope->upload);
	destination_fini(&pyroscope->destination);
	free(pyroscope->push_url);
	free(pyroscope);
}

const struct sink_driver pyroscope_driver = {.deliver = deliver, .close = close_pyroscope};

int pyroscope_open(const struct destination *destination, void **context)
{
	struct pyroscope *const pyroscope = calloc(1, sizeof(*pyroscope));
	const char *const path =
		destination->kind == DESTINATION_INGEST ? "/ingest" : "/push.v1.PusherService/Push";

	if (!pyroscope)
		return -ENOMEM;
	if (destination_copy(&pyroscope->destination, destination) == 0) {
		pyroscope->push_url = destination_url(&pyroscope->destination, path);
		pyroscope->upload = upload_new(&pyroscope->destination);
	}
	*context = pyroscope;
	if (pyroscope->push_url && pyroscope->upload)
		return 0;
	close_pyroscope(pyroscope);
	return -ENOMEM;
}
