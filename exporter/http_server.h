/*
 * A small HTTP server: it checks who asks and how, bounds what a client can take,
 * and hands each request to one function.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_HTTP_SERVER_H
#define EXPORTER_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>

struct http_server;
struct http_request;

/* What is answered; all zero is an empty 200. */
struct http_answer {
	unsigned status;	  /* 0: 200 */
	const char *content_type; /* NULL: text/plain; charset=utf-8 */
	const char *file_name;	  /* of what is to be saved, or NULL */
	bool is_profile_error;	  /* marks it for readers of profiles */
	char *body;		  /* taken: released with free() */
	size_t size;
};

struct http_settings {
	const char *listen;	/* "127.0.0.1:7777", "unix:/run/heaptide.sock" */
	const char *token_file; /* "": no token */
	/* Called in a thread of the connection's own. */
	void (*answer)(void *context, struct http_request *request, struct http_answer *answer);
	/* True when the path may be sent something (POST). */
	bool (*takes_body)(void *context, const char *path);
	void *context;
};

/*
 * Listens and answers. 0 or a status after it has said what is wrong: an address
 * that other machines can reach needs a token.
 */
int http_server_start(const struct http_settings *settings, struct http_server **server);

/* Ends every request and returns when all have ended. NULL is allowed. */
void http_server_stop(struct http_server *server);

/* The path, decoded, and without the query. */
const char *http_request_path(const struct http_request *request);

/* A parameter of the query, or NULL. */
const char *http_request_parameter(const struct http_request *request, const char *name);

/* A header, or NULL. */
const char *http_request_header(const struct http_request *request, const char *name);

/* What was sent with it, ended by a NUL; NULL when the method sends nothing. */
const char *http_request_body(const struct http_request *request);

/* Waits; false when there is nobody to answer any more. */
bool http_request_wait(struct http_request *request, unsigned seconds);

#endif
