/*
 * The golden offsets of the segment. Whoever has to change a number here
 * changes what segments that exist already mean: raise SEGMENT_VERSION too.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "sampler/segment_layout.h"
#include "tests/unit/unit.h"

struct golden {
	const char *name;
	size_t offset, expected_offset, size, expected_size;
};

/* clang-format off */
#define FIELD(record, field, offset, size)                                    \
	{#record "." #field, offsetof(struct record, field), offset,          \
	 sizeof(((struct record *)0)->field), size}
#define WHOLE(record, size) {#record, 0, 0, sizeof(struct record), size}

static const struct golden golden[] = {
	FIELD(segment_region, offset, 0, 8),
	FIELD(segment_region, capacity, 8, 8),
	FIELD(segment_region, element_size, 16, 4),
	FIELD(segment_region, padding, 20, 4),
	WHOLE(segment_region, 24),
	FIELD(segment_header, magic, 0, 8),
	FIELD(segment_header, version, 8, 4),
	FIELD(segment_header, header_size, 12, 4),
	FIELD(segment_header, segment_size, 16, 8),
	FIELD(segment_header, pid, 24, 4),
	FIELD(segment_header, parent_pid, 28, 4),
	FIELD(segment_header, uid, 32, 4),
	FIELD(segment_header, machine, 36, 4),
	FIELD(segment_header, process_start_ticks, 40, 8),
	FIELD(segment_header, start_realtime_ns, 48, 8),
	FIELD(segment_header, start_monotonic_ns, 56, 8),
	FIELD(segment_header, boot_id, 64, 40),
	FIELD(segment_header, host, 104, 64),
	FIELD(segment_header, run_id, 168, 32),
	FIELD(segment_header, command, 200, 16),
	FIELD(segment_header, executable, 216, 512),
	FIELD(segment_header, command_line, 728, 1024),
	FIELD(segment_header, command_line_size, 1752, 4),
	FIELD(segment_header, allocator_name, 1756, 4),
	FIELD(segment_header, budget_bytes, 1760, 8),
	FIELD(segment_header, start_interval, 1768, 8),
	FIELD(segment_header, max_depth, 1776, 4),
	FIELD(segment_header, unwinder, 1780, 4),
	FIELD(segment_header, seed, 1784, 8),
	FIELD(segment_header, control_interval, 1792, 8),
	FIELD(segment_header, control_switch, 1800, 4),
	FIELD(segment_header, control_generation, 1804, 4),
	FIELD(segment_header, interval, 1808, 8),
	FIELD(segment_header, active, 1816, 4),
	FIELD(segment_header, notices, 1820, 4),
	FIELD(segment_header, notice_text, 1824, 256),
	FIELD(segment_header, off_since_ns, 2080, 8),
	FIELD(segment_header, off_total_ns, 2088, 8),
	FIELD(segment_header, live_bytes, 2096, 8),
	FIELD(segment_header, live_objects, 2104, 8),
	FIELD(segment_header, peak_bytes, 2112, 8),
	FIELD(segment_header, peak_epoch, 2120, 8),
	FIELD(segment_header, peak_monotonic_ns, 2128, 8),
	FIELD(segment_header, last_sample_monotonic_ns, 2136, 8),
	FIELD(segment_header, module_epoch, 2144, 4),
	FIELD(segment_header, ended, 2148, 4),
	FIELD(segment_header, used, 2152, 56),
	FIELD(segment_header, counters, 2208, 512),
	FIELD(segment_header, regions, 2720, 168),
	WHOLE(segment_header, 2888),
	FIELD(segment_wide, low, 0, 8),
	FIELD(segment_wide, high, 8, 8),
	WHOLE(segment_wide, 16),
	FIELD(segment_amount, bytes, 0, 8),
	FIELD(segment_amount, objects, 8, 8),
	FIELD(segment_amount, samples, 16, 8),
	FIELD(segment_amount, bytes_variance, 24, 16),
	FIELD(segment_amount, objects_variance, 40, 16),
	WHOLE(segment_amount, 56),
	FIELD(segment_stack, ready, 0, 4),
	FIELD(segment_stack, sequence, 4, 4),
	FIELD(segment_stack, hash, 8, 8),
	FIELD(segment_stack, first_frame, 16, 4),
	FIELD(segment_stack, depth, 20, 2),
	FIELD(segment_stack, flags, 22, 2),
	FIELD(segment_stack, module_epoch, 24, 4),
	FIELD(segment_stack, histogram, 28, 4),
	FIELD(segment_stack, allocated, 32, 56),
	FIELD(segment_stack, live, 88, 56),
	FIELD(segment_stack, peak, 144, 56),
	FIELD(segment_stack, peak_epoch, 200, 8),
	WHOLE(segment_stack, 208),
	FIELD(segment_block, address, 0, 8),
	FIELD(segment_block, size, 8, 8),
	FIELD(segment_block, bytes, 16, 8),
	FIELD(segment_block, objects, 24, 8),
	FIELD(segment_block, birth_monotonic_ns, 32, 8),
	FIELD(segment_block, stack, 40, 4),
	FIELD(segment_block, thread, 44, 4),
	WHOLE(segment_block, 48),
	FIELD(segment_histogram_node, next, 0, 4),
	FIELD(segment_histogram_node, kind, 4, 2),
	FIELD(segment_histogram_node, bucket, 6, 2),
	FIELD(segment_histogram_node, samples, 8, 8),
	FIELD(segment_histogram_node, bytes, 16, 8),
	FIELD(segment_histogram_node, objects, 24, 8),
	WHOLE(segment_histogram_node, 32),
	FIELD(segment_module, state, 0, 4),
	FIELD(segment_module, path, 4, 4),
	FIELD(segment_module, start, 8, 8),
	FIELD(segment_module, end, 16, 8),
	FIELD(segment_module, load_bias, 24, 8),
	FIELD(segment_module, text_start, 32, 8),
	FIELD(segment_module, text_end, 40, 8),
	FIELD(segment_module, text_offset, 48, 8),
	FIELD(segment_module, loaded_monotonic_ns, 56, 8),
	FIELD(segment_module, unloaded_monotonic_ns, 64, 8),
	FIELD(segment_module, first_epoch, 72, 4),
	FIELD(segment_module, last_epoch, 76, 4),
	FIELD(segment_module, build_id, 80, 32),
	FIELD(segment_module, build_id_size, 112, 4),
	FIELD(segment_module, padding, 116, 4),
	WHOLE(segment_module, 120),
	FIELD(segment_thread, tid, 0, 4),
	FIELD(segment_thread, padding, 4, 4),
	FIELD(segment_thread, name, 8, 16),
	FIELD(segment_thread, bytes, 24, 8),
	FIELD(segment_thread, objects, 32, 8),
	FIELD(segment_thread, samples, 40, 8),
	WHOLE(segment_thread, 48),
};
/* clang-format on */

START_TEST(every_field_lies_where_version_1_has_it)
{
	ck_assert_uint_eq(SEGMENT_VERSION, 1);
	for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
		ck_assert_msg(golden[i].offset == golden[i].expected_offset,
			      "%s is at %zu, not at %zu", golden[i].name, golden[i].offset,
			      golden[i].expected_offset);
		ck_assert_msg(golden[i].size == golden[i].expected_size,
			      "%s has %zu bytes, not %zu", golden[i].name, golden[i].size,
			      golden[i].expected_size);
	}
}
END_TEST

/* The fields of each record follow each other without gaps, so no byte of a
 * segment is undefined. */
START_TEST(no_record_has_hidden_padding)
{
	size_t end = 0;

	for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
		const bool is_whole = strchr(golden[i].name, '.') == NULL;

		if (is_whole)
			ck_assert_msg(end == golden[i].size, "%s has padding at its end",
				      golden[i].name);
		else
			ck_assert_msg(end == golden[i].offset, "padding before %s", golden[i].name);
		end = is_whole ? 0 : golden[i].offset + golden[i].size;
	}
}
END_TEST

START_TEST(the_words_of_the_enums_keep_their_numbers)
{
	ck_assert_int_eq(SEGMENT_THREADS, 0);
	ck_assert_int_eq(SEGMENT_MODULES, 1);
	ck_assert_int_eq(SEGMENT_STRINGS, 2);
	ck_assert_int_eq(SEGMENT_STACKS, 3);
	ck_assert_int_eq(SEGMENT_FRAMES, 4);
	ck_assert_int_eq(SEGMENT_BLOCKS, 5);
	ck_assert_int_eq(SEGMENT_HISTOGRAMS, 6);
	ck_assert_int_eq(SEGMENT_REGION_COUNT, 7);
	ck_assert_int_eq(SEGMENT_OFF, 0);
	ck_assert_int_eq(SEGMENT_ON, 1);
	ck_assert_int_eq(SEGMENT_MODULE_UNLOADED, 2);
	ck_assert_int_eq(SEGMENT_HISTOGRAM_SIZE, 0);
	ck_assert_int_eq(SEGMENT_HISTOGRAM_LIFETIME, 1);
	ck_assert_mem_eq(&(uint64_t){SEGMENT_MAGIC}, "heaptide", 8);
}
END_TEST

UNIT_MAIN(every_field_lies_where_version_1_has_it, no_record_has_hidden_padding,
	  the_words_of_the_enums_keep_their_numbers)
