/*
 * Sending to a Parca server, as JSON over HTTP.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_PARCA_H
#define EXPORTER_PARCA_H

#include <stdint.h>

#include "exporter/destination.h"
#include "exporter/job.h"
#include "exporter/sink.h"

extern const struct sink_driver parca_driver;

/* The context of a sink for the destination, which is copied. 0 or -ENOMEM. */
int parca_open(const struct destination *destination, void **context);

/* The body of a request, released with free(). 0, -ENOMEM or -EBADMSG. */
int parca_encode(const struct job *job, char **text, size_t *size);

#endif
