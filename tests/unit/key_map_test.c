/*
 * The table from pairs of keys to indices.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/key_map.h"

#include "tests/unit/unit.h"

#define MANY 20000

START_TEST(an_empty_map_finds_nothing)
{
	struct key_map map = {0};

	ck_assert_ptr_null(key_map_find(&map, 0, 0));
	key_map_fini(&map);
}
END_TEST

START_TEST(every_pair_keeps_its_value_while_the_map_grows)
{
	struct key_map map = {0};

	for (uint32_t i = 0; i < MANY; i++)
		ck_assert_int_eq(key_map_insert(&map, i / 100, i % 100, i), 0);
	for (uint32_t i = 0; i < MANY; i++) {
		const uint32_t *const value = key_map_find(&map, i / 100, i % 100);

		ck_assert_ptr_nonnull(value);
		ck_assert_uint_eq(*value, i);
	}
	ck_assert_ptr_null(key_map_find(&map, MANY, 0));
	key_map_fini(&map);
}
END_TEST

START_TEST(the_order_of_the_keys_matters)
{
	struct key_map map = {0};

	ck_assert_int_eq(key_map_insert(&map, 1, 2, 7), 0);
	ck_assert_ptr_null(key_map_find(&map, 2, 1));
	key_map_fini(&map);
}
END_TEST

UNIT_MAIN(an_empty_map_finds_nothing, every_pair_keeps_its_value_while_the_map_grows,
	  the_order_of_the_keys_matters)
