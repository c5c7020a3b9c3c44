/*
 * Context: the sink's thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/history_sink.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "exporter/history.h"

/* What may pass by itself, and what somebody must see to. */
static enum delivery_result result_of(int status)
{
	switch (status) {
	case 0:
		return DELIVERY_DONE;
	case -EFBIG:
		return DELIVERY_REFUSED;
	case -EBADMSG:
	case -EACCES:
		return DELIVERY_CLOSED;
	default:
		return DELIVERY_RETRY;
	}
}

static void deliver(void *context, const struct sink *sink, const struct job *job,
		    struct delivery *delivery)
{
	const int status = history_append(context, job);

	(void)sink;
	delivery->result = result_of(status);
	if (status == -EFBIG)
		snprintf(delivery->message, sizeof(delivery->message),
			 "a profile of %zu bytes is too large for the budget", job->pprof_size);
	else if (status < 0)
		snprintf(delivery->message, sizeof(delivery->message), "cannot write: %s",
			 status == -EBADMSG ? "the file is damaged" : strerror(-status));
}

static void close_sink(void *context)
{
	history_close(context);
}

/* A process that allocates nothing still has a timeline. */
const struct sink_driver history_sink_driver = {
	.deliver = deliver,
	.close = close_sink,
	.keeps_all = true,
	.takes_empty = true,
};

int history_sink_open(const struct destination *destination, void **context)
{
	struct history_limits limits = history_limits_default;
	struct history *history;
	int status = history_limits_parse(destination->history_tiers, &limits);

	limits.budget_bytes = destination->directory_bytes;
	if (status == 0)
		status = history_open(destination->url, &limits, &history);
	*context = status == 0 ? history : NULL;
	return status;
}
