/*
 * What to do after an attempt: which answers are worth another one, and when.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_RETRY_H
#define EXPORTER_RETRY_H

#include <stdint.h>

#include "exporter/sink.h"

/* Whose answers they are. */
enum retry_rules {
	RETRY_PUSH,   /* Pyroscope's push service, Parca */
	RETRY_INGEST, /* Pyroscope's /ingest, which says 422 to whatever went wrong */
	RETRY_OTLP,   /* OpenTelemetry: 500 is final */
};

/* Waits of more than this are not granted to a server that asks for them. */
#define RETRY_AFTER_MAX_NS UINT64_C(600000000000)

/* What an HTTP status means; 0 stands for no answer at all. */
enum delivery_result retry_judge(enum retry_rules rules, long status);

/*
 * How long to wait after `failures` (>= 1) failed attempts in a row: somewhere
 * between the least wait and the most, which doubles with each failure up to its
 * limit. `random` is any number.
 */
uint64_t retry_delay(const struct sink_limits *limits, unsigned failures, uint64_t random);

/* A Retry-After header: seconds or a date, as HTTP has them; `now` in seconds. 0: none. */
uint64_t retry_after(const char *value, int64_t now);

#endif
