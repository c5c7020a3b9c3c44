/*
 * Context: pure functions.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/http_guard.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#define HOST_SIZE 64

static bool parse_unix(const char *path, struct http_address *address)
{
	struct sockaddr_un *const name = (struct sockaddr_un *)&address->address;

	if (*path == '\0' || strlen(path) >= sizeof(name->sun_path))
		return false;
	name->sun_family = AF_UNIX;
	strcpy(name->sun_path, path);
	address->size = sizeof(*name);
	address->is_unix = true;
	address->is_local = true;
	return true;
}

static bool is_loopback(const struct in6_addr *address)
{
	return IN6_IS_ADDR_LOOPBACK(address) ||
	       (IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[12] == IN_LOOPBACKNET);
}

static bool set_ip(const char *host, bool is_bracketed, in_port_t port,
		   struct http_address *address)
{
	struct sockaddr_in *const ip4 = (struct sockaddr_in *)&address->address;
	struct sockaddr_in6 *const ip6 = (struct sockaddr_in6 *)&address->address;

	if (is_bracketed && inet_pton(AF_INET6, host, &ip6->sin6_addr) == 1) {
		ip6->sin6_family = AF_INET6;
		ip6->sin6_port = htons(port);
		address->size = sizeof(*ip6);
		address->is_local = is_loopback(&ip6->sin6_addr);
		return true;
	}
	if (is_bracketed || inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host,
				      &ip4->sin_addr) != 1)
		return false;
	ip4->sin_family = AF_INET;
	ip4->sin_port = htons(port);
	address->size = sizeof(*ip4);
	address->is_local = ntohl(ip4->sin_addr.s_addr) >> IN_CLASSA_NSHIFT == IN_LOOPBACKNET;
	return true;
}

/* Splits "[HOST]:PORT" or "HOST:PORT"; *port is "" without one. */
static bool split(const char *text, char host[HOST_SIZE], bool *is_bracketed, const char **port)
{
	const char *end;
	size_t length;

	*is_bracketed = *text == '[';
	text += *is_bracketed;
	end = *is_bracketed ? strchr(text, ']') : text + strcspn(text, ":");
	length = end ? (size_t)(end - text) : HOST_SIZE;
	if (length == 0 || length >= HOST_SIZE)
		return false;
	memcpy(host, text, length);
	host[length] = '\0';
	end += *is_bracketed;
	*port = *end == ':' ? end + 1 : end;
	return *end == ':' || *end == '\0';
}

static bool parse_port(const char *text, in_port_t *port)
{
	char *end;
	const unsigned long number = strtoul(text, &end, 10);

	*port = (in_port_t)number;
	return isdigit((unsigned char)*text) && *end == '\0' && number <= UINT16_MAX;
}

bool http_guard_parse_address(const char *text, struct http_address *address)
{
	char host[HOST_SIZE];
	bool is_bracketed;
	const char *port_text;
	in_port_t port;

	*address = (struct http_address){0};
	if (strncmp(text, "unix:", 5) == 0)
		return parse_unix(text + 5, address);
	return split(text, host, &is_bracketed, &port_text) && parse_port(port_text, &port) &&
	       set_ip(host, is_bracketed, port, address);
}

bool http_guard_is_safe_host(const char *host)
{
	struct http_address ignored = {0};
	char name[HOST_SIZE];
	bool is_bracketed;
	const char *port_text;
	in_port_t port;

	if (!host || !split(host, name, &is_bracketed, &port_text))
		return false;
	if (*port_text && !parse_port(port_text, &port))
		return false;
	return (!is_bracketed && strcasecmp(name, "localhost") == 0) ||
	       set_ip(name, is_bracketed, 0, &ignored);
}

bool http_guard_has_token(const char *authorization, const char *token)
{
	static const char scheme[] = "Bearer ";
	const size_t length = strlen(token);
	unsigned char difference = 0;
	const char *given;

	if (!authorization || strncasecmp(authorization, scheme, strlen(scheme)) != 0)
		return false;
	given = authorization + strlen(scheme);
	if (strlen(given) != length)
		return false;
	for (size_t i = 0; i < length; i++)
		difference |= (unsigned char)(given[i] ^ token[i]);
	return difference == 0;
}
