/*
 * Each connection has a thread and carries one request. What it may take is
 * bounded: its headers and body, and the time until it has been answered; one
 * that is late is cut off by the watching thread.
 *
 * Locks: server->lock, which guards the list of connections.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/http_server.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "exporter/http_guard.h"
#include "exporter/log.h"

#define NS_PER_SECOND UINT64_C(1000000000)

#define CONNECTIONS_MAX 64
#define HEADERS_MAX (32 << 10)
#define BODY_MAX (1 << 20)
#define TOKEN_MAX 1024
/* Naming functions needs some. */
#define STACK_SIZE (1 << 20)
/* From the connection to the end of the request, and from there to that of the
 * answer, what it waits on purpose not counted. */
#define REQUEST_NS (5 * NS_PER_SECOND)
#define ANSWER_NS (30 * NS_PER_SECOND)

struct connection {
	int fd;
	uint64_t deadline_ns; /* monotonic */
	struct connection *next, **link;
};

struct http_server {
	struct http_settings settings;
	char token[TOKEN_MAX]; /* "": none */
	char unix_path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	struct MHD_Daemon *daemon;
	int fd, stop_fd; /* stop_fd becomes readable at the end */
	pthread_t watcher;
	bool is_watching;
	pthread_mutex_t lock;
	pthread_cond_t changed;		/* a deadline, or is_stopping */
	struct connection *connections; /* guarded by lock, like their deadlines */
	bool is_stopping;		/* guarded by lock */
};

struct http_request {
	struct http_server *server;
	struct MHD_Connection *connection;
	const char *path;
	char *body;
	size_t size;
	bool has_body, is_too_large;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

/* ---- deadlines ---- */

/* Cuts off who is late; returns when the next one will be. Under the lock. */
static uint64_t cut_off(struct http_server *server)
{
	const uint64_t now = now_ns();
	uint64_t next = UINT64_MAX;

	for (struct connection *one = server->connections; one; one = one->next) {
		if (one->deadline_ns <= now) {
			shutdown(one->fd, SHUT_RDWR);
			one->deadline_ns = UINT64_MAX;
		}
		if (one->deadline_ns < next)
			next = one->deadline_ns;
	}
	return next;
}

static void *watch(void *context)
{
	struct http_server *const server = context;

	pthread_mutex_lock(&server->lock);
	while (!server->is_stopping) {
		const uint64_t next = cut_off(server);
		const struct timespec until = {(time_t)(next / NS_PER_SECOND),
					       (long)(next % NS_PER_SECOND)};

		if (next == UINT64_MAX)
			pthread_cond_wait(&server->changed, &server->lock);
		else
			pthread_cond_timedwait(&server->changed, &server->lock, &until);
	}
	pthread_mutex_unlock(&server->lock);
	return NULL;
}

static void open_connection(struct http_server *server, int fd, void **context)
{
	struct connection *const connection = calloc(1, sizeof(*connection));

	*context = connection;
	if (!connection) {
		shutdown(fd, SHUT_RDWR);
		return;
	}
	connection->fd = fd;
	connection->deadline_ns = now_ns() + REQUEST_NS;
	pthread_mutex_lock(&server->lock);
	connection->next = server->connections;
	connection->link = &server->connections;
	if (connection->next)
		connection->next->link = &connection->next;
	server->connections = connection;
	pthread_cond_signal(&server->changed);
	pthread_mutex_unlock(&server->lock);
}

static void close_connection(struct http_server *server, struct connection *connection)
{
	if (!connection)
		return;
	pthread_mutex_lock(&server->lock);
	*connection->link = connection->next;
	if (connection->next)
		connection->next->link = connection->link;
	pthread_mutex_unlock(&server->lock);
	free(connection);
}

static int socket_of(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **own,
			  enum MHD_ConnectionNotificationCode what)
{
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		open_connection(context, socket_of(connection), own);
	else
		close_connection(context, *own);
}

/* The watching thread looks again at the next deadline that it knows of. */
static void set_deadline(const struct http_request *request, uint64_t deadline_ns)
{
	struct connection *const connection =
		MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
			->socket_context;

	pthread_mutex_lock(&request->server->lock);
	if (connection)
		connection->deadline_ns = deadline_ns;
	pthread_mutex_unlock(&request->server->lock);
}

/* ---- answers ---- */

static enum MHD_Result send_answer(struct MHD_Connection *connection,
				   const struct http_answer *answer)
{
	struct MHD_Response *const response =
		MHD_create_response_from_buffer(answer->size, answer->body, MHD_RESPMEM_MUST_FREE);
	char disposition[128];
	enum MHD_Result result;

	if (!response) {
		free(answer->body);
		return MHD_NO;
	}
	MHD_add_response_header(response, "Connection", "close");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(response, "Content-Type",
				answer->content_type ? answer->content_type
						     : "text/plain; charset=utf-8");
	if (answer->is_profile_error)
		MHD_add_response_header(response, "X-Go-Pprof", "1");
	if (answer->status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
	if (answer->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, "Allow", "GET, HEAD");
	if (answer->file_name) {
		snprintf(disposition, sizeof(disposition), "attachment; filename=\"%s\"",
			 answer->file_name);
		MHD_add_response_header(response, "Content-Disposition", disposition);
	}
	result = MHD_queue_response(connection, answer->status ? answer->status : MHD_HTTP_OK,
				    response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status, const char *why)
{
	struct http_answer answer = {.status = status};

	answer.body = strdup(why);
	answer.size = answer.body ? strlen(answer.body) : 0;
	return send_answer(connection, &answer);
}

/* ---- requests ---- */

static const char *header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* The status that a request is refused with, and why; 0: it is not. */
static unsigned find_fault(struct http_request *request, const char *method, const char **why)
{
	const struct http_server *const server = request->server;
	const bool is_read = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;

	/* Whoever has the token is no page that somebody happens to look at. */
	if (!*server->token && !*server->unix_path &&
	    !http_guard_is_safe_host(header(request->connection, "Host"))) {
		*why = "the Host header must be localhost or an address\n";
		return MHD_HTTP_FORBIDDEN;
	}
	if (*server->token && strcmp(request->path, "/healthz") != 0 &&
	    !http_guard_has_token(header(request->connection, "Authorization"), server->token)) {
		*why = "a token is needed\n";
		return MHD_HTTP_UNAUTHORIZED;
	}
	request->has_body = strcmp(method, "POST") == 0 &&
			    server->settings.takes_body(server->settings.context, request->path);
	if (!is_read && !request->has_body) {
		*why = "only GET and HEAD\n";
		return MHD_HTTP_METHOD_NOT_ALLOWED;
	}
	return 0;
}

static enum MHD_Result begin_request(struct http_server *server, struct MHD_Connection *connection,
				     const char *path, const char *method, void **own)
{
	struct http_request *const request = calloc(1, sizeof(*request));
	const char *why;
	unsigned status;

	if (!request)
		return MHD_NO;
	*own = request;
	request->server = server;
	request->connection = connection;
	request->path = path;
	status = find_fault(request, method, &why);
	return status ? refuse(connection, status, why) : MHD_YES;
}

/* What is more than allowed is read and forgotten. */
static void keep_body(struct http_request *request, const char *data, size_t size)
{
	char *bigger;

	if (request->is_too_large || size > BODY_MAX - request->size) {
		request->is_too_large = true;
		return;
	}
	bigger = realloc(request->body, request->size + size + 1);
	if (!bigger) {
		request->is_too_large = true;
		return;
	}
	memcpy(bigger + request->size, data, size);
	request->body = bigger;
	request->size += size;
	bigger[request->size] = '\0';
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
				  const char *path, const char *method, const char *version,
				  const char *data, size_t *size, void **own)
{
	struct http_server *const server = context;
	struct http_request *const request = *own;
	struct http_answer answer = {0};

	(void)version;
	if (!request)
		return begin_request(server, connection, path, method, own);
	if (*size > 0) {
		keep_body(request, data, *size);
		*size = 0;
		return MHD_YES;
	}
	if (request->is_too_large)
		return refuse(connection, MHD_HTTP_CONTENT_TOO_LARGE, "too much was sent\n");
	set_deadline(request, now_ns() + ANSWER_NS);
	server->settings.answer(server->settings.context, request, &answer);
	return send_answer(connection, &answer);
}

static void on_end(void *context, struct MHD_Connection *connection, void **own,
		   enum MHD_RequestTerminationCode how)
{
	struct http_request *const request = *own;

	(void)context;
	(void)connection;
	(void)how;
	if (!request)
		return;
	free(request->body);
	free(request);
	*own = NULL;
}

const char *http_request_path(const struct http_request *request)
{
	return request->path;
}

const char *http_request_parameter(const struct http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *http_request_header(const struct http_request *request, const char *name)
{
	return header(request->connection, name);
}

const char *http_request_body(const struct http_request *request)
{
	if (!request->has_body)
		return NULL;
	return request->body ? request->body : "";
}

bool http_request_wait(struct http_request *request, unsigned seconds)
{
	struct http_server *const server = request->server;
	const uint64_t end = now_ns() + seconds * NS_PER_SECOND;
	struct pollfd events[] = {
		{.fd = server->stop_fd, .events = POLLIN},
		{.fd = socket_of(request->connection), .events = POLLRDHUP},
	};
	uint64_t now;

	set_deadline(request, end + ANSWER_NS);
	while ((now = now_ns()) < end) {
		const int count = poll(events, 2, (int)((end - now + 999999) / 1000000));

		if (count > 0 || (count < 0 && errno != EINTR))
			return false;
	}
	return true;
}

/* ---- listening ---- */

static int read_token(const char *path, char token[TOKEN_MAX])
{
	FILE *const file = fopen(path, "re");
	size_t length;

	if (!file)
		return log_failure("cannot read %s: %s", path, strerror(errno));
	length = fread(token, 1, TOKEN_MAX - 1, file);
	fclose(file);
	token[length] = '\0';
	token[strcspn(token, "\r\n")] = '\0';
	return *token ? 0 : log_wrong_use("%s holds no token", path);
}

/* Removes the socket of a server that is gone. */
static void remove_stale(const struct http_address *address, const char *path)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat status;

	if (lstat(path, &status) == 0 && S_ISSOCK(status.st_mode) &&
	    connect(fd, (const struct sockaddr *)&address->address, address->size) != 0 &&
	    errno == ECONNREFUSED)
		unlink(path);
	close(fd);
}

/* A socket in a file is for its owner only, from its first moment on. */
static int bind_address(struct http_server *server, const struct http_address *address)
{
	const struct sockaddr *const name = (const struct sockaddr *)&address->address;
	const int one = 1;
	mode_t old;
	int result;

	if (!address->is_unix) {
		setsockopt(server->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		return bind(server->fd, name, address->size);
	}
	remove_stale(address, ((const struct sockaddr_un *)name)->sun_path);
	old = umask(0177);
	result = bind(server->fd, name, address->size);
	umask(old);
	if (result == 0)
		snprintf(server->unix_path, sizeof(server->unix_path), "%s",
			 ((const struct sockaddr_un *)name)->sun_path);
	return result;
}

/* Says where, since port 0 is any that is free. */
static void say_address(const struct http_server *server)
{
	struct sockaddr_storage name;
	socklen_t size = sizeof(name);
	char host[64], port[16];

	if (*server->unix_path)
		log_note("listening on unix:%s", server->unix_path);
	else if (getsockname(server->fd, (struct sockaddr *)&name, &size) == 0 &&
		 getnameinfo((struct sockaddr *)&name, size, host, sizeof(host), port, sizeof(port),
			     NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		log_note(name.ss_family == AF_INET6 ? "listening on http://[%s]:%s"
						    : "listening on http://%s:%s",
			 host, port);
}

static int open_socket(struct http_server *server)
{
	const char *const text = server->settings.listen;
	struct http_address address;

	if (!http_guard_parse_address(text, &address))
		return log_wrong_use("--listen takes ADDRESS:PORT or unix:PATH, not \"%s\"", text);
	if (!address.is_local && !*server->token)
		return log_wrong_use("other machines can reach %s: a token is needed, in the file "
				     "of --listen-token",
				     text);
	server->fd = socket(address.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (server->fd < 0 || bind_address(server, &address) != 0 ||
	    listen(server->fd, CONNECTIONS_MAX) != 0)
		return log_failure("cannot listen on %s: %s", text, strerror(errno));
	return 0;
}

static void __attribute__((format(printf, 2, 0)))
say_nothing(void *context, const char *format, va_list arguments)
{
	(void)context;
	(void)format;
	(void)arguments;
}

static int start_threads(struct http_server *server)
{
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&server->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pthread_mutex_init(&server->lock, NULL);
	server->is_watching = pthread_create(&server->watcher, NULL, watch, server) == 0;
	if (!server->is_watching)
		return log_failure("cannot start a thread");
	server->daemon = MHD_start_daemon(
		MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_ERROR_LOG, 0,
		NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, say_nothing, NULL,
		MHD_OPTION_LISTEN_SOCKET, server->fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADERS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(ANSWER_NS / NS_PER_SECOND),
		MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_SIZE, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, server, MHD_OPTION_NOTIFY_COMPLETED, on_end, server, MHD_OPTION_END);
	return server->daemon ? 0 : log_failure("cannot start the HTTP server");
}

int http_server_start(const struct http_settings *settings, struct http_server **server)
{
	struct http_server *const own = calloc(1, sizeof(*own));
	int status = 0;

	if (!own)
		return log_failure("out of memory");
	own->settings = *settings;
	own->fd = -1;
	own->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (*settings->token_file)
		status = read_token(settings->token_file, own->token);
	if (status == 0)
		status = open_socket(own);
	if (status == 0)
		status = start_threads(own);
	if (status != 0) {
		http_server_stop(own);
		return status;
	}
	say_address(own);
	*server = own;
	return 0;
}

static void stop_watching(struct http_server *server)
{
	pthread_mutex_lock(&server->lock);
	server->is_stopping = true;
	pthread_cond_signal(&server->changed);
	pthread_mutex_unlock(&server->lock);
	pthread_join(server->watcher, NULL);
	pthread_mutex_destroy(&server->lock);
	pthread_cond_destroy(&server->changed);
}

void http_server_stop(struct http_server *server)
{
	if (!server)
		return;
	eventfd_write(server->stop_fd, 1);
	if (server->daemon)
		MHD_stop_daemon(server->daemon); /* closes server->fd */
	else if (server->fd >= 0)
		close(server->fd);
	if (server->is_watching)
		stop_watching(server);
	if (*server->unix_path)
		unlink(server->unix_path);
	close(server->stop_fd);
	free(server);
}
