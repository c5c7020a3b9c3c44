/*
 * Sending by OpenTelemetry's protocol for profiles over HTTP.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_OTLP_H
#define EXPORTER_OTLP_H

#include <stdint.h>

#include "exporter/destination.h"
#include "exporter/job.h"
#include "exporter/sink.h"

extern const struct sink_driver otlp_driver;

/* The context of a sink for the destination, which is copied. 0 or -ENOMEM. */
int otlp_open(const struct destination *destination, void **context);

#endif
