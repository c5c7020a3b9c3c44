/*
 * Who may ask: addresses to listen on, Host headers and tokens. A web page that
 * a user of this machine looks at can send requests to any of its ports, and can
 * make a name of its own lead there; it cannot choose what the Host header says.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_HTTP_GUARD_H
#define EXPORTER_HTTP_GUARD_H

#include <stdbool.h>
#include <sys/socket.h>

struct http_address {
	struct sockaddr_storage address;
	socklen_t size;
	bool is_unix;
	bool is_local; /* nobody reaches it from another machine */
};

/*
 * Reads "ADDRESS:PORT" (an IPv4 address, an IPv6 address in brackets, or
 * localhost) or "unix:PATH". False when it is neither.
 */
bool http_guard_parse_address(const char *text, struct http_address *address);

/* True when a Host header names localhost or an address, not a name that anybody
 * could have registered. NULL: there is none. */
bool http_guard_is_safe_host(const char *host);

/* True when an Authorization header holds the token. Takes as long for any wrong one. */
bool http_guard_has_token(const char *authorization, const char *token);

#endif
