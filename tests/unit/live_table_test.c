/*
 * The table of live blocks: what is put in comes out, and churn leaves nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/live_table.h"

#include "tests/unit/segment_fixture.h"
#include "tests/unit/unit.h"

#define MIB (UINT64_C(1) << 20)

static struct settings settings;

static void start(uint64_t budget)
{
	settings = fixture_settings(1, budget);
	ck_assert_int_eq(segment_writer_open(&settings), 0);
	ck_assert(live_table_new_segment());
}

static struct live_block block_at(uint64_t n)
{
	return (struct live_block){.address = UINT64_C(0x550000000000) + 16 * n,
				   .size = n,
				   .weight = {.bytes = 2 * n, .objects = SEGMENT_ONE_OBJECT + n},
				   .birth_ns = 3 * n,
				   .stack = 4 * n,
				   .thread = 5};
}

static void insert(uint64_t n)
{
	const struct live_block block = block_at(n);
	struct live_block stale;

	UNIT_CHECK(live_table_insert(&block, &stale) == LIVE_TABLE_OK);
	UNIT_CHECK(stale.address == 0);
}

static void remove_and_check(uint64_t n)
{
	const struct live_block block = block_at(n);
	struct live_block removed;

	UNIT_CHECK(live_table_remove(block.address, true, &removed) == LIVE_TABLE_OK);
	UNIT_CHECK(memcmp(&removed, &block, sizeof(block)) == 0);
}

START_TEST(a_block_comes_out_as_it_went_in)
{
	struct live_block removed;

	start(64 * MIB);
	for (uint64_t n = 0; n < 100000; n++)
		insert(n);
	for (uint64_t n = 0; n < 100000; n++)
		remove_and_check(n);
	ck_assert_int_eq(live_table_remove(block_at(1).address, true, &removed), LIVE_TABLE_ABSENT);
	ck_assert(!live_table_is_fuller_than(0));
	fixture_remove(&settings);
}
END_TEST

START_TEST(a_second_block_at_an_address_shows_the_stale_one)
{
	const struct live_block old = block_at(9);
	struct live_block fresh = old, stale;

	start(MIB);
	insert(9);
	fresh.size = 77;
	ck_assert_int_eq(live_table_insert(&fresh, &stale), LIVE_TABLE_OK);
	ck_assert_mem_eq(&stale, &old, sizeof(old));
	ck_assert_int_eq(live_table_remove(old.address, true, &stale), LIVE_TABLE_OK);
	ck_assert_uint_eq(stale.size, 77);
	fixture_remove(&settings);
}
END_TEST

START_TEST(churn_takes_no_space)
{
	enum { LIVE = 1000, ROUNDS = 2000000 };

	start(MIB);
	for (uint64_t n = 0; n < LIVE; n++)
		insert(n);
	const uint64_t claimed = segment_writer_claimed(SEGMENT_BLOCKS);
	for (uint64_t n = LIVE; n < ROUNDS; n++) {
		remove_and_check(n - LIVE);
		insert(n);
	}
	/* Only what one shard may hold more than another for a while. */
	ck_assert_uint_le(segment_writer_claimed(SEGMENT_BLOCKS), 2 * claimed);
	fixture_remove(&settings);
}
END_TEST

START_TEST(a_full_table_says_so_and_recovers)
{
	struct live_block stale;
	uint64_t n = 0;

	start(MIB);
	for (;; n++) {
		const struct live_block block = block_at(n);

		if (live_table_insert(&block, &stale) == LIVE_TABLE_FULL)
			break;
	}
	/* Not before: a shard without blocks borrows from others. */
	ck_assert_uint_eq(n, segment_writer_capacity(SEGMENT_BLOCKS));
	ck_assert(live_table_is_fuller_than(99));
	ck_assert(!live_table_is_fuller_than(100));
	for (uint64_t i = 0; i < n; i++)
		remove_and_check(i);
	insert(n);
	remove_and_check(n);
	fixture_remove(&settings);
}
END_TEST

static void keep_even_sizes(const struct live_block *block, struct sample_weight *weight,
			    void *context)
{
	(void)context;
	if (block->size % 2)
		weight->objects = 0;
	else
		weight->bytes = 1000000;
}

START_TEST(reweighing_removes_and_changes)
{
	struct live_block removed;

	start(16 * MIB);
	for (uint64_t n = 0; n < 10000; n++)
		insert(n);
	ck_assert_uint_eq(live_table_reweigh(keep_even_sizes, NULL), 5000);
	for (uint64_t n = 0; n < 10000; n++)
		if (n % 2) {
			ck_assert_int_eq(live_table_remove(block_at(n).address, true, &removed),
					 LIVE_TABLE_ABSENT);
		} else {
			ck_assert_int_eq(live_table_remove(block_at(n).address, true, &removed),
					 LIVE_TABLE_OK);
			ck_assert_uint_eq(removed.weight.bytes, 1000000);
		}
	fixture_remove(&settings);
}
END_TEST

START_TEST(a_segment_overwritten_by_others_crashes_nothing)
{
	struct live_block removed, stale;

	start(MIB);
	for (uint64_t n = 0; n < 3000; n++)
		insert(n);
	memset(segment_writer_region(SEGMENT_BLOCKS), 0xff,
	       segment_writer_claimed(SEGMENT_BLOCKS) * sizeof(struct segment_block));
	for (uint64_t n = 0; n < 3000; n++)
		ck_assert_int_eq(live_table_remove(block_at(n).address, true, &removed),
				 LIVE_TABLE_OK);
	memset(segment_writer_region(SEGMENT_BLOCKS), 0,
	       segment_writer_claimed(SEGMENT_BLOCKS) * sizeof(struct segment_block));
	for (uint64_t n = 0; n < 3000; n++) {
		const struct live_block block = block_at(n);

		live_table_insert(&block, &stale);
	}
	live_table_reweigh(keep_even_sizes, NULL);
	fixture_remove(&settings);
}
END_TEST

UNIT_MAIN(a_block_comes_out_as_it_went_in, a_second_block_at_an_address_shows_the_stale_one,
	  churn_takes_no_space, a_full_table_says_so_and_recovers, reweighing_removes_and_changes,
	  a_segment_overwritten_by_others_crashes_nothing)
