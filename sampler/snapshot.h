/*
 * The reading end of the segment: a checked copy, taken while the process runs
 * or after its death. Believes nothing it reads: every size, offset, index and
 * count is copied once and checked.
 *
 * Context: the reader process. Never stops or disturbs the writer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_SNAPSHOT_H
#define SAMPLER_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sampler/segment_layout.h"

/* An estimated sum with its variance. Exact when the variances are 0. */
struct snapshot_amount {
	uint64_t bytes;
	uint64_t objects; /* rounded to whole objects */
	uint64_t samples;
	double bytes_variance;	 /* bytes^2 */
	double objects_variance; /* objects^2 */
};

struct snapshot_bucket {
	uint16_t kind;	 /* enum segment_histogram_kind */
	uint16_t bucket; /* as segment_layout.h defines them */
	uint64_t samples;
	uint64_t bytes;
	double objects; /* not rounded: buckets are added up first */
};

struct snapshot_stack {
	const uint64_t *frames; /* return addresses, innermost first */
	uint32_t depth;		/* 0: the overflow stack */
	uint16_t flags;		/* enum segment_stack_flag */
	uint32_t module_epoch;
	struct snapshot_amount allocated;
	struct snapshot_amount live;
	struct snapshot_amount peak;
	const struct snapshot_bucket *buckets;
	uint32_t bucket_count;
};

struct snapshot_block {
	uint64_t address;
	uint64_t size;
	uint64_t bytes; /* weighted */
	double objects; /* weighted */
	uint64_t birth_monotonic_ns;
	uint32_t stack;	 /* index into snapshot.stacks */
	uint32_t thread; /* index into snapshot.threads; [0] is always there */
};

struct snapshot_module {
	const char *path;
	uint64_t start, end, load_bias, text_start, text_end, text_offset;
	uint64_t loaded_monotonic_ns, unloaded_monotonic_ns;
	uint32_t first_epoch, last_epoch;
	uint8_t build_id[SEGMENT_BUILD_ID_MAX];
	uint32_t build_id_size;
	bool unloaded;
};

struct snapshot_thread {
	uint32_t tid; /* 0: the threads no record could be had for */
	char name[16];
	uint64_t bytes, samples;
	double objects;
};

/* Everything a segment says, checked. Strings end with NUL. */
struct snapshot {
	uint32_t pid, parent_pid, uid, machine;
	uint64_t process_start_ticks;
	uint64_t start_realtime_ns, start_monotonic_ns;
	char boot_id[40], host[64], run_id[32], command[16], executable[512];
	char command_line[1024]; /* arguments, each ended by NUL */
	uint32_t command_line_size;
	const char *allocator; /* path of the object with the real malloc, or "" */
	uint64_t budget_bytes, start_interval, interval, seed;
	uint32_t max_depth;
	enum segment_unwinder unwinder;
	bool active;  /* sampling is on */
	bool ended;   /* the process reached its exit handlers */
	bool is_over; /* set by those who looked for the process: there is none any more */
	uint32_t notices;
	char notice_text[256];
	uint64_t off_since_ns, off_total_ns;
	uint64_t peak_bytes, peak_monotonic_ns, last_sample_monotonic_ns;
	uint64_t counters[SEGMENT_COUNTER_COUNT];
	uint64_t used_bytes;				/* of the segment */
	uint64_t taken_realtime_ns, taken_monotonic_ns; /* when this copy was made */

	struct snapshot_stack *stacks;
	size_t stack_count;
	struct snapshot_block *blocks;
	size_t block_count;
	struct snapshot_module *modules;
	size_t module_count;
	struct snapshot_thread *threads;
	size_t thread_count;

	struct snapshot_amount allocated, live, peak; /* sums over the stacks */
	uint64_t damaged; /* records that were left out, or kept without their stack */

	void *storage; /* private to snapshot.c */
};

#define SNAPSHOT_ERROR_SIZE 256

/*
 * Copies the segment at `path`. Returns 0 and a snapshot to be released with
 * snapshot_free(); or -errno (-ENOENT, -EACCES, -EBADMSG: not a segment or
 * damaged, -EPROTONOSUPPORT: made by another version, ...) with one sentence, without
 * a full stop, in error[SNAPSHOT_ERROR_SIZE].
 */
int snapshot_take(const char *path, struct snapshot **snapshot, char *error);

/* The same from bytes in memory, which may be anything and may change. */
int snapshot_parse(const void *bytes, size_t size, struct snapshot **snapshot, char *error);

void snapshot_free(struct snapshot *snapshot);

/*
 * The module that held `address` when stacks of `module_epoch` were taken, or
 * NULL. `address` is looked up as it is: pass return address - 1.
 */
const struct snapshot_module *snapshot_find_module(const struct snapshot *snapshot,
						   uint64_t address, uint32_t module_epoch);

/* Name and meaning of a counter, as counters.def has them. */
const char *snapshot_counter_name(enum segment_counter_id counter);
const char *snapshot_counter_meaning(enum segment_counter_id counter);

/*
 * What `heaptide ctl` does: asks the process that writes the segment for
 * another interval (0: leave it) and state (-1: leave it). 0 or -errno.
 */
int snapshot_control(const char *path, uint64_t interval, int active, char *error);

#endif
