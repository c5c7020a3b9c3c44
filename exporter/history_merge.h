/*
 * Giving up detail: the profiles of a series that end within one bucket of time
 * become one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_HISTORY_MERGE_H
#define EXPORTER_HISTORY_MERGE_H

#include "exporter/history.h"

/* Merges the oldest bucket that has come of age. 0, -ENOENT when there is none, or
 * another -errno. */
int history_merge_oldest(struct history *history, uint64_t now_ns);

#endif
