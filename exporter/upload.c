/*
 * Context: a sink's thread; nothing here is shared.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/upload.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* Of an answer, this much is kept for the log. */
#define ANSWER_MAX 512

struct upload {
	const struct destination *destination;
	CURL *curl;
	/* Of the request under way. */
	const struct sink *sink;
	struct curl_slist *headers;
	bool has_failed; /* a header was lost for want of memory */
	char answer[ANSWER_MAX];
	size_t answer_length;
	uint64_t retry_after_ns;
};

int upload_init(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -ENOMEM;
}

struct upload *upload_new(const struct destination *destination)
{
	struct upload *const upload = calloc(1, sizeof(*upload));

	if (!upload)
		return NULL;
	upload->destination = destination;
	upload->curl = curl_easy_init();
	if (upload->curl)
		return upload;
	free(upload);
	return NULL;
}

void upload_free(struct upload *upload)
{
	if (!upload)
		return;
	curl_easy_cleanup(upload->curl);
	free(upload);
}

/* ---- what libcurl calls ---- */

static size_t take_answer(char *bytes, size_t size, size_t count, void *context)
{
	struct upload *const upload = context;
	const size_t room = sizeof(upload->answer) - 1 - upload->answer_length;
	const size_t taken = size * count < room ? size * count : room;

	memcpy(upload->answer + upload->answer_length, bytes, taken);
	upload->answer_length += taken;
	upload->answer[upload->answer_length] = '\0';
	return size * count;
}

static size_t take_header(char *bytes, size_t size, size_t count, void *context)
{
	static const char name[] = "retry-after:";
	struct upload *const upload = context;
	char value[128];

	if (size * count < sizeof(name) || strncasecmp(bytes, name, sizeof(name) - 1) != 0)
		return size * count;
	snprintf(value, sizeof(value), "%.*s", (int)(size * count - sizeof(name) + 1),
		 bytes + sizeof(name) - 1);
	upload->retry_after_ns = retry_after(value, time(NULL));
	return size * count;
}

static int watch_progress(void *context, curl_off_t down_total, curl_off_t down,
			  curl_off_t up_total, curl_off_t up)
{
	const struct upload *const upload = context;

	(void)down_total, (void)down, (void)up_total, (void)up;
	return upload->sink && sink_should_abort(upload->sink);
}

/* ---- the request ---- */

static void add_header(struct upload *upload, const char *name, const char *value)
{
	char *line = NULL;
	struct curl_slist *headers;

	if (asprintf(&line, *value ? "%s: %s" : "%s:%s", name, value) < 0) {
		upload->has_failed = true;
		return;
	}
	headers = curl_slist_append(upload->headers, line);
	if (headers)
		upload->headers = headers;
	else
		upload->has_failed = true;
	free(line);
}

static void add_headers(struct upload *upload, const struct upload_request *request)
{
	const struct destination *const to = upload->destination;

	add_header(upload, "Content-Type", request->content_type);
	if (request->content_encoding)
		add_header(upload, "Content-Encoding", request->content_encoding);
	/* libcurl would wait a second for a word that few servers send. */
	add_header(upload, "Expect", "");
	if (to->tenant && *to->tenant)
		add_header(upload, "X-Scope-OrgID", to->tenant);
	for (size_t i = 0; i < to->headers.count; i++)
		add_header(upload, to->headers.items[i].name, to->headers.items[i].value);
}

static void set_credentials(CURL *curl, const struct destination *to)
{
	if (to->token && *to->token) {
		curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
		curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, to->token);
	} else if (to->user && *to->user) {
		curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
		curl_easy_setopt(curl, CURLOPT_USERNAME, to->user);
		curl_easy_setopt(curl, CURLOPT_PASSWORD, to->password ? to->password : "");
	}
	if (to->ca_file)
		curl_easy_setopt(curl, CURLOPT_CAINFO, to->ca_file);
	if (to->certificate_file)
		curl_easy_setopt(curl, CURLOPT_SSLCERT, to->certificate_file);
	if (to->key_file)
		curl_easy_setopt(curl, CURLOPT_SSLKEY, to->key_file);
	if (to->proxy)
		curl_easy_setopt(curl, CURLOPT_PROXY, to->proxy);
}

static void prepare(struct upload *upload, const struct upload_request *request)
{
	CURL *const curl = upload->curl;

	curl_easy_reset(curl); /* keeps the connection */
	add_headers(upload, request);
	curl_easy_setopt(curl, CURLOPT_URL, request->url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, upload->headers);
	curl_easy_setopt(curl, CURLOPT_USERAGENT,
			 request->user_agent ? request->user_agent : "heaptide/" HEAPTIDE_VERSION);
	curl_easy_setopt(curl, CURLOPT_POST, 1L);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->bytes);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->size);
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
			 (long)(upload->destination->timeout_ns / 1000000));
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, upload);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, upload);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, watch_progress);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, upload);
	set_credentials(curl, upload->destination);
}

/* Text from outside: one line of printable characters. */
static void make_printable(char *text)
{
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
}

/* Errors that another attempt with the same settings cannot mend. */
static bool is_final(CURLcode code)
{
	return code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL ||
	       code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
	       code == CURLE_SSL_CERTPROBLEM;
}

static void judge(struct upload *upload, CURLcode code, enum retry_rules rules,
		  struct delivery *delivery)
{
	long status = 0;

	if (code != CURLE_OK) {
		delivery->result = is_final(code) ? DELIVERY_CLOSED : DELIVERY_RETRY;
		snprintf(delivery->message, sizeof(delivery->message), "%s",
			 curl_easy_strerror(code));
		return;
	}
	curl_easy_getinfo(upload->curl, CURLINFO_RESPONSE_CODE, &status);
	delivery->result = retry_judge(rules, status);
	delivery->retry_after_ns = upload->retry_after_ns;
	if (delivery->result == DELIVERY_DONE)
		return;
	make_printable(upload->answer);
	snprintf(delivery->message, sizeof(delivery->message), "HTTP status %ld%s%.160s", status,
		 *upload->answer ? ": " : "", upload->answer);
}

void upload_post(struct upload *upload, const struct sink *sink,
		 const struct upload_request *request, struct delivery *delivery)
{
	upload->sink = sink;
	upload->has_failed = false;
	upload->answer[0] = '\0';
	upload->answer_length = 0;
	upload->retry_after_ns = 0;
	prepare(upload, request);
	judge(upload, upload->has_failed ? CURLE_OUT_OF_MEMORY : curl_easy_perform(upload->curl),
	      request->rules, delivery);
	curl_slist_free_all(upload->headers);
	upload->headers = NULL;
}

const uint8_t *upload_answer(const struct upload *upload, size_t *size)
{
	*size = upload->answer_length;
	return (const uint8_t *)upload->answer;
}
