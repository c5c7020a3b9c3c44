/*
 * The sink that keeps profiles in the local history.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_HISTORY_SINK_H
#define EXPORTER_HISTORY_SINK_H

#include "exporter/destination.h"
#include "exporter/sink.h"

extern const struct sink_driver history_sink_driver;

/* The destination's URL is the file, its directory_bytes the budget. 0 or -errno. */
int history_sink_open(const struct destination *destination, void **context);

#endif
