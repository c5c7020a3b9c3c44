/*
 * Profiles as files in a folder, the oldest of which are removed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_FOLDER_H
#define EXPORTER_FOLDER_H

#include "exporter/destination.h"
#include "exporter/sink.h"

/* What is kept when the user does not say. */
#define FOLDER_BYTES (UINT64_C(1) << 30)
#define FOLDER_AGE_NS (UINT64_C(7) * 24 * 3600 * 1000000000)

extern const struct sink_driver folder_driver;

/* Makes the folder when it is not there. 0 or -errno. */
int folder_open(const struct destination *destination, void **context);

#endif
