/*
 * What is remembered over a restart.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static struct state *open_state(char *directory)
{
	struct state *state = NULL;
	char below[64];

	strcpy(directory, "/tmp/state-test.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(below, sizeof(below), "%s/a/b", directory);
	ck_assert_int_eq(state_open(below, &state), 0);
	return state;
}

static void close_state(struct state *state, const char *directory)
{
	char command[64];

	state_close(state);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	ck_assert_int_eq(system(command), 0);
}

static void expect(struct state *state, const char *name, const char *value)
{
	uint8_t *bytes;
	size_t size;

	ck_assert_int_eq(state_get(state, name, &bytes, &size), 0);
	ck_assert_uint_eq(size, strlen(value));
	ck_assert_mem_eq(bytes, value, size);
	free(bytes);
}

static void put(struct state *state, const char *name, const char *value)
{
	ck_assert_int_eq(state_put(state, name, (const uint8_t *)value, strlen(value)), 0);
}

START_TEST(a_value_is_there_until_it_is_replaced_or_removed)
{
	char directory[32];
	struct state *const state = open_state(directory);
	uint8_t *bytes;
	size_t size;

	ck_assert_int_eq(state_get(state, "one", &bytes, &size), -ENOENT);
	put(state, "one", "first");
	expect(state, "one", "first");
	put(state, "one", "");
	expect(state, "one", "");
	state_remove(state, "one");
	ck_assert_int_eq(state_get(state, "one", &bytes, &size), -ENOENT);
	close_state(state, directory);
}
END_TEST

START_TEST(names_may_hold_anything_and_stay_apart)
{
	char directory[32], one[1000], other[1000];
	struct state *const state = open_state(directory);

	memset(one, 'x', sizeof(one));
	one[999] = '\0';
	strcpy(other, one);
	other[998] = 'y';
	put(state, "../../escape", "a");
	put(state, "..%2f..", "b");
	put(state, one, "c");
	put(state, other, "d");
	expect(state, "../../escape", "a");
	expect(state, "..%2f..", "b");
	expect(state, one, "c");
	expect(state, other, "d");
	close_state(state, directory);
}
END_TEST

START_TEST(another_process_finds_what_was_put)
{
	char directory[32], below[64];
	struct state *const state = open_state(directory);
	struct state *again;

	put(state, "one", "value");
	snprintf(below, sizeof(below), "%s/a/b", directory);
	ck_assert_int_eq(state_open(below, &again), 0);
	expect(again, "one", "value");
	state_close(again);
	close_state(state, directory);
}
END_TEST

START_TEST(without_a_state_nothing_is_remembered)
{
	uint8_t *bytes;
	size_t size;

	ck_assert_int_eq(state_put(NULL, "one", (const uint8_t *)"x", 1), 0);
	ck_assert_int_eq(state_get(NULL, "one", &bytes, &size), -ENOENT);
	state_remove(NULL, "one");
	state_close(NULL);
}
END_TEST

UNIT_MAIN(a_value_is_there_until_it_is_replaced_or_removed, names_may_hold_anything_and_stay_apart,
	  another_process_finds_what_was_put, without_a_state_nothing_is_remembered)
