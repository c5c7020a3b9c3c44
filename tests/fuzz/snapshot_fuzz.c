/*
 * libFuzzer's target over the reader: whatever the bytes are, parsing them and
 * walking over all that comes out touches nothing it may not.
 *
 * An input is a segment, when it begins like one; else a list of patches to a
 * good segment, each an offset, a width and a value. Patches get behind the
 * checks of the header far oftener than changed bytes do.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "leakcheck/histogram.h"
#include "leakcheck/thread_list.h"
#include "leakcheck/view.h"
#include "sampler/snapshot.h"
#include "tests/unit/built_segment.h"

struct __attribute__((packed)) patch {
	uint16_t offset;
	uint8_t width; /* 1, 2, 4 or 8 bytes, by its lowest two bits */
	uint64_t value;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t sink;

#define REQUIRE(condition)        \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

static void walk_amount(const struct snapshot_amount *amount)
{
	REQUIRE(amount->bytes <= INT64_MAX && amount->objects <= INT64_MAX);
	REQUIRE(amount->bytes_variance >= 0 && amount->objects_variance >= 0);
	sink += amount->bytes + amount->objects + amount->samples;
}

static void walk_stack(const struct snapshot *snapshot, const struct snapshot_stack *stack)
{
	for (uint32_t i = 0; i < stack->depth; i++) {
		const struct snapshot_module *module =
			snapshot_find_module(snapshot, stack->frames[i] - 1, stack->module_epoch);

		if (module != NULL) {
			REQUIRE(module->start <= stack->frames[i] - 1);
			REQUIRE(stack->frames[i] - 1 < module->end);
			sink += strlen(module->path);
		}
	}
	for (uint32_t i = 0; i < stack->bucket_count; i++) {
		REQUIRE(stack->buckets[i].bucket < SEGMENT_HISTOGRAM_BUCKETS);
		REQUIRE(stack->buckets[i].kind <= SEGMENT_HISTOGRAM_LIFETIME);
	}
	walk_amount(&stack->allocated);
	walk_amount(&stack->live);
	walk_amount(&stack->peak);
}

static void walk_records(const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->stack_count; i++)
		walk_stack(snapshot, &snapshot->stacks[i]);
	for (size_t i = 0; i < snapshot->block_count; i++) {
		sink += snapshot->stacks[snapshot->blocks[i].stack].depth;
		sink += snapshot->threads[snapshot->blocks[i].thread].tid;
	}
	for (size_t i = 0; i < snapshot->module_count; i++) {
		REQUIRE(snapshot->modules[i].build_id_size <= SEGMENT_BUILD_ID_MAX);
		sink += strlen(snapshot->modules[i].path);
	}
	for (size_t i = 0; i < snapshot->thread_count; i++)
		sink += strlen(snapshot->threads[i].name);
}

static void walk_header(const struct snapshot *snapshot)
{
	sink += strlen(snapshot->boot_id) + strlen(snapshot->host) + strlen(snapshot->run_id) +
		strlen(snapshot->command) + strlen(snapshot->executable) +
		strlen(snapshot->allocator) + strlen(snapshot->notice_text);
	REQUIRE(snapshot->command_line_size <= sizeof(snapshot->command_line));
	for (uint32_t i = 0; i < snapshot->command_line_size;)
		i += (uint32_t)strlen(snapshot->command_line + i) + 1;
	REQUIRE(snapshot->interval > 0 && snapshot->start_interval > 0);
	REQUIRE(snapshot->unwinder <= SEGMENT_UNWIND_LIBUNWIND);
	walk_amount(&snapshot->allocated);
	walk_amount(&snapshot->live);
	walk_amount(&snapshot->peak);
}

static void walk_views(const struct snapshot *snapshot)
{
	struct view view = {.snapshot = snapshot, .young_bucket = SEGMENT_LIFETIME_BORDER_BUCKET};
	struct histogram histogram;
	struct thread_list list;

	for (int kind = 0; kind < VIEW_KIND_COUNT; kind++) {
		view.kind = (enum view_kind)kind;
		const struct snapshot_amount total = view_total(&view);

		sink += total.bytes;
	}
	histogram_fill(&histogram, snapshot, SEGMENT_HISTOGRAM_SIZE, NULL,
		       snapshot->taken_monotonic_ns);
	histogram_fill(&histogram, snapshot, SEGMENT_HISTOGRAM_LIFETIME, NULL,
		       snapshot->taken_monotonic_ns);
	REQUIRE(thread_list_fill(&list, snapshot, NULL) == 0);
	thread_list_free(&list);
}

static void parse(const void *bytes, size_t size)
{
	struct snapshot *snapshot = NULL;
	char error[SNAPSHOT_ERROR_SIZE];
	const int result = snapshot_parse(bytes, size, &snapshot, error);

	if (result < 0) {
		REQUIRE(result == -EBADMSG || result == -EPROTONOSUPPORT);
		REQUIRE(snapshot == NULL && error[0] != '\0' && strlen(error) < sizeof(error));
		return;
	}
	walk_header(snapshot);
	walk_records(snapshot);
	walk_views(snapshot);
	snapshot_free(snapshot);
}

static void parse_patched(const uint8_t *data, size_t size)
{
	struct built_segment built;
	struct patch patch;

	built_segment_init(&built);
	for (; size >= sizeof(patch); data += sizeof(patch), size -= sizeof(patch)) {
		memcpy(&patch, data, sizeof(patch));
		const size_t width = (size_t)1 << (patch.width & 3);
		const size_t offset = patch.offset % (sizeof(built) / width) * width;

		memcpy((char *)&built + offset, &patch.value, width);
	}
	parse(&built, sizeof(built));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t magic = SEGMENT_MAGIC;

	if (size >= sizeof(magic) && memcmp(data, &magic, sizeof(magic)) == 0)
		parse(data, size);
	else
		parse_patched(data, size);
	return 0;
}
