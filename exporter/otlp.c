/*
 * Context: the sink's thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/otlp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/gzip.h"
#include "exporter/log.h"
#include "exporter/otlp_message.h"
#include "exporter/upload.h"

struct otlp {
	struct destination destination;
	struct upload *upload;
	char *url;
	char last_complaint[256];
};

/* What was taken in part must not be sent again; it is said once. */
static void look_for_complaint(struct otlp *otlp)
{
	char text[sizeof(otlp->last_complaint)];
	size_t size;
	const uint8_t *const answer = upload_answer(otlp->upload, &size);

	if (!otlp_message_complaint(answer, size, text, sizeof(text)) ||
	    strcmp(text, otlp->last_complaint) == 0)
		return;
	log_failure("otlp %s: %s", otlp->destination.url, text);
	strcpy(otlp->last_complaint, text);
}

static void send_bytes(struct otlp *otlp, const struct sink *sink, const uint8_t *bytes,
		       size_t size, bool is_gzip, struct delivery *delivery)
{
	const struct upload_request request = {
		.url = otlp->url,
		.content_type = "application/x-protobuf",
		.content_encoding = is_gzip ? "gzip" : NULL,
		.user_agent = "OTel-OTLP-Exporter-C/" HEAPTIDE_VERSION,
		.bytes = bytes,
		.size = size,
		.rules = RETRY_OTLP,
	};

	upload_post(otlp->upload, sink, &request, delivery);
	if (delivery->result == DELIVERY_DONE)
		look_for_complaint(otlp);
}

static void deliver(void *context, const struct sink *sink, const struct job *job,
		    struct delivery *delivery)
{
	struct otlp *const otlp = context;
	const char *const period_type = otlp->destination.period_type;
	uint8_t *bytes, *compressed = NULL;
	size_t size, compressed_size = 0;

	if (otlp_message_encode(job, period_type ? period_type : "space", &bytes, &size) < 0)
		return;
	if (!otlp->destination.no_compression &&
	    gzip_compress(bytes, size, &compressed, &compressed_size) == 0)
		send_bytes(otlp, sink, compressed, compressed_size, true, delivery);
	else
		send_bytes(otlp, sink, bytes, size, false, delivery);
	free(compressed);
	free(bytes);
}

static void close_otlp(void *context)
{
	struct otlp *const otlp = context;

	upload_free(otlp->upload);
	destination_fini(&otlp->destination);
	free(otlp->url);
	free(otlp);
}

const struct sink_driver otlp_driver = {.deliver = deliver, .close = close_otlp};

int otlp_open(const struct destination *destination, void **context)
{
	struct otlp *const otlp = calloc(1, sizeof(*otlp));

	if (!otlp)
		return -ENOMEM;
	if (destination_copy(&otlp->destination, destination) == 0) {
		otlp->url =
			destination_url(&otlp->destination,
					destination->url_is_whole ? "" : "/v1development/profiles");
		otlp->upload = upload_new(&otlp->destination);
	}
	*context = otlp;
	if (otlp->url && otlp->upload)
		return 0;
	close_otlp(otlp);
	return -ENOMEM;
}
