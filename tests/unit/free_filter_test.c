/*
 * The free filter has no false negatives.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/free_filter.h"

#include "tests/unit/unit.h"

static const void *address(uintptr_t n)
{
	return (const void *)(UINT64_C(0x7f0000000000) + 16 * n);
}

START_TEST(what_was_added_is_contained_until_removed)
{
	enum { N = 300000 };

	for (uintptr_t n = 0; n < N; n++)
		free_filter_add(address(n));
	for (uintptr_t n = 0; n < N; n++)
		UNIT_CHECK(free_filter_may_contain(address(n)));
	for (uintptr_t n = 1; n < N; n++)
		free_filter_remove(address(n));
	ck_assert(free_filter_may_contain(address(0)));
}
END_TEST

START_TEST(an_empty_filter_contains_nothing_again)
{
	enum { N = 100000 };

	for (uintptr_t n = 0; n < N; n++)
		free_filter_add(address(n));
	for (uintptr_t n = 0; n < N; n++)
		free_filter_remove(address(n));
	for (unsigned i = 0; i < FREE_FILTER_CELLS; i++)
		UNIT_CHECK(free_filter_cells[i] == 0);
}
END_TEST

START_TEST(a_cell_that_is_full_stays_raised)
{
	for (int i = 0; i < 1000; i++)
		free_filter_add(address(1));
	for (int i = 0; i < 1000; i++)
		free_filter_remove(address(1));
	ck_assert(free_filter_may_contain(address(1)));
}
END_TEST

START_TEST(neighbouring_blocks_spread_over_the_cells)
{
	unsigned used = 0;

	for (uintptr_t n = 0; n < FREE_FILTER_CELLS; n++)
		free_filter_add(address(n));
	for (unsigned i = 0; i < FREE_FILTER_CELLS; i++)
		used += free_filter_cells[i] != 0;
	/* A random function would reach 1 - 1/e of them. */
	ck_assert_uint_ge(used, FREE_FILTER_CELLS * 6 / 10);
}
END_TEST

START_TEST(clearing_keeps_what_was_added_for_good)
{
	free_filter_add_for_good(address(1));
	free_filter_add(address(2));
	free_filter_clear();
	ck_assert(free_filter_may_contain(address(1)));
	ck_assert(!free_filter_may_contain(address(2)));
}
END_TEST

UNIT_MAIN(what_was_added_is_contained_until_removed, an_empty_filter_contains_nothing_again,
	  a_cell_that_is_full_stays_raised, neighbouring_blocks_spread_over_the_cells,
	  clearing_keeps_what_was_added_for_good)
