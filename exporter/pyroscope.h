/*
 * Sending to a Grafana Pyroscope server, through its push service or /ingest.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_PYROSCOPE_H
#define EXPORTER_PYROSCOPE_H

#include "exporter/destination.h"
#include "exporter/job.h"
#include "exporter/sink.h"

extern const struct sink_driver pyroscope_driver;

/* The context of a sink for the destination, which is copied. 0 or -ENOMEM. */
int pyroscope_open(const struct destination *destination, void **context);

/* The body of a push request, released with free(). The same for the same job. 0 or -ENOMEM. */
int pyroscope_encode_push(const struct job *job, uint8_t **bytes, size_t *size);

/* The address of an /ingest request of the job; released with free(). NULL without memory. */
char *pyroscope_ingest_url(const char *url, const struct job *job);

/* Its body, of type multipart/form-data with PYROSCOPE_BOUNDARY. 0 or -ENOMEM. */
int pyroscope_encode_ingest(const struct job *job, uint8_t **bytes, size_t *size);

#define PYROSCOPE_BOUNDARY "heaptide-5f0c3b1e9a7d4286"

#endif
