/*
 * Pure functions.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/retry.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool is_overload(long status)
{
	return status == 429 || status == 502 || status == 503 || status == 504;
}

/* The address or the credentials are wrong: so they will be for the next job. */
static bool is_closed(long status)
{
	return (status >= 300 && status < 400) || status == 401 || status == 403 || status == 404 ||
	       status == 405;
}

enum delivery_result retry_judge(enum retry_rules rules, long status)
{
	if (status >= 200 && status < 300)
		return DELIVERY_DONE;
	if (status == 0 || is_overload(status))
		return DELIVERY_RETRY;
	if (is_closed(status))
		return DELIVERY_CLOSED;
	if (rules != RETRY_OTLP && (status == 408 || status == 500))
		return DELIVERY_RETRY;
	if (rules == RETRY_INGEST && status == 422)
		return DELIVERY_RETRY_ONCE;
	return DELIVERY_REFUSED;
}

uint64_t retry_delay(const struct sink_limits *limits, unsigned failures, uint64_t random)
{
	uint64_t most = limits->retry_min_ns;

	for (unsigned i = 0; i < failures && most < limits->retry_max_ns; i++)
		most *= 2;
	if (most > limits->retry_max_ns)
		most = limits->retry_max_ns;
	if (most <= limits->retry_min_ns)
		return most;
	return limits->retry_min_ns + random % (most - limits->retry_min_ns + 1);
}

static int64_t seconds_until(const char *date, int64_t now)
{
	struct tm when = {0};

	if (!strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &when))
		return 0;
	return (int64_t)timegm(&when) - now;
}

uint64_t retry_after(const char *value, int64_t now)
{
	char *end;
	int64_t seconds;

	value += strspn(value, " \t");
	seconds = strtoll(value, &end, 10);
	end += strspn(end, " \t\r\n");
	if (end == value || *end != '\0')
		seconds = seconds_until(value, now);
	if (seconds <= 0)
		return 0;
	if ((uint64_t)seconds > RETRY_AFTER_MAX_NS / 1000000000)
		return RETRY_AFTER_MAX_NS;
	return (uint64_t)seconds * 1000000000;
}
