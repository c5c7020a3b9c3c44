/*
 * libFuzzer's target over the reader: whatever the bytes are, parsing them and
 * walking over all that comes out touches nothing it may not.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "leakcheck/histogram.h"
#include "leakcheck/thread_list.h"
#include "leakcheck/view.h"
#include "tests/fuzz/fuzz_input.h"

static uint64_t sink;

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct snapshot *snapshot = fuzz_snapshot(data, size);

	if (snapshot != NULL) {
		walk_header(snapshot);
		walk_records(snapshot);
		walk_views(snapshot);
		snapshot_free(snapshot);
	}
	return 0;
}
