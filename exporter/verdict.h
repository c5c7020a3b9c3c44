/*
 * What `heaptide run` says when the program has ended.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_VERDICT_H
#define EXPORTER_VERDICT_H

#include "exporter/run_family.h"
#include "exporter/supervisor.h"

/*
 * Writes the profile of the run's main process to --output and, unless --quiet
 * was given, the verdict of at most 25 lines to stderr. Failures are said. False
 * when no process of the run left a segment.
 */
bool verdict_print(const struct run_family *family, const struct supervisor *supervisor);

#endif
