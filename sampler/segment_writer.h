/*
 * The writing end of the segment: making the file, taking space in its
 * regions, counting.
 *
 * Context: inside malloc; system calls are made without cancellation points.
 * Invariant: no descriptor stays open. A byte is touched only after the file
 * system has promised its page, so a full disk never becomes SIGBUS.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_SEGMENT_WRITER_H
#define SAMPLER_SEGMENT_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sampler/segment_layout.h"

/* The settings of the library, as read from the environment. */
struct settings {
	uint64_t interval;
	uint64_t budget; /* 0: by the interval */
	uint32_t depth;
	enum segment_unwinder unwinder;
	enum segment_switch start;
	uint32_t only_pid; /* 0: every process is profiled */
	uint64_t seed;
	char dir[256];	      /* "": /dev/shm/heaptide-UID */
	char run_id[32];      /* copied into the header; cut when longer */
	char bad_option[256]; /* a sentence about the first bad value, or "" */
};

/*
 * Makes and maps the segment of this process, invisible to readers until
 * segment_writer_publish(). Returns 0 or -errno; after a failure nothing can be
 * claimed and counts are kept in private memory.
 */
int segment_writer_open(const struct settings *settings);
void segment_writer_publish(void);

/* In a forked child: forgets the parent's segment without touching it. */
void segment_writer_after_fork(void);

/* The header, or NULL while there is no segment. */
struct segment_header *segment_writer_header(void);

/* First element of a region; valid while there is a segment. */
void *segment_writer_region(enum segment_region_id region);

/* How many elements the region can ever hold, and how many were claimed. */
uint64_t segment_writer_capacity(enum segment_region_id region);
uint64_t segment_writer_claimed(enum segment_region_id region);

/*
 * Takes `count` consecutive elements of a region and returns the index of the
 * first; their pages are there and zero. UINT64_MAX when the region is full or
 * the file system has no more space.
 */
uint64_t segment_writer_claim(enum segment_region_id region, uint64_t count);

/* Stores a string in SEGMENT_STRINGS and returns its offset, or SEGMENT_NONE. */
uint32_t segment_writer_string(const char *text);

/* Adds to a counter. Before there is a segment, counts are kept and
 * moved into it when it is made. */
void segment_writer_count(enum segment_counter_id counter, uint64_t n);

#define COUNT(name) segment_writer_count(SEGMENT_COUNTER_##name, 1)

#endif
