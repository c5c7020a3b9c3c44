/*
 * The process that wrote a snapshot, if it still runs on this machine: through
 * /proc it leads to files that have no path here, or none at all.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_LIVE_PROCESS_H
#define EXPORTER_LIVE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sampler/snapshot.h"

/* Was the snapshot's process started on this machine since it was booted? */
bool live_process_is_of_this_boot(const struct snapshot *snapshot);

/*
 * The number by which the snapshot's process is known here, also when it has
 * another one in its own PID namespace; 0 when it does not run any more.
 */
pid_t live_process_find(const struct snapshot *snapshot);

/* When the snapshot's process was started: seconds since 1970. */
int64_t live_process_start_time(const struct snapshot *snapshot);

#endif
