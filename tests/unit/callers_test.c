/*
 * The callers that most of a function's amount came through.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "leakcheck/callers.h"

#include "tests/unit/unit.h"

enum { ALLOCATE, READ, WRITE, LOOP, MAIN, ID_COUNT };

/*
 * 0: allocate < read < loop < main      60
 * 1: allocate < write < loop < main     30
 * 2: allocate                            9
 * 3: read < allocate < main           1000 (allocate is not the innermost)
 * 4: no frames
 */
static const size_t first[] = {0, 4, 8, 9, 12, 12};
static const uint32_t ids[] = {
	ALLOCATE, READ, LOOP, MAIN, ALLOCATE, WRITE, LOOP, MAIN, ALLOCATE, READ, ALLOCATE, MAIN,
};
static const struct grouping_names names = {first, ids, ID_COUNT};

static struct snapshot_stack stacks[] = {
	{.live = {60, 1, 1, 0, 0}},   {.live = {30, 1, 1, 0, 0}},   {.live = {9, 1, 1, 0, 0}},
	{.live = {1000, 1, 1, 0, 0}}, {.live = {5000, 1, 1, 0, 0}},
};
static const struct snapshot snapshot = {.stacks = stacks, .stack_count = 5};
static const struct view inuse = {.snapshot = &snapshot, .kind = VIEW_INUSE};

START_TEST(the_path_follows_what_carries_more_than_half)
{
	struct callers callers;

	ck_assert_int_eq(callers_find(&callers, &inuse, &names, ALLOCATE, CALLERS_MAX), 0);
	ck_assert_uint_eq(callers.count, 3);
	ck_assert_uint_eq(callers.ids[0], READ);
	ck_assert_uint_eq(callers.ids[1], LOOP);
	ck_assert_uint_eq(callers.ids[2], MAIN);
}
END_TEST

START_TEST(the_path_is_no_longer_than_asked_for)
{
	struct callers callers;

	ck_assert_int_eq(callers_find(&callers, &inuse, &names, ALLOCATE, 1), 0);
	ck_assert_uint_eq(callers.count, 1);
	ck_assert_uint_eq(callers.ids[0], READ);
}
END_TEST

START_TEST(callers_with_half_or_less_are_not_named)
{
	const bool selected[] = {false, true, true, false, false};
	struct snapshot_stack halves[5] = {
		[1] = {.live = {30, 1, 1, 0, 0}},
		[2] = {.live = {30, 1, 1, 0, 0}},
	};
	const struct snapshot half = {.stacks = halves, .stack_count = 5};
	const struct view view = {.snapshot = &half, .kind = VIEW_INUSE, .selected = selected};
	struct callers callers;

	ck_assert_int_eq(callers_find(&callers, &view, &names, ALLOCATE, CALLERS_MAX), 0);
	ck_assert_uint_eq(callers.count, 0);
}
END_TEST

START_TEST(only_selected_stacks_show_callers)
{
	const bool selected[] = {false, true, false, false, false};
	struct view view = inuse;
	struct callers callers;

	view.selected = selected;
	ck_assert_int_eq(callers_find(&callers, &view, &names, ALLOCATE, CALLERS_MAX), 0);
	ck_assert_uint_eq(callers.count, 3);
	ck_assert_uint_eq(callers.ids[0], WRITE);
}
END_TEST

START_TEST(what_allocated_nothing_itself_has_no_callers)
{
	struct callers callers;

	ck_assert_int_eq(callers_find(&callers, &inuse, &names, MAIN, CALLERS_MAX), 0);
	ck_assert_uint_eq(callers.count, 0);
}
END_TEST

UNIT_MAIN(the_path_follows_what_carries_more_than_half, the_path_is_no_longer_than_asked_for,
	  callers_with_half_or_less_are_not_named, only_selected_stacks_show_callers,
	  what_allocated_nothing_itself_has_no_callers)
