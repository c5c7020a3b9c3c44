/*
 * Parca tells differences from states by the duration of a profile, of which a
 * profile has one. So allocations, with it, and what is in use, without, go
 * as two.
 *
 * Context: the sink's thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/parca.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "exporter/json.h"
#include "exporter/pprof.h"
#include "exporter/pprof_read.h"
#include "exporter/upload.h"

struct parca {
	struct destination destination;
	struct upload *upload;
	char *url;
};

static char *encode_base64(const uint8_t *bytes, size_t size)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *const text = malloc((size + 2) / 3 * 4 + 1);
	char *to = text;

	if (!text)
		return NULL;
	for (size_t i = 0; i < size; i += 3) {
		const size_t left = size - i;
		const unsigned three = (unsigned)bytes[i] << 16 |
				       (left > 1 ? (unsigned)bytes[i + 1] << 8 : 0) |
				       (left > 2 ? bytes[i + 2] : 0);

		*to++ = digits[three >> 18];
		*to++ = digits[three >> 12 & 63];
		*to++ = left > 1 ? digits[three >> 6 & 63] : '=';
		*to++ = left > 2 ? digits[three & 63] : '=';
	}
	*to = '\0';
	return text;
}

static int write_profile(struct json *json, struct profile_sum *sum,
			 const struct pprof_options *options)
{
	uint8_t *bytes = NULL;
	size_t size = 0;
	char *text;
	int status = pprof_encode(profile_sum_profile(sum), options, &bytes, &size);

	if (status < 0)
		return status;
	text = encode_base64(bytes, size);
	free(bytes);
	if (!text)
		return -ENOMEM;
	json_open_object(json, NULL);
	json_string(json, "rawProfile", text);
	json_close_object(json);
	free(text);
	return 0;
}

static void write_label(struct json *json, const char *name, const char *value)
{
	char clean[LABELS_NAME_MAX + 2];
	size_t length = 0;

	/* Letters, digits and "_" only, and no digit first. */
	if (isdigit((unsigned char)*name))
		clean[length++] = '_';
	for (; *name && length < LABELS_NAME_MAX; name++)
		clean[length++] = isalnum((unsigned char)*name) ? *name : '_';
	clean[length] = '\0';
	json_open_object(json, NULL);
	json_string(json, "name", clean);
	json_string(json, "value", value);
	json_close_object(json);
}

static void write_labels(struct json *json, const struct labels *labels)
{
	json_open_object(json, "labels");
	json_open_array(json, "labels");
	write_label(json, "__name__", "memory");
	for (size_t i = 0; i < labels->count; i++)
		write_label(json, labels->items[i].name, labels->items[i].value);
	json_close_array(json);
	json_close_object(json);
}

static int write_request(FILE *out, const struct job *job, struct profile_sum *sum)
{
	const struct pprof_options allocated = {
		.only_alloc = true, .time_ns = job->time_ns, .duration_ns = job->duration_ns};
	const struct pprof_options inuse = {.only_inuse = true, .time_ns = job->time_ns};
	struct json json;
	int status;

	json_init(&json, out);
	json_open_object(&json, NULL);
	json_open_array(&json, "series");
	json_open_object(&json, NULL);
	write_labels(&json, &job->labels);
	json_open_array(&json, "samples");
	status = write_profile(&json, sum, &allocated);
	if (status == 0)
		status = write_profile(&json, sum, &inuse);
	json_close_array(&json);
	json_close_object(&json);
	json_close_array(&json);
	json_close_object(&json);
	return status;
}

int parca_encode(const struct job *job, char **text, size_t *size)
{
	struct profile_sum *const sum = profile_sum_new();
	FILE *const out = open_memstream(text, size);
	int status = sum && out ? 0 : -ENOMEM;

	if (status == 0)
		status = pprof_read(job->pprof, job->pprof_size, true, sum, NULL);
	if (status == 0)
		status = write_request(out, job, sum);
	if (out && fclose(out) != 0 && status == 0)
		status = -ENOMEM;
	if (out && status < 0)
		free(*text);
	profile_sum_free(sum);
	return status;
}

static void deliver(void *context, const struct sink *sink, const struct job *job,
		    struct delivery *delivery)
{
	struct parca *const parca = context;
	struct upload_request request = {
		.url = parca->url,
		.content_type = "application/json",
		.rules = RETRY_PUSH,
	};
	char *text;

	if (parca_encode(job, &text, &request.size) < 0)
		return;
	request.bytes = (const uint8_t *)text;
	upload_post(parca->upload, sink, &request, delivery);
	free(text);
}

static void close_parca(void *context)
{
	struct parca *const parca = context;

	upload_free(parca->upload);
	destination_fini(&parca->destination);
	free(parca->url);
	free(parca);
}

const struct sink_driver parca_driver = {.deliver = deliver, .close = close_parca};

int parca_open(const struct destination *destination, void **context)
{
	struct parca *const parca = calloc(1, sizeof(*parca));

	if (!parca)
		return -ENOMEM;
	if (destination_copy(&parca->destination, destination) == 0) {
		parca->url = destination_url(&parca->destination, "/api/profiles/writeraw");
		parca->upload = upload_new(&parca->destination);
	}
	*context = parca;
	if (parca->url && parca->upload)
		return 0;
	close_parca(parca);
	return -ENOMEM;
}
