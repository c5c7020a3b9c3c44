/*
 * A segment built by hand says what was put into it, and nothing that can be
 * done to its bytes makes it say nonsense.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sampler/snapshot.h"
#include "tests/unit/built_segment.h"
#include "tests/unit/unit.h"

static struct built_segment built;
static char error[SNAPSHOT_ERROR_SIZE];

static struct snapshot *parsed(void)
{
	struct snapshot *snapshot = NULL;

	ck_assert_int_eq(snapshot_parse(&built, sizeof(built), &snapshot, error), 0);
	ck_assert_ptr_nonnull(snapshot);
	ck_assert_str_eq(error, "");
	return snapshot;
}

/* Parsing `size` bytes of it fails with -code and a sentence with `words`. */
static void assert_refused(size_t size, int code, const char *words)
{
	struct snapshot *snapshot = (struct snapshot *)&built;

	strcpy(error, "");
	ck_assert_int_eq(snapshot_parse(&built, size, &snapshot, error), -code);
	ck_assert_ptr_null(snapshot);
	ck_assert_msg(strstr(error, words) != NULL, "'%s' says nothing of '%s'", error, words);
}

/* ---- what a good segment says ----------------------------------------- */

START_TEST(the_header_comes_through)
{
	built_segment_init(&built);
	struct snapshot *snapshot = parsed();

	ck_assert_uint_eq(snapshot->pid, 42);
	ck_assert_uint_eq(snapshot->parent_pid, 41);
	ck_assert_uint_eq(snapshot->uid, 1000);
	ck_assert_uint_eq(snapshot->machine, 62);
	ck_assert_uint_eq(snapshot->process_start_ticks, 777);
	ck_assert_uint_eq(snapshot->start_realtime_ns, 1700000000000000000);
	ck_assert_uint_eq(snapshot->start_monotonic_ns, 5000000000);
	ck_assert_str_eq(snapshot->boot_id, "01234567-89ab-cdef-0123-456789abcdef");
	ck_assert_str_eq(snapshot->host, "myhost");
	ck_assert_str_eq(snapshot->run_id, "run-1");
	ck_assert_str_eq(snapshot->command, "program");
	ck_assert_str_eq(snapshot->executable, "/bin/program");
	ck_assert_uint_eq(snapshot->command_line_size, 11);
	ck_assert_mem_eq(snapshot->command_line, "program\0-v", 11);
	ck_assert_str_eq(snapshot->allocator, "/lib/old.so");
	ck_assert_uint_eq(snapshot->start_interval, 524288);
	ck_assert_uint_eq(snapshot->interval, 1048576);
	ck_assert_uint_eq(snapshot->seed, 99);
	ck_assert_uint_eq(snapshot->max_depth, 64);
	ck_assert_int_eq(snapshot->unwinder, SEGMENT_UNWIND_FP);
	ck_assert(snapshot->active);
	ck_assert(!snapshot->ended);
	ck_assert_uint_eq(snapshot->notices, SEGMENT_NOTICE_BAD_OPTION);
	ck_assert_str_eq(snapshot->notice_text, "a bad option");
	ck_assert_uint_eq(snapshot->peak_bytes, 9000);
	ck_assert_uint_eq(snapshot->counters[SEGMENT_COUNTER_samples], 12);
	ck_assert_uint_eq(snapshot->damaged, 0);
	ck_assert_uint_gt(snapshot->taken_realtime_ns, 1700000000000000000);
	ck_assert_uint_gt(snapshot->used_bytes, sizeof(struct segment_header));
	snapshot_free(snapshot);
}
END_TEST

START_TEST(stacks_come_through_with_their_frames)
{
	built_segment_init(&built);
	struct snapshot *snapshot = parsed();

	ck_assert_uint_eq(snapshot->stack_count, 3);
	ck_assert_uint_eq(snapshot->stacks[0].depth, 0);
	ck_assert_uint_eq(snapshot->stacks[1].depth, 2);
	ck_assert_uint_eq(snapshot->stacks[1].frames[1], 0x1200);
	ck_assert_uint_eq(snapshot->stacks[1].allocated.objects, 80);
	ck_assert_double_eq(snapshot->stacks[1].allocated.bytes_variance, 32e6);
	ck_assert_double_eq(snapshot->stacks[1].allocated.objects_variance, 1600);
	ck_assert_uint_eq(snapshot->stacks[2].depth, 3);
	ck_assert_uint_eq(snapshot->stacks[2].frames[0], 0x2100);
	ck_assert_uint_eq(snapshot->stacks[2].flags, SEGMENT_STACK_TRUNCATED);
	ck_assert_uint_eq(snapshot->stacks[2].module_epoch, 2);
	snapshot_free(snapshot);
}
END_TEST

/* Stack 2 has not changed since peak 3, so it was live at peak 7 as it is now. */
START_TEST(the_peak_of_an_unchanged_stack_is_what_it_holds_now)
{
	built_segment_init(&built);
	struct snapshot *snapshot = parsed();

	ck_assert_uint_eq(snapshot->stacks[1].peak.bytes, 5000);
	ck_assert_uint_eq(snapshot->stacks[2].peak.bytes, 4000);
	ck_assert_uint_eq(snapshot->peak.bytes, 9000);
	snapshot_free(snapshot);
}
END_TEST

START_TEST(totals_are_the_sums_of_the_rounded_stacks)
{
	built_segment_init(&built);
	/* 80.5 objects round up; two halves would have been one. */
	built.stacks[1].allocated.objects += SEGMENT_ONE_OBJECT / 2;
	built.stacks[2].allocated.objects += SEGMENT_ONE_OBJECT / 2;
	struct snapshot *snapshot = parsed();

	ck_assert_uint_eq(snapshot->allocated.bytes, 14000);
	ck_assert_uint_eq(snapshot->allocated.objects, 81 + 61);
	ck_assert_uint_eq(snapshot->allocated.samples, 14);
	ck_assert_double_eq(snapshot->allocated.bytes_variance, 32e6 + 18e6);
	ck_assert_uint_eq(snapshot->live.bytes, 7000);
	ck_assert_uint_eq(snapshot->live.objects, 70);
	snapshot_free(snapshot);
}
END_TEST

START_TEST(histogram_nodes_go_to_their_stack)
{
	built_segment_init(&built);
	struct snapshot *snapshot = parsed();
	const struct snapshot_stack *stack = &snapshot->stacks[2];

	ck_assert_uint_eq(snapshot->stacks[0].bucket_count, 0);
	ck_assert_uint_eq(snapshot->stacks[1].bucket_count, 2);
	ck_assert_uint_eq(stack->bucket_count, 2);
	ck_assert_uint_eq(stack->buckets[0].kind, SEGMENT_HISTOGRAM_SIZE);
	ck_assert_uint_eq(stack->buckets[0].bucket, 12);
	ck_assert_uint_eq(stack->buckets[1].kind, SEGMENT_HISTOGRAM_LIFETIME);
	ck_assert_uint_eq(stack->buckets[1].samples, 4);
	ck_assert_uint_eq(stack->buckets[1].bytes, 103);
	ck_assert_double_eq(stack->buckets[1].objects, 1.5);
	snapshot_free(snapshot);
}
END_TEST

START_TEST(live_blocks_name_their_stack_and_thread)
{
	built_segment_init(&built);
	built.stacks[0].ready = 0; /* moves the others */
	struct snapshot *snapshot = parsed();

	ck_assert_uint_eq(snapshot->block_count, 2);
	ck_assert_uint_eq(snapshot->blocks[0].address, 0x7000);
	ck_assert_uint_eq(snapshot->blocks[0].stack, 0);
	ck_assert_uint_eq(snapshot->blocks[0].thread, 1);
	ck_assert_double_eq(snapshot->blocks[0].objects, 2.5);
	ck_assert_uint_eq(snapshot->blocks[1].address, 0x7002);
	ck_assert_uint_eq(snapshot->blocks[1].size, 12);
	ck_assert_uint_eq(snapshot->blocks[1].bytes, 1002);
	ck_assert_uint_eq(snapshot->blocks[1].birth_monotonic_ns, 5500000002);
	ck_assert_uint_eq(snapshot->blocks[1].stack, 1);
	ck_assert_uint_eq(snapshot->blocks[1].thread, 0);
	snapshot_free(snapshot);
}
END_TEST

START_TEST(threads_keep_record_0_for_those_without_one)
{
	built_segment_init(&built);
	struct snapshot *snapshot = parsed();

	ck_assert_uint_eq(snapshot->thread_count, 2);
	ck_assert_uint_eq(snapshot->threads[0].tid, 0);
	ck_assert_uint_eq(snapshot->threads[1].tid, 43);
	ck_assert_str_eq(snapshot->threads[1].name, "worker");
	ck_assert_uint_eq(snapshot->threads[1].bytes, 14000);
	ck_assert_double_eq(snapshot->threads[1].objects, 140);
	snapshot_free(snapshot);

	built.header.used[SEGMENT_THREADS] = 0;
	snapshot = parsed();
	ck_assert_uint_eq(snapshot->thread_count, 1);
	ck_assert_uint_eq(snapshot->blocks[0].thread, 0);
	snapshot_free(snapshot);
}
END_TEST

START_TEST(a_module_is_found_by_address_and_epoch)
{
	built_segment_init(&built);
	/* The new library lies where the old one was. */
	built.modules[2] = built.modules[1];
	built.modules[2].state = SEGMENT_MODULE_LOADED;
	built.modules[2].path = 26;
	built.modules[2].start = 0x1800;
	built.modules[2].first_epoch = 2;
	built.modules[2].last_epoch = UINT32_MAX;
	built.modules[0].end = 0x1800;
	built.header.used[SEGMENT_MODULES] = 3;
	struct snapshot *snapshot = parsed();

	ck_assert_str_eq(snapshot_find_module(snapshot, 0x17ff, 1)->path, "/bin/program");
	ck_assert_ptr_null(snapshot_find_module(snapshot, 0x1800, 1));
	ck_assert_str_eq(snapshot_find_module(snapshot, 0x1800, 2)->path, "/lib/new.so");
	ck_assert_str_eq(snapshot_find_module(snapshot, 0x2000, 1)->path, "/lib/old.so");
	ck_assert_str_eq(snapshot_find_module(snapshot, 0x2000, 2)->path, "/lib/new.so");
	ck_assert_str_eq(snapshot_find_module(snapshot, 0x2fff, 9)->path, "/lib/new.so");
	ck_assert_ptr_null(snapshot_find_module(snapshot, 0x3000, 1));
	ck_assert_ptr_null(snapshot_find_module(snapshot, 0xfff, 1));
	ck_assert(snapshot_find_module(snapshot, 0x2000, 1)->unloaded);
	ck_assert_uint_eq(snapshot->modules[0].build_id_size, 2);
	ck_assert_uint_eq(snapshot->modules[0].build_id[1], 0xcd);
	snapshot_free(snapshot);
}
END_TEST

START_TEST(a_large_module_is_found_below_smaller_ones_of_other_epochs)
{
	built_segment_init(&built);
	built.modules[0].end = 0x9000;
	built.modules[0].first_epoch = 5;
	built.modules[1].last_epoch = 4;
	built.modules[2] = built.modules[1];
	built.modules[2].start = 0x3000;
	built.modules[2].end = 0x4000;
	built.header.used[SEGMENT_MODULES] = 3;
	struct snapshot *snapshot = parsed();

	ck_assert_str_eq(snapshot_find_module(snapshot, 0x8000, 5)->path, "/bin/program");
	ck_assert_str_eq(snapshot_find_module(snapshot, 0x3500, 5)->path, "/bin/program");
	ck_assert_str_eq(snapshot_find_module(snapshot, 0x3500, 4)->path, "/lib/old.so");
	ck_assert_ptr_null(snapshot_find_module(snapshot, 0x8000, 4));
	snapshot_free(snapshot);
}
END_TEST

START_TEST(counters_have_names_and_meanings)
{
	ck_assert_str_eq(snapshot_counter_name(SEGMENT_COUNTER_samples), "samples");
	for (int i = 0; i < SEGMENT_COUNTER_COUNT; i++)
		ck_assert_uint_gt(strlen(snapshot_counter_meaning((enum segment_counter_id)i)), 10);
}
END_TEST

/* ---- what is refused --------------------------------------------------- */

START_TEST(what_is_not_a_segment_is_refused)
{
	built_segment_init(&built);
	assert_refused(0, EBADMSG, "not a heaptide segment");
	assert_refused(7, EBADMSG, "not a heaptide segment");
	built.header.magic = 0;
	assert_refused(sizeof(built), EBADMSG, "not a heaptide segment");
}
END_TEST

START_TEST(another_version_is_named)
{
	built_segment_init(&built);
	built.header.version = SEGMENT_VERSION + 1;
	assert_refused(sizeof(built), EPROTONOSUPPORT, "segment version 2");
	assert_refused(sizeof(built), EPROTONOSUPPORT, "reads version 1");
	/* Even when its header is smaller than ours. */
	assert_refused(64, EPROTONOSUPPORT, "segment version 2");
}
END_TEST

START_TEST(a_short_segment_is_refused_at_every_length)
{
	built_segment_init(&built);
	for (size_t size = 8; size < sizeof(built); size++)
		assert_refused(size, EBADMSG, "is cut short");
}
END_TEST

START_TEST(a_damaged_header_is_refused)
{
	built_segment_init(&built);
	built.header.header_size--;
	assert_refused(sizeof(built), EBADMSG, "impossible sizes");
	built_segment_init(&built);
	built.header.segment_size = UINT64_MAX;
	assert_refused(sizeof(built), EBADMSG, "impossible sizes");
	built_segment_init(&built);
	built.header.segment_size = 16;
	assert_refused(sizeof(built), EBADMSG, "impossible sizes");
	built_segment_init(&built);
	built.header.interval = 0;
	assert_refused(sizeof(built), EBADMSG, "no sampling interval");
	built_segment_init(&built);
	built.header.unwinder = 3;
	assert_refused(sizeof(built), EBADMSG, "no known unwinder");
}
END_TEST

START_TEST(a_region_outside_of_the_file_is_refused)
{
	for (int i = 0; i < SEGMENT_REGION_COUNT; i++) {
		struct segment_region *region = &built.header.regions[i];

		built_segment_init(&built);
		region->offset += 4;
		assert_refused(sizeof(built), EBADMSG, "lie outside");
		built_segment_init(&built);
		region->offset = 8;
		assert_refused(sizeof(built), EBADMSG, "lie outside");
		built_segment_init(&built);
		region->offset = UINT64_MAX - 7;
		assert_refused(sizeof(built), EBADMSG, "lie outside");
		built_segment_init(&built);
		region->offset = sizeof(built) - 8;
		region->capacity = 9;
		assert_refused(sizeof(built), EBADMSG, "lie outside");
		built_segment_init(&built);
		region->capacity = UINT64_MAX / 8; /* overflows when it is multiplied */
		assert_refused(sizeof(built), EBADMSG, "lie outside");
		built_segment_init(&built);
		region->element_size = 0;
		assert_refused(sizeof(built), EBADMSG, "elements of 0 bytes");
		built_segment_init(&built);
		region->element_size++;
		assert_refused(sizeof(built), EBADMSG, "elements of");
	}
}
END_TEST

/* ---- what is left out or made sane -------------------------------------- */

START_TEST(counts_beyond_the_capacity_are_cut)
{
	built_segment_init(&built);
	for (int i = 0; i < SEGMENT_REGION_COUNT; i++)
		built.header.used[i] = UINT64_MAX;
	struct snapshot *snapshot = parsed();

	ck_assert_uint_eq(snapshot->stack_count, 3);
	ck_assert_uint_eq(snapshot->block_count, 2);
	ck_assert_uint_eq(snapshot->damaged, 0);
	snapshot_free(snapshot);
}
END_TEST

START_TEST(a_stack_with_frames_out_of_range_keeps_its_amounts_only)
{
	built_segment_init(&built);
	built.stacks[1].first_frame = UINT32_MAX;
	built.stacks[2].depth = 4; /* one frame too many */
	struct snapshot *snapshot = parsed();

	ck_assert_uint_eq(snapshot->stack_count, 3);
	ck_assert_uint_eq(snapshot->stacks[1].depth, 0);
	ck_assert_uint_eq(snapshot->stacks[2].depth, 0);
	ck_assert_uint_eq(snapshot->live.bytes, 7000);
	ck_assert_uint_eq(snapshot->damaged, 2);
	snapshot_free(snapshot);
}
END_TEST

START_TEST(a_histogram_that_goes_in_circles_ends)
{
	built_segment_init(&built);
	built.histograms[1].next = 0;
	built.histograms[3].next = 100;
	struct snapshot *snapshot = parsed();

	ck_assert_uint_eq(snapshot->stacks[1].bucket_count, 2);
	ck_assert_uint_eq(snapshot->stacks[2].bucket_count, 2);
	ck_assert_uint_eq(snapshot->damaged, 2);
	snapshot_free(snapshot);
}
END_TEST

START_TEST(stacks_cannot_share_histogram_nodes)
{
	built_segment_init(&built);
	built.stacks[2].histogram = 1;
	struct snapshot *snapshot = parsed();

	ck_assert_uint_eq(snapshot->stacks[1].bucket_count, 2);
	ck_assert_uint_eq(snapshot->stacks[2].bucket_count, 0);
	ck_assert_uint_eq(snapshot->damaged, 1);
	snapshot_free(snapshot);
}
END_TEST

START_TEST(unknown_histogram_kinds_and_buckets_are_left_out)
{
	built_segment_init(&built);
	built.histograms[0].kind = 2;
	built.histograms[2].bucket = SEGMENT_HISTOGRAM_BUCKETS;
	built.histograms[3].bucket = SEGMENT_LIFETIME_BUCKETS;
	struct snapshot *snapshot = parsed();

	ck_assert_uint_eq(snapshot->stacks[1].bucket_count, 1);
	ck_assert_uint_eq(snapshot->stacks[2].bucket_count, 0);
	ck_assert_uint_eq(snapshot->damaged, 3);
	snapshot_free(snapshot);
}
END_TEST

START_TEST(blocks_of_no_published_stack_are_left_out)
{
	built_segment_init(&built);
	built.blocks[0].stack = 3; /* not used */
	built.blocks[2].stack = UINT32_MAX;
	built.blocks[1] = (struct segment_block){.address = 1, .stack = 2, .thread = 77};
	struct snapshot *snapshot = parsed();

	ck_assert_uint_eq(snapshot->block_count, 1);
	ck_assert_uint_eq(snapshot->blocks[0].address, 1);
	ck_assert_uint_eq(snapshot->blocks[0].thread, 0);
	ck_assert_uint_eq(snapshot->damaged, 2);
	snapshot_free(snapshot);
}
END_TEST

START_TEST(damaged_modules_are_left_out)
{
	for (int damage = 0; damage < 4; damage++) {
		built_segment_init(&built);
		if (damage == 0)
			built.modules[0].end = built.modules[0].start;
		if (damage == 1)
			built.modules[0].build_id_size = SEGMENT_BUILD_ID_MAX + 1;
		if (damage == 2)
			built.modules[0].state = 3;
		if (damage == 3)
			built.modules[0].text_start = UINT64_MAX;
		struct snapshot *snapshot = parsed();

		ck_assert_uint_eq(snapshot->module_count, 1);
		ck_assert_str_eq(snapshot->modules[0].path, "/lib/old.so");
		ck_assert_uint_eq(snapshot->damaged, 1);
		snapshot_free(snapshot);
	}
}
END_TEST

START_TEST(strings_end_within_their_region)
{
	built_segment_init(&built);
	memset(built.strings, 'x', sizeof(built.strings));
	built.modules[1].path = sizeof(built.strings);
	struct snapshot *snapshot = parsed();

	ck_assert_str_eq(snapshot->modules[0].path, "");
	ck_assert_str_eq(snapshot->modules[1].path, "");
	ck_assert_str_eq(snapshot->allocator, "");
	ck_assert_uint_eq(snapshot->damaged, 3);
	snapshot_free(snapshot);
}
END_TEST

START_TEST(texts_of_the_header_end_within_their_field)
{
	built_segment_init(&built);
	memset(built.header.host, 'h', sizeof(built.header.host));
	memset(built.header.command, 'c', sizeof(built.header.command));
	memset(built.header.executable, 'e', sizeof(built.header.executable));
	memset(built.header.command_line, 'l', sizeof(built.header.command_line));
	memset(built.header.notice_text, 'n', sizeof(built.header.notice_text));
	memset(built.threads[1].name, 't', sizeof(built.threads[1].name));
	built.header.command_line_size = UINT32_MAX;
	struct snapshot *snapshot = parsed();

	ck_assert_uint_eq(strlen(snapshot->host), 63);
	ck_assert_uint_eq(strlen(snapshot->command), 15);
	ck_assert_uint_eq(strlen(snapshot->executable), 511);
	ck_assert_uint_eq(strlen(snapshot->command_line), 1023);
	ck_assert_uint_eq(snapshot->command_line_size, 1024);
	ck_assert_uint_eq(strlen(snapshot->notice_text), 255);
	ck_assert_uint_eq(strlen(snapshot->threads[1].name), 15);
	snapshot_free(snapshot);
}
END_TEST

/* What a process killed in the middle of a subtraction leaves behind. */
START_TEST(an_amount_below_zero_is_zero)
{
	built_segment_init(&built);
	built.stacks[1].sequence++;
	built.stacks[1].live.bytes = (uint64_t)-5;
	built.stacks[1].live.objects = (uint64_t)-5;
	built.stacks[1].live.samples = (uint64_t)-1;
	struct snapshot *snapshot = parsed();

	ck_assert_uint_eq(snapshot->stacks[1].live.bytes, 0);
	ck_assert_uint_eq(snapshot->stacks[1].live.objects, 0);
	ck_assert_uint_eq(snapshot->stacks[1].live.samples, 0);
	ck_assert_double_eq(snapshot->stacks[1].live.bytes_variance, 0);
	ck_assert_uint_eq(snapshot->live.bytes, 4000);
	snapshot_free(snapshot);
}
END_TEST

START_TEST(a_variance_is_at_most_the_square_of_its_sum)
{
	built_segment_init(&built);
	built.stacks[1].live.bytes_variance.high = 1; /* a borrow that was not taken back */
	built.stacks[1].live.objects_variance.high = UINT64_MAX;
	struct snapshot *snapshot = parsed();

	ck_assert_double_eq(snapshot->stacks[1].live.bytes_variance, 9e6);
	ck_assert_double_eq(snapshot->stacks[1].live.objects_variance, 900);
	snapshot_free(snapshot);
}
END_TEST

START_TEST(sums_of_huge_amounts_stay_signed_numbers)
{
	built_segment_init(&built);
	for (int i = 0; i < 3; i++)
		built.stacks[i].allocated.bytes = INT64_MAX;
	struct snapshot *snapshot = parsed();

	ck_assert_uint_eq(snapshot->allocated.bytes, INT64_MAX);
	snapshot_free(snapshot);
}
END_TEST

/* ---- files --------------------------------------------------------------- */

static char directory[] = "/tmp/heaptide-test-XXXXXX";
static char path[128];

static void make_file(const void *bytes, size_t size)
{
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/segment", directory);
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
	ck_assert_int_eq(fclose(file), 0);
}

static void remove_file(void)
{
	unlink(path);
	rmdir(directory);
}

static void assert_not_taken(int code, const char *words)
{
	struct snapshot *snapshot = NULL;

	ck_assert_int_eq(snapshot_take(path, &snapshot, error), -code);
	ck_assert_ptr_null(snapshot);
	ck_assert_msg(strstr(error, words) != NULL, "'%s' says nothing of '%s'", error, words);
	ck_assert_msg(strstr(error, path) != NULL, "'%s' does not name the file", error);
}

START_TEST(a_file_gives_what_its_bytes_give)
{
	struct snapshot *snapshot = NULL;

	built_segment_init(&built);
	make_file(&built, sizeof(built));
	ck_assert_int_eq(snapshot_take(path, &snapshot, error), 0);
	ck_assert_uint_eq(snapshot->stack_count, 3);
	ck_assert_uint_eq(snapshot->live.bytes, 7000);
	ck_assert_uint_eq(snapshot->block_count, 2);
	ck_assert_str_eq(snapshot->modules[1].path, "/lib/old.so");
	snapshot_free(snapshot);
	remove_file();
}
END_TEST

START_TEST(files_that_cannot_be_taken_are_named)
{
	built_segment_init(&built);
	make_file(&built, sizeof(built) - 1);
	assert_not_taken(EBADMSG, "is cut short");
	truncate(path, 0);
	assert_not_taken(EBADMSG, "not a heaptide segment");
	unlink(path);
	assert_not_taken(ENOENT, "No such file");
	ck_assert_int_eq(symlink("/etc/passwd", path), 0);
	assert_not_taken(ELOOP, "symbolic link");
	unlink(path);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	assert_not_taken(EBADMSG, "no regular file");
	unlink(path);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	assert_not_taken(EBADMSG, "no regular file");
	rmdir(path);
	remove_file();
}
END_TEST

/* A terabyte that claims a gigabyte of frames and holds five. */
START_TEST(holes_cost_no_memory)
{
	const uint64_t huge = UINT64_C(1) << 40;
	struct snapshot *snapshot = NULL;
	struct rusage usage;

	built_segment_init(&built);
	built.header.segment_size = huge;
	built.header.regions[SEGMENT_FRAMES].capacity = (huge - 65536) / 8;
	built.header.used[SEGMENT_FRAMES] = UINT64_C(1) << 27;
	make_file(&built, sizeof(built));
	ck_assert_int_eq(truncate(path, (off_t)huge), 0);
	ck_assert_int_eq(snapshot_take(path, &snapshot, error), 0);
	ck_assert_uint_eq(snapshot->stacks[2].frames[0], 0x2100);
	snapshot_free(snapshot);
	remove_file();
	getrusage(RUSAGE_SELF, &usage);
	ck_assert_int_lt(usage.ru_maxrss, 512 << 10);
}
END_TEST

struct writer {
	struct segment_stack *stack;
	_Atomic bool stop;
};

/* Writes one stack without a pause, as the library does: all its amounts are
 * the same number, which stays below a bound. */
static void *write_stack(void *argument)
{
	struct writer *writer = argument;
	volatile uint64_t *words = (uint64_t *)&writer->stack->allocated;

	for (uint64_t n = 1; !writer->stop; n = n % 1000 + 1) {
		atomic_fetch_add_explicit(&writer->stack->sequence, 1, memory_order_relaxed);
		atomic_thread_fence(memory_order_release);
		for (size_t i = 0; i < 3 * sizeof(struct segment_amount) / 8; i++)
			words[i] = n;
		atomic_fetch_add_explicit(&writer->stack->sequence, 1, memory_order_release);
		/* Readers need a gap now and then, as between two samples. */
		for (volatile int pause = 0; pause < 2000; pause++)
			;
	}
	return NULL;
}

START_TEST(a_record_that_is_being_written_is_read_whole)
{
	pthread_t thread;
	struct writer writer = {.stop = false};

	built_segment_init(&built);
	built.stacks[1].allocated = built.stacks[1].live = built.stacks[1].peak =
		(struct segment_amount){0};
	make_file(&built, sizeof(built));
	const int fd = open(path, O_RDWR);
	struct built_segment *mapped =
		mmap(NULL, sizeof(built), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	ck_assert(mapped != MAP_FAILED);
	writer.stack = &mapped->stacks[1];
	ck_assert_int_eq(pthread_create(&thread, NULL, write_stack, &writer), 0);
	for (int i = 0; i < 3000; i++) {
		struct snapshot *snapshot = NULL;

		ck_assert_int_eq(snapshot_take(path, &snapshot, error), 0);
		const struct snapshot_stack *stack = &snapshot->stacks[1];

		ck_assert_uint_eq(stack->allocated.bytes, stack->allocated.samples);
		ck_assert_uint_eq(stack->allocated.bytes, stack->live.bytes);
		ck_assert_uint_eq(stack->live.bytes, stack->peak.samples);
		ck_assert_uint_le(stack->live.bytes, 1000);
		snapshot_free(snapshot);
	}
	writer.stop = true;
	pthread_join(thread, NULL);
	munmap(mapped, sizeof(built));
	close(fd);
	remove_file();
}
END_TEST

/* The file loses its end and gets it back while it is read. */
static void *truncate_file(void *argument)
{
	struct writer *writer = argument;

	while (!writer->stop) {
		truncate(path, 100);
		truncate(path, sizeof(built));
	}
	return NULL;
}

START_TEST(a_file_that_is_truncated_while_it_is_read_harms_nobody)
{
	pthread_t thread;
	struct writer writer = {.stop = false};

	built_segment_init(&built);
	make_file(&built, sizeof(built));
	ck_assert_int_eq(pthread_create(&thread, NULL, truncate_file, &writer), 0);
	for (int i = 0; i < 3000; i++) {
		struct snapshot *snapshot = NULL;
		const int result = snapshot_take(path, &snapshot, error);

		ck_assert(result == 0 || result == -EBADMSG);
		snapshot_free(snapshot);
	}
	writer.stop = true;
	pthread_join(thread, NULL);
	remove_file();
}
END_TEST

/* ---- control -------------------------------------------------------------- */

static void read_back(void)
{
	const int fd = open(path, O_RDONLY);

	ck_assert_int_eq(pread(fd, &built, sizeof(built), 0), sizeof(built));
	close(fd);
}

START_TEST(control_writes_the_wishes_and_moves_the_generation)
{
	built_segment_init(&built);
	built.header.control_switch = SEGMENT_ON;
	make_file(&built, sizeof(built));
	ck_assert_int_eq(snapshot_control(path, 65536, -1, error), 0);
	read_back();
	ck_assert_uint_eq(built.header.control_interval, 65536);
	ck_assert_uint_eq(built.header.control_switch, SEGMENT_ON);
	ck_assert_uint_eq(built.header.control_generation, 1);
	ck_assert_int_eq(snapshot_control(path, 0, 0, error), 0);
	read_back();
	ck_assert_uint_eq(built.header.control_interval, 65536);
	ck_assert_uint_eq(built.header.control_switch, SEGMENT_OFF);
	ck_assert_uint_eq(built.header.control_generation, 2);
	ck_assert_int_eq(snapshot_control(path, 0, 1, error), 0);
	read_back();
	ck_assert_uint_eq(built.header.control_switch, SEGMENT_ON);
	ck_assert_uint_eq(built.header.control_generation, 3);
	remove_file();
}
END_TEST

START_TEST(control_leaves_alone_what_is_not_a_segment)
{
	static const char text[] = "something else, and quite long enough to write to";
	char now[sizeof(text)];

	make_file(text, sizeof(text));
	ck_assert_int_eq(snapshot_control(path, 65536, 1, error), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(error, "not a heaptide segment"));
	const int fd = open(path, O_RDONLY);

	ck_assert_int_eq(read(fd, now, sizeof(now)), sizeof(now));
	ck_assert_mem_eq(now, text, sizeof(text));
	close(fd);
	remove_file();
}
END_TEST

UNIT_MAIN(the_header_comes_through, stacks_come_through_with_their_frames,
	  the_peak_of_an_unchanged_stack_is_what_it_holds_now,
	  totals_are_the_sums_of_the_rounded_stacks, histogram_nodes_go_to_their_stack,
	  live_blocks_name_their_stack_and_thread, threads_keep_record_0_for_those_without_one,
	  a_module_is_found_by_address_and_epoch,
	  a_large_module_is_found_below_smaller_ones_of_other_epochs,
	  counters_have_names_and_meanings, what_is_not_a_segment_is_refused,
	  another_version_is_named, a_short_segment_is_refused_at_every_length,
	  a_damaged_header_is_refused, a_region_outside_of_the_file_is_refused,
	  counts_beyond_the_capacity_are_cut,
	  a_stack_with_frames_out_of_range_keeps_its_amounts_only,
	  a_histogram_that_goes_in_circles_ends, stacks_cannot_share_histogram_nodes,
	  unknown_histogram_kinds_and_buckets_are_left_out,
	  blocks_of_no_published_stack_are_left_out, damaged_modules_are_left_out,
	  strings_end_within_their_region, texts_of_the_header_end_within_their_field,
	  an_amount_below_zero_is_zero, a_variance_is_at_most_the_square_of_its_sum,
	  sums_of_huge_amounts_stay_signed_numbers, a_file_gives_what_its_bytes_give,
	  files_that_cannot_be_taken_are_named, holes_cost_no_memory,
	  a_record_that_is_being_written_is_read_whole,
	  a_file_that_is_truncated_while_it_is_read_harms_nobody,
	  control_writes_the_wishes_and_moves_the_generation,
	  control_leaves_alone_what_is_not_a_segment)
