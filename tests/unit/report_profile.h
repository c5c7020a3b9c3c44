/*
 * A profile made by hand, for the tests of reports: a program whose xmalloc()
 * serves parse(), which calls itself, and read_all(), which an inlined function
 * stands in. Sampled at 1 KiB; every number is easy to add up.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_UNIT_REPORT_PROFILE_H
#define TESTS_UNIT_REPORT_PROFILE_H

#include "exporter/profile.h"

#define SMALL_MS UINT64_C(1000000)

static const struct snapshot_bucket small_buckets[] = {
	/* 16 blocks of 64 bytes, a quarter of them seen; half of those died young. */
	{SEGMENT_HISTOGRAM_SIZE, 7, 4, 1024, 16},
	{SEGMENT_HISTOGRAM_LIFETIME, SEGMENT_LIFETIME_BORDER_BUCKET - 1, 2, 512, 8},
	{SEGMENT_HISTOGRAM_LIFETIME, SEGMENT_LIFETIME_BORDER_BUCKET, 1, 256, 4},
};

static struct snapshot_stack small_stacks[] = {
	/* The overflow stack. */
	{.allocated = {0, 0, 0, 0, 0}},
	/* xmalloc < parse < parse < main */
	{
		.depth = 4,
		.allocated = {1024, 16, 4, 4 * 256.0 * 256 * 0.75, 4 * 16 * 0.75},
		.live = {256, 4, 1, 256.0 * 256 * 0.75, 16 * 0.75},
		.peak = {512, 8, 2, 2 * 256.0 * 256 * 0.75, 2 * 16 * 0.75},
		.buckets = small_buckets,
		.bucket_count = 3,
	},
	/* xmalloc < copy (inlined) < read_all < main; larger than the interval: exact */
	{
		.depth = 3,
		.allocated = {1 << 20, 2, 2, 0, 0},
		.live = {1 << 20, 2, 2, 0, 0},
		.peak = {1 << 20, 2, 2, 0, 0},
	},
	/* main */
	{
		.depth = 1,
		.allocated = {4096, 1, 1, 0, 0},
		.peak = {4096, 1, 1, 0, 0},
	},
};

static struct snapshot_block small_blocks[] = {
	{.size = 64, .bytes = 256, .objects = 4, .stack = 1, .birth_monotonic_ns = 900 * SMALL_MS},
	{.size = 524288, .bytes = 524288, .objects = 1, .stack = 2, .thread = 1},
	{.size = 524288, .bytes = 524288, .objects = 1, .stack = 2, .thread = 1},
};

static struct snapshot_thread small_threads[] = {
	{.bytes = 1024, .samples = 4, .objects = 16},
	{.tid = 71, .name = "reader", .bytes = (1 << 20) + 4096, .samples = 3, .objects = 3},
};

static struct snapshot small_snapshot = {
	.pid = 70,
	.parent_pid = 1,
	.start_monotonic_ns = 500 * SMALL_MS,
	.peak_monotonic_ns = 800 * SMALL_MS,
	.last_sample_monotonic_ns = 950 * SMALL_MS,
	.taken_monotonic_ns = 1000 * SMALL_MS,
	.command = "small",
	.command_line = "./small\0--count\0 2",
	.command_line_size = 18,
	.executable = "/opt/small",
	.allocator = "/lib/libc.so.6",
	.start_interval = 1024,
	.interval = 1024,
	.active = true,
	.counters = {[SEGMENT_COUNTER_samples] = 7, [SEGMENT_COUNTER_own_cpu_ns] = 2000000},
	.used_bytes = 65536,
	.stacks = small_stacks,
	.stack_count = 4,
	.blocks = small_blocks,
	.block_count = 3,
	.threads = small_threads,
	.thread_count = 2,
	.allocated = {(1 << 20) + 5120, 19, 7, 4 * 256.0 * 256 * 0.75, 4 * 16 * 0.75},
	.live = {(1 << 20) + 256, 6, 3, 256.0 * 256 * 0.75, 16 * 0.75},
	.peak = {(1 << 20) + 4608, 11, 5, 2 * 256.0 * 256 * 0.75, 2 * 16 * 0.75},
};

enum { SMALL_XMALLOC, SMALL_PARSE, SMALL_COPY, SMALL_READ_ALL, SMALL_MAIN, SMALL_FULL };

static struct profile_function small_functions[] = {
	{"xmalloc", "xmalloc", "alloc.c", 1, true},
	{"parse", "parse", "parse.c", 1, true},
	{"copy", "copy", "read.c", 1, true},
	{"read_all", "read_all", "read.c", 20, true},
	{"main", "main", "main.c", 1, true},
	{"[stack table full]", "[stack table full]", "", 0, true},
};

static struct profile_line small_lines[] = {
	{SMALL_XMALLOC, 3},   {SMALL_PARSE, 7}, {SMALL_PARSE, 9}, {SMALL_COPY, 4},
	{SMALL_READ_ALL, 25}, {SMALL_MAIN, 11}, {SMALL_FULL, 0},
};

static struct profile_mapping small_mappings[] = {
	{.path = "/opt/small"},
	{.path = "/lib/libread.so.1"},
};

/* read_all() and what is inlined into it are in the library. */
static struct profile_location small_locations[] = {
	{.mapping = 0, .first_line = 0, .line_count = 1},
	{.mapping = 0, .first_line = 1, .line_count = 1},
	{.mapping = 0, .first_line = 2, .line_count = 1},
	{.mapping = 1, .first_line = 3, .line_count = 2},
	{.mapping = 0, .first_line = 5, .line_count = 1},
	{.mapping = PROFILE_NO_MAPPING, .first_line = 6, .line_count = 1},
};

static uint32_t small_sample_locations[] = {5, 0, 1, 2, 4, 0, 3, 4, 4};

static struct profile_sample small_samples[] = {
	{&small_stacks[0], 0, 1},
	{&small_stacks[1], 1, 4},
	{&small_stacks[2], 5, 3},
	{&small_stacks[3], 8, 1},
};

static char *small_warnings[] = {"/opt/small was replaced: its functions have no names"};

static const struct profile small_profile = {
	.snapshot = &small_snapshot,
	.functions = small_functions,
	.function_count = 6,
	.lines = small_lines,
	.line_count = 7,
	.mappings = small_mappings,
	.mapping_count = 2,
	.locations = small_locations,
	.location_count = 6,
	.samples = small_samples,
	.sample_count = 4,
	.sample_locations = small_sample_locations,
	.warnings = small_warnings,
	.warning_count = 1,
};

static const struct snapshot empty_snapshot = {
	.pid = 70,
	.command = "empty",
	.allocator = "",
	.start_interval = 524288,
	.interval = 524288,
	.active = true,
};

static const struct profile empty_profile = {.snapshot = &empty_snapshot};

#endif
