/*
 * Learning at once that there are new segments.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_SEGMENT_WATCH_H
#define EXPORTER_SEGMENT_WATCH_H

#include "exporter/options.h"

struct segment_watch {
	const struct options *options;
	int fd; /* readable when something is new */
};

/*
 * Watches the directory of the options, which is made when it is not there; for root
 * without --dir also those of other users, and whether more of them appear. 0, or
 * a status after it has said what is wrong.
 */
int segment_watch_open(struct segment_watch *watch, const struct options *options);
void segment_watch_close(struct segment_watch *watch);

/* To be called when fd is readable, before the segments are listed. */
void segment_watch_read(struct segment_watch *watch);

#endif
