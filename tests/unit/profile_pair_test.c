/*
 * Two profiles side by side.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/profile_pair.h"

#include "tests/unit/small_profile.h"
#include "tests/unit/unit.h"

/* The stack of make(), the second of `small`, with amounts of a test. */
static struct profile changed(struct snapshot_stack own[5], struct snapshot *header,
			      uint64_t allocated, uint64_t live)
{
	struct profile profile = small;

	for (size_t i = 0; i < 5; i++)
		own[i] = (struct snapshot_stack){.frames = no_frames};
	own[1].allocated = (struct snapshot_amount){allocated, 1, 1, (double)allocated, 1};
	own[1].live = (struct snapshot_amount){live, 1, 1, (double)live, 1};
	*header = snapshot;
	header->stacks = own;
	profile.snapshot = header;
	return profile;
}

struct side {
	struct snapshot_stack own[5];
	struct snapshot header;
	struct profile profile;
};

static void make_side(struct side *side, uint64_t allocated, uint64_t live)
{
	side->profile = changed(side->own, &side->header, allocated, live);
}

/* Bytes and variances of the only stack. */
static void check_pair(const struct side *before, const struct side *after,
		       const struct side *between, struct snapshot_amount expected[2])
{
	struct profile_sum *const pair = profile_sum_new();
	const struct snapshot_stack *stack;

	ck_assert_int_eq(profile_pair_fill(pair, VIEW_INUSE, &before->profile, &after->profile,
					   between ? &between->profile : NULL),
			 0);
	ck_assert_uint_eq(profile_sum_snapshot(pair)->stack_count, 1);
	stack = &profile_sum_snapshot(pair)->stacks[0];
	ck_assert_uint_eq(stack->allocated.bytes, expected[0].bytes);
	ck_assert_uint_eq(stack->live.bytes, expected[1].bytes);
	ck_assert_double_eq(stack->allocated.bytes_variance, expected[0].bytes_variance);
	ck_assert_double_eq(stack->live.bytes_variance, expected[1].bytes_variance);
	profile_sum_free(pair);
}

START_TEST(a_pair_has_the_amounts_of_both)
{
	struct side before, after;
	struct snapshot_amount expected[2] = {{.bytes = 1000, .bytes_variance = 1000},
					      {.bytes = 1200, .bytes_variance = 1200}};

	make_side(&before, 5000, 1000);
	make_side(&after, 9000, 1200);
	check_pair(&before, &after, NULL, expected);
}
END_TEST

START_TEST(blocks_that_stayed_are_no_source_of_error)
{
	struct side before, after, between;
	struct snapshot_amount grown[2] = {{.bytes = 1000, .bytes_variance = 0},
					   {.bytes = 1200, .bytes_variance = 200}};
	struct snapshot_amount churned[2] = {{.bytes = 1000, .bytes_variance = 300},
					     {.bytes = 1200, .bytes_variance = 500}};
	struct snapshot_amount replaced[2] = {{.bytes = 1000, .bytes_variance = 1000},
					      {.bytes = 1200, .bytes_variance = 1200}};

	make_side(&before, 5000, 1000);
	make_side(&after, 9000, 1200);
	make_side(&between, 200, 77);
	check_pair(&before, &after, &between, grown);
	make_side(&between, 500, 77);
	check_pair(&before, &after, &between, churned);
	make_side(&between, 4000, 77);
	check_pair(&before, &after, &between, replaced);
}
END_TEST

START_TEST(what_shrank_without_an_allocation_was_freed)
{
	struct side before, after, between;
	struct snapshot_amount expected[2] = {{.bytes = 1000, .bytes_variance = 600},
					      {.bytes = 400, .bytes_variance = 0}};

	make_side(&before, 5000, 1000);
	make_side(&after, 5000, 400);
	make_side(&between, 0, 0);
	check_pair(&before, &after, &between, expected);
}
END_TEST

UNIT_MAIN(a_pair_has_the_amounts_of_both, blocks_that_stayed_are_no_source_of_error,
	  what_shrank_without_an_allocation_was_freed)
