/*
 * A job as a message of OpenTelemetry's protocol: four profiles, one for each kind
 * of number, over one dictionary.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_OTLP_MESSAGE_H
#define EXPORTER_OTLP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exporter/job.h"

/* Receivers copy the mappings of each sample; beyond this they exceed their own limits. */
#define OTLP_MESSAGE_STACKS 5000

/*
 * The message, to be released with free(); the same for the same job.
 * `period_type` is what the period is called: "space" or "memory". 0, -ENOMEM, or
 * -EBADMSG when the job's profile cannot be read.
 */
int otlp_message_encode(const struct job *job, const char *period_type, uint8_t **bytes,
			size_t *size);

/*
 * What a receiver says of a message that it has taken in part, in text[size];
 * false when it has taken all.
 */
bool otlp_message_complaint(const uint8_t *answer, size_t answer_size, char *text, size_t size);

#endif
