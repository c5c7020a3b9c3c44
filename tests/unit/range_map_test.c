/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/range_map.h"

#include <stdlib.h>

#include "tests/unit/unit.h"

static struct range_map map;

static void add(uint64_t start, uint64_t end, uint32_t id)
{
	ck_assert_int_eq(range_map_add(&map, start, end, id), 0);
}

/* The ids of the ranges that hold the address, in the order of the walk, as
 * decimal digits. */
static int ids_at(uint64_t address)
{
	const struct range *range;
	size_t position = SIZE_MAX;
	int ids = 0;

	while ((range = range_map_next(&map, address, &position)))
		ids = 10 * ids + (int)range->id;
	return ids;
}

START_TEST(an_empty_map_finds_nothing)
{
	ck_assert_int_eq(range_map_sort(&map), 0);
	ck_assert_int_eq(ids_at(0), 0);
	ck_assert_int_eq(ids_at(UINT64_MAX), 0);
}
END_TEST

START_TEST(a_range_holds_its_start_and_not_its_end)
{
	add(10, 20, 1);
	add(20, 30, 2);
	ck_assert_int_eq(range_map_sort(&map), 0);
	ck_assert_int_eq(ids_at(9), 0);
	ck_assert_int_eq(ids_at(10), 1);
	ck_assert_int_eq(ids_at(19), 1);
	ck_assert_int_eq(ids_at(20), 2);
	ck_assert_int_eq(ids_at(30), 0);
	range_map_fini(&map);
}
END_TEST

START_TEST(nested_ranges_are_found_from_the_inside)
{
	add(0, 1000, 1);
	add(100, 200, 2);
	add(120, 130, 3);
	add(140, 150, 4);
	ck_assert_int_eq(range_map_sort(&map), 0);
	ck_assert_int_eq(ids_at(125), 321);
	ck_assert_int_eq(ids_at(145), 421);
	ck_assert_int_eq(ids_at(160), 21);
	ck_assert_int_eq(ids_at(500), 1);
	range_map_fini(&map);
}
END_TEST

START_TEST(empty_and_inverted_ranges_are_left_out)
{
	add(10, 10, 1);
	add(20, 15, 2);
	ck_assert_uint_eq(map.count, 0);
	range_map_fini(&map);
}
END_TEST

START_TEST(a_search_agrees_with_trying_every_range)
{
	enum { RANGES = 500, SPACE = 2000 };
	uint64_t starts[RANGES], ends[RANGES];

	srandom(1);
	for (uint32_t i = 0; i < RANGES; i++) {
		starts[i] = (uint64_t)random() % SPACE;
		ends[i] = starts[i] + 1 + (uint64_t)random() % 50;
		add(starts[i], ends[i], i);
	}
	ck_assert_int_eq(range_map_sort(&map), 0);
	for (uint64_t address = 0; address < SPACE + 100; address++) {
		const struct range *range;
		size_t position = SIZE_MAX, found = 0, expected = 0;

		while ((range = range_map_next(&map, address, &position))) {
			ck_assert_uint_eq(range->start, starts[range->id]);
			ck_assert(starts[range->id] <= address && address < ends[range->id]);
			found++;
		}
		for (uint32_t i = 0; i < RANGES; i++)
			expected += starts[i] <= address && address < ends[i];
		ck_assert_uint_eq(found, expected);
	}
	range_map_fini(&map);
}
END_TEST

UNIT_MAIN(an_empty_map_finds_nothing, a_range_holds_its_start_and_not_its_end,
	  nested_ranges_are_found_from_the_inside, empty_and_inverted_ranges_are_left_out,
	  a_search_agrees_with_trying_every_range)
