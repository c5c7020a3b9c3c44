/*
 * A small profile, put together by hand, for the tests of every format: a stack
 * with an inlined function, one that was cut and whose bytes fit no signed
 * number, and two that differ in one address only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_UNIT_SMALL_PROFILE_H
#define TESTS_UNIT_SMALL_PROFILE_H

#include <stdio.h>

#include "exporter/profile.h"

#define SMALL_PROFILE_TIME_NS INT64_C(1767225600123456789)

static const uint64_t no_frames[1];

static const struct snapshot_bucket small_buckets[] = {
	{SEGMENT_HISTOGRAM_SIZE, 7, 4, 1000, 10},
	{SEGMENT_HISTOGRAM_LIFETIME, 2, 2, 500, 5},
};

static struct snapshot_stack stacks[] = {
	{.frames = no_frames}, /* nothing was charged to the overflow stack */
	{
		.frames = no_frames,
		.allocated = {1000, 10, 4, 100, 1},
		.live = {300, 3, 1, 25, 1},
		.peak = {500, 5, 2, 30, 1},
		.buckets = small_buckets,
		.bucket_count = 2,
	},
	{.frames = no_frames, .allocated = {UINT64_MAX, 1, 1, 0, 0}},
	{.frames = no_frames, .allocated = {20, 2, 1, 0, 0}, .live = {20, 2, 1, 0, 0}},
	{.frames = no_frames, .allocated = {7, 1, 1, 0, 0}, .live = {7, 1, 1, 0, 0}},
};

static struct snapshot_thread small_threads[] = {{.tid = 42, .name = "program", .bytes = 1027}};

static struct snapshot_block small_blocks[] = {
	{.address = 0x7f0000000010, .size = 7, .bytes = 7, .objects = 1, .stack = 4},
};

static struct snapshot snapshot = {
	.pid = 42,
	.host = "machine",
	.command = "program",
	.command_line = "program\0-v\0",
	.command_line_size = 11,
	.allocator = "/lib/libc.so.6",
	.interval = 524288,
	.active = true,
	.taken_realtime_ns = SMALL_PROFILE_TIME_NS,
	.stacks = stacks,
	.stack_count = 5,
	.threads = small_threads,
	.thread_count = 1,
	.blocks = small_blocks,
	.block_count = 1,
};

static struct profile_function functions[] = {
	{"[stack table full]", "[stack table full]", "", 0, true},
	{"make(int)", "_Z4makei", "make.cc", 3, true},
	{"main", "main", "", 0, true},
	{"[truncated]", "[truncated]", "", 0, true},
	{"a;b\nc--d", "a;b\nc--d", "", 0, true},
};

static struct profile_line lines[] = {{0, 0}, {1, 7}, {2, 0}, {2, 0}, {3, 0}, {4, 0}, {4, 0}};

static struct profile_mapping mappings[] = {
	{
		.path = "/bin/program",
		.build_id = "ab01",
		.start = 0x550000001000,
		.limit = 0x550000002000,
		.offset = 0x1000,
		.load_bias = 0x550000000000,
		.has_functions = true,
	},
};

static struct profile_location locations[] = {
	{1, PROFILE_NO_MAPPING, 0, 1}, {0x550000001030, 0, 1, 2}, /* make() inlined into main() */
	{0x550000001010, 0, 3, 1},     {2, PROFILE_NO_MAPPING, 4, 1},
	{0x550000001040, 0, 5, 1},     {0x550000001048, 0, 6, 1}, /* the same function */
};

static uint32_t sample_locations[] = {0, 1, 2, 2, 3, 4, 2, 5, 2};

static struct profile_sample samples[] = {{&stacks[0], 0, 1},
					  {&stacks[1], 1, 2},
					  {&stacks[2], 3, 2},
					  {&stacks[3], 5, 2},
					  {&stacks[4], 7, 2}};

static char *warnings[] = {"beware"};

static const struct profile small = {
	.snapshot = &snapshot,
	.functions = functions,
	.function_count = 5,
	.lines = lines,
	.line_count = 7,
	.mappings = mappings,
	.mapping_count = 1,
	.locations = locations,
	.location_count = 6,
	.samples = samples,
	.sample_count = 5,
	.sample_locations = sample_locations,
	.warnings = warnings,
	.warning_count = 1,
};

#endif
