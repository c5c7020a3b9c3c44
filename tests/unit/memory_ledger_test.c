/*
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/memory_ledger.h"

#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define KIB 1024

static struct memory_ledger sum(const char *text, struct snapshot_block *blocks, size_t count)
{
	const struct snapshot snapshot = {.blocks = blocks, .block_count = count};
	FILE *const smaps = fmemopen((char *)text, strlen(text), "r");
	struct memory_ledger ledger;

	ck_assert_ptr_nonnull(smaps);
	ck_assert_int_eq(memory_ledger_sum(smaps, &snapshot, &ledger), 0);
	fclose(smaps);
	return ledger;
}

static const char text[] =
	"1000-2000 r-xp 00000000 08:01 12 /bin/x\n"
	"Size: 4 kB\nRss:                  10 kB\nPss:                   5 kB\n"
	"Pss_Dirty:             1 kB\nSwap:                  0 kB\nSwapPss: 0 kB\n"
	"5000-9000 rw-p 00000000 00:00 0                          [heap]\n"
	"Rss:                 100 kB\nPss:                 100 kB\nSwap:                  7 kB\n"
	"a000-c000 rw-p 00000000 00:00 0 \n"
	"Rss:                  30 kB\nPss:                  30 kB\nSwap:                  1 kB\n"
	"c000-e000 rw-p 00000000 00:00 0 [anon:pool]\n"
	"Rss:                  40 kB\nPss:                  40 kB\nSwap:                  0 kB\n"
	"e000-f000 rw-p 00000000 00:00 0 [stack]\n"
	"Rss:                   4 kB\nPss:                   4 kB\nSwap:                  0 kB\n";

START_TEST(everything_is_added_up_once)
{
	const struct memory_ledger ledger = sum(text, NULL, 0);

	ck_assert_uint_eq(ledger.rss_bytes, 184 * KIB);
	ck_assert_uint_eq(ledger.pss_bytes, 179 * KIB);
	ck_assert_uint_eq(ledger.swap_bytes, 8 * KIB);
	ck_assert(ledger.has_mappings);
}
END_TEST

START_TEST(without_blocks_only_the_break_is_the_allocators)
{
	ck_assert_uint_eq(sum(text, NULL, 0).allocator_bytes, 100 * KIB);
}
END_TEST

START_TEST(a_mapping_that_holds_a_live_block_is_the_allocators)
{
	struct snapshot_block blocks[] = {{.address = 0xdff0}, {.address = 0x5010}};

	ck_assert_uint_eq(sum(text, blocks, 2).allocator_bytes, 140 * KIB);
	blocks[0].address = 0xa000;
	ck_assert_uint_eq(sum(text, blocks, 2).allocator_bytes, 130 * KIB);
}
END_TEST

START_TEST(files_and_stacks_are_never_the_allocators)
{
	struct snapshot_block blocks[] = {
		{.address = 0x1000}, {.address = 0xe000}, {.address = 0x9000}};

	ck_assert_uint_eq(sum(text, blocks, 3).allocator_bytes, 100 * KIB);
}
END_TEST

START_TEST(a_running_process_has_resident_memory)
{
	const struct snapshot snapshot = {0};
	struct memory_ledger ledger;

	ck_assert_int_eq(memory_ledger_read(getpid(), &snapshot, UINT64_MAX, &ledger), 0);
	ck_assert(ledger.has_mappings);
	ck_assert_uint_gt(ledger.rss_bytes, 0);
	ck_assert_uint_le(ledger.allocator_bytes, ledger.rss_bytes);
	ck_assert_int_eq(memory_ledger_read(getpid(), &snapshot, 0, &ledger), 0);
	ck_assert(!ledger.has_mappings);
	ck_assert_uint_gt(ledger.rss_bytes, 0);
}
END_TEST

UNIT_MAIN(everything_is_added_up_once, without_blocks_only_the_break_is_the_allocators,
	  a_mapping_that_holds_a_live_block_is_the_allocators,
	  files_and_stacks_are_never_the_allocators, a_running_process_has_resident_memory)
