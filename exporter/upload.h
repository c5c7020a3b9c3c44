/*
 * HTTP requests to one destination, over a connection that is kept. The only user
 * of libcurl is behind this header.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_UPLOAD_H
#define EXPORTER_UPLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "exporter/destination.h"
#include "exporter/retry.h"
#include "exporter/sink.h"

struct upload;

/* To be called once, before any thread is started. 0 or -ENOMEM. */
int upload_init(void);

/* Borrows the destination, which must outlive it. NULL without memory. */
struct upload *upload_new(const struct destination *destination);
void upload_free(struct upload *upload);

struct upload_request {
	const char *url;
	const char *content_type;
	const char *content_encoding; /* or NULL */
	const char *user_agent;	      /* or NULL: the usual one */
	const uint8_t *bytes;
	size_t size;
	enum retry_rules rules;
};

/*
 * Sends one request and says in *delivery what came of it. Redirections are not
 * followed: they would take the credentials along, or lose them.
 */
void upload_post(struct upload *upload, const struct sink *sink,
		 const struct upload_request *request, struct delivery *delivery);

/* What was answered to the last request, its beginning at least; valid until the next. */
const uint8_t *upload_answer(const struct upload *upload, size_t *size);

#endif
