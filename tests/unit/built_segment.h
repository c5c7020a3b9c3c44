/*
 * A small segment that tests build by hand and then damage: two stacks, two
 * live blocks, two modules of which one was unloaded, two threads.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_UNIT_BUILT_SEGMENT_H
#define TESTS_UNIT_BUILT_SEGMENT_H

#include <stddef.h>
#include <string.h>

#include "sampler/segment_layout.h"

struct built_segment {
	struct segment_header header;
	struct segment_thread threads[4];
	struct segment_module modules[4];
	char strings[64];
	struct segment_stack stacks[4];
	uint64_t frames[8];
	struct segment_block blocks[4];
	struct segment_histogram_node histograms[8];
};

#define BUILT_OBJECTS(n) ((uint64_t)(n)*SEGMENT_ONE_OBJECT)

#define BUILT_REGION(id, field)                                             \
	built->header.regions[id] = (struct segment_region)                 \
	{                                                                   \
		.offset = offsetof(struct built_segment, field),            \
		.capacity = sizeof(built->field) / sizeof(built->field[0]), \
		.element_size = sizeof(built->field[0]),                    \
	}

static inline struct segment_amount built_amount(uint64_t bytes, uint64_t objects, uint64_t samples)
{
	return (struct segment_amount){
		.bytes = bytes,
		.objects = BUILT_OBJECTS(objects),
		.samples = samples,
		.bytes_variance = {.low = bytes * bytes / 2},
		.objects_variance = {.low = BUILT_OBJECTS(objects) * BUILT_OBJECTS(objects) / 4},
	};
}

static inline void built_header(struct built_segment *built)
{
	struct segment_header *header = &built->header;

	header->magic = SEGMENT_MAGIC;
	header->version = SEGMENT_VERSION;
	header->header_size = sizeof(*header);
	header->segment_size = sizeof(*built);
	header->pid = 42;
	header->parent_pid = 41;
	header->uid = 1000;
	header->machine = 62;
	header->process_start_ticks = 777;
	header->start_realtime_ns = 1700000000000000000;
	header->start_monotonic_ns = 5000000000;
	strcpy(header->boot_id, "01234567-89ab-cdef-0123-456789abcdef");
	strcpy(header->host, "myhost");
	strcpy(header->run_id, "run-1");
	strcpy(header->command, "program");
	strcpy(header->executable, "/bin/program");
	memcpy(header->command_line, "program\0-v", 11);
	header->command_line_size = 11;
	header->allocator_name = 14;
	header->budget_bytes = sizeof(*built);
	header->start_interval = 524288;
	header->interval = 1048576;
	header->max_depth = 64;
	header->unwinder = SEGMENT_UNWIND_FP;
	header->seed = 99;
	header->active = SEGMENT_ON;
	header->notices = SEGMENT_NOTICE_BAD_OPTION;
	strcpy(header->notice_text, "a bad option");
	header->peak_bytes = 9000;
	header->peak_epoch = 7;
	header->peak_monotonic_ns = 6000000000;
	header->counters[SEGMENT_COUNTER_samples] = 12;
	header->used[SEGMENT_THREADS] = 2;
	header->used[SEGMENT_MODULES] = 2;
	header->used[SEGMENT_STRINGS] = sizeof(built->strings);
	header->used[SEGMENT_STACKS] = 3;
	header->used[SEGMENT_FRAMES] = 5;
	header->used[SEGMENT_BLOCKS] = 3;
	header->used[SEGMENT_HISTOGRAMS] = 4;
}

static inline void built_stacks(struct built_segment *built)
{
	static const uint64_t frames[5] = {0x1100, 0x1200, 0x2100, 0x2200, 0x1300};

	memcpy(built->frames, frames, sizeof(frames));
	/* 0 is the overflow stack, which nothing was charged to. */
	built->stacks[0] = (struct segment_stack){.ready = 1, .histogram = SEGMENT_NONE};
	built->stacks[1] = (struct segment_stack){
		.ready = 1,
		.sequence = 4,
		.depth = 2,
		.module_epoch = 1,
		.histogram = 0,
		.allocated = built_amount(8000, 80, 8),
		.live = built_amount(3000, 30, 3),
		.peak = built_amount(5000, 50, 5),
		.peak_epoch = 7,
	};
	built->stacks[2] = (struct segment_stack){
		.ready = 1,
		.sequence = 2,
		.first_frame = 2,
		.depth = 3,
		.flags = SEGMENT_STACK_TRUNCATED,
		.module_epoch = 2,
		.histogram = 2,
		.allocated = built_amount(6000, 60, 6),
		.live = built_amount(4000, 40, 4),
		.peak = built_amount(1000, 10, 1),
		.peak_epoch = 3,
	};
	for (uint32_t i = 0; i < 4; i++)
		built->histograms[i] = (struct segment_histogram_node){
			.next = i % 2 ? SEGMENT_NONE : i + 1,
			.kind = i % 2 ? SEGMENT_HISTOGRAM_LIFETIME : SEGMENT_HISTOGRAM_SIZE,
			.bucket = 10 + i,
			.samples = 1 + i,
			.bytes = 100 + i,
			.objects = BUILT_OBJECTS(3) / 2,
		};
}

static inline void built_modules(struct built_segment *built)
{
	memcpy(built->strings, "\0/bin/program\0/lib/old.so\0/lib/new.so", 38);
	built->modules[0] = (struct segment_module){
		.state = SEGMENT_MODULE_LOADED,
		.path = 1,
		.start = 0x1000,
		.end = 0x2000,
		.load_bias = 0x1000,
		.text_start = 0x1100,
		.text_end = 0x1f00,
		.text_offset = 0x100,
		.last_epoch = UINT32_MAX,
		.build_id = {0xab, 0xcd},
		.build_id_size = 2,
	};
	built->modules[1] = built->modules[0];
	built->modules[1].state = SEGMENT_MODULE_UNLOADED;
	built->modules[1].path = 14;
	built->modules[1].start = 0x2000;
	built->modules[1].end = 0x3000;
	built->modules[1].unloaded_monotonic_ns = 6000000000;
	built->modules[1].last_epoch = 1;
}

static inline void built_segment_init(struct built_segment *built)
{
	memset(built, 0, sizeof(*built));
	built_header(built);
	BUILT_REGION(SEGMENT_THREADS, threads);
	BUILT_REGION(SEGMENT_MODULES, modules);
	BUILT_REGION(SEGMENT_STRINGS, strings);
	BUILT_REGION(SEGMENT_STACKS, stacks);
	BUILT_REGION(SEGMENT_FRAMES, frames);
	BUILT_REGION(SEGMENT_BLOCKS, blocks);
	BUILT_REGION(SEGMENT_HISTOGRAMS, histograms);
	built_stacks(built);
	built_modules(built);
	built->threads[1] = (struct segment_thread){
		.tid = 43,
		.name = "worker",
		.bytes = 14000,
		.objects = BUILT_OBJECTS(140),
		.samples = 14,
	};
	for (uint32_t i = 0; i < 3; i += 2) /* block 1 is free */
		built->blocks[i] = (struct segment_block){
			.address = 0x7000 + i,
			.size = 10 + i,
			.bytes = 1000 + i,
			.objects = BUILT_OBJECTS(5) / 2,
			.birth_monotonic_ns = 5500000000 + i,
			.stack = i == 0 ? 1 : 2,
			.thread = i == 0 ? 1 : 0,
		};
}

#endif
