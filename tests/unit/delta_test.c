/*
 * What is new between two looks at a process.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/delta.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define STACKS 3

static const uint64_t frames[STACKS] = {0x1000, 0x2000, 0x3000};

/* A snapshot of three stacks, the amounts of which are these bytes. */
struct look {
	struct snapshot_stack stacks[STACKS];
	struct snapshot snapshot;
};

static void set_look(struct look *look, const uint64_t bytes[STACKS])
{
	memset(look, 0, sizeof(*look));
	for (size_t i = 0; i < STACKS; i++)
		look->stacks[i] = (struct snapshot_stack){
			.frames = &frames[i],
			.depth = 1,
			.allocated = {bytes[i], bytes[i] / 10, bytes[i] > 0, (double)bytes[i], 1},
			.live = {7, 1, 1, 0, 0},
		};
	look->snapshot.stacks = look->stacks;
	look->snapshot.stack_count = STACKS;
	look->snapshot.allocated.bytes = bytes[0] + bytes[1] + bytes[2];
}

static void expect(struct delta_baseline *baseline, const uint64_t bytes[STACKS],
		   const uint64_t fresh[STACKS])
{
	struct look look;

	set_look(&look, bytes);
	ck_assert_int_eq(delta_apply(baseline, &look.snapshot), 0);
	for (size_t i = 0; i < STACKS; i++) {
		ck_assert_uint_eq(look.stacks[i].allocated.bytes, fresh[i]);
		ck_assert_uint_eq(look.stacks[i].live.bytes, 7);
	}
	ck_assert_uint_eq(look.snapshot.allocated.bytes, fresh[0] + fresh[1] + fresh[2]);
}

START_TEST(the_first_look_gives_all)
{
	struct delta_baseline baseline = {0};

	expect(&baseline, (uint64_t[]){10, 20, 0}, (uint64_t[]){10, 20, 0});
	ck_assert_uint_eq(baseline.count, 2);
	delta_baseline_fini(&baseline);
}
END_TEST

START_TEST(later_looks_give_what_came_since)
{
	struct delta_baseline baseline = {0};

	expect(&baseline, (uint64_t[]){10, 20, 0}, (uint64_t[]){10, 20, 0});
	expect(&baseline, (uint64_t[]){10, 50, 30}, (uint64_t[]){0, 30, 30});
	expect(&baseline, (uint64_t[]){11, 50, 30}, (uint64_t[]){1, 0, 0});
	delta_baseline_fini(&baseline);
}
END_TEST

START_TEST(what_shrinks_is_nothing_and_is_not_counted_again)
{
	struct delta_baseline baseline = {0};

	expect(&baseline, (uint64_t[]){100, 0, 0}, (uint64_t[]){100, 0, 0});
	expect(&baseline, (uint64_t[]){40, 0, 0}, (uint64_t[]){0, 0, 0});
	expect(&baseline, (uint64_t[]){110, 0, 0}, (uint64_t[]){10, 0, 0});
	delta_baseline_fini(&baseline);
}
END_TEST

START_TEST(a_stack_that_is_missing_once_is_not_new_afterwards)
{
	struct delta_baseline baseline = {0};

	expect(&baseline, (uint64_t[]){100, 5, 0}, (uint64_t[]){100, 5, 0});
	expect(&baseline, (uint64_t[]){0, 6, 0}, (uint64_t[]){0, 1, 0});
	expect(&baseline, (uint64_t[]){103, 6, 0}, (uint64_t[]){3, 0, 0});
	delta_baseline_fini(&baseline);
}
END_TEST

START_TEST(variances_are_those_of_the_interval)
{
	struct delta_baseline baseline = {0};
	struct look look;

	expect(&baseline, (uint64_t[]){100, 0, 0}, (uint64_t[]){100, 0, 0});
	set_look(&look, (uint64_t[]){130, 0, 0});
	ck_assert_int_eq(delta_apply(&baseline, &look.snapshot), 0);
	ck_assert_double_eq_tol(look.snapshot.allocated.bytes_variance, 30, 1e-9);
	ck_assert_uint_eq(look.snapshot.allocated.objects, 3);
	delta_baseline_fini(&baseline);
}
END_TEST

START_TEST(a_baseline_survives_as_bytes)
{
	struct delta_baseline baseline = {0}, again = {0};
	uint8_t *bytes;
	size_t size;

	expect(&baseline, (uint64_t[]){100, 5, 9}, (uint64_t[]){100, 5, 9});
	ck_assert_int_eq(delta_baseline_pack(&baseline, &bytes, &size), 0);
	ck_assert_int_eq(delta_baseline_unpack(&again, bytes, size), 0);
	expect(&again, (uint64_t[]){101, 5, 9}, (uint64_t[]){1, 0, 0});
	free(bytes);
	delta_baseline_fini(&baseline);
	delta_baseline_fini(&again);
}
END_TEST

START_TEST(bytes_that_are_no_baseline_are_refused)
{
	struct delta_baseline baseline = {0}, again = {0};
	uint8_t *bytes;
	size_t size;

	expect(&baseline, (uint64_t[]){100, 5, 9}, (uint64_t[]){100, 5, 9});
	ck_assert_int_eq(delta_baseline_pack(&baseline, &bytes, &size), 0);
	for (size_t cut = 1; cut < size; cut++)
		if ((size - cut - sizeof(uint64_t)) % sizeof(struct delta_sum) != 0)
			ck_assert_int_eq(delta_baseline_unpack(&again, bytes, size - cut),
					 -EBADMSG);
	bytes[0] ^= 1;
	ck_assert_int_eq(delta_baseline_unpack(&again, bytes, size), -EBADMSG);
	bytes[0] ^= 1;
	memset(bytes + sizeof(uint64_t), 0xff, sizeof(uint64_t));
	ck_assert_int_eq(delta_baseline_unpack(&again, bytes, size), -EBADMSG);
	ck_assert_ptr_null(again.sums);
	free(bytes);
	delta_baseline_fini(&baseline);
}
END_TEST

UNIT_MAIN(the_first_look_gives_all, later_looks_give_what_came_since,
	  what_shrinks_is_nothing_and_is_not_counted_again,
	  a_stack_that_is_missing_once_is_not_new_afterwards, variances_are_those_of_the_interval,
	  a_baseline_survives_as_bytes, bytes_that_are_no_baseline_are_refused)
