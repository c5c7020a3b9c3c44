/*
 * A private copy of a segment, as far as it is in use. Apart from snapshot.c
 * because it is the only part that meets a file which others may be writing,
 * truncating or removing; what is made from the copy meets none of that.
 *
 * The file is read, never mapped: under a mapping, a file that somebody
 * truncates raises SIGBUS, and there is no other defence against that than a
 * signal handler.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_SNAPSHOT_COPY_H
#define SAMPLER_SNAPSHOT_COPY_H

#include <stddef.h>
#include <stdint.h>

#include "sampler/segment_layout.h"

struct snapshot_copy {
	struct segment_header header; /* its version, sizes, regions and settings are checked */
	void *records[SEGMENT_REGION_COUNT];   /* aligned to 8 */
	uint64_t counts[SEGMENT_REGION_COUNT]; /* elements in records; below UINT32_MAX */
};

/*
 * Fill `copy`, to be released with snapshot_copy_fini() whatever is returned:
 * 0, or -errno with one sentence in error[SNAPSHOT_ERROR_SIZE].
 */
int snapshot_copy_file(const char *path, struct snapshot_copy *copy, char *error);
int snapshot_copy_bytes(const void *bytes, size_t size, struct snapshot_copy *copy, char *error);
void snapshot_copy_fini(struct snapshot_copy *copy);

/*
 * Opens a segment with `flags` and checks its header. Returns the descriptor,
 * which is the caller's, or -errno with a sentence.
 */
int snapshot_copy_open(const char *path, int flags, struct segment_header *header, char *error);

#endif
