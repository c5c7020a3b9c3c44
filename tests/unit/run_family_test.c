/*
 * Which of a run's processes the verdict is about.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/run_family.h"

#include "tests/unit/unit.h"

static const struct run_family family = {.program = 100};

/* Members as run_family_list() orders them: the largest first. */
static const struct run_member *choose(const uint64_t *bytes, const pid_t *pids, size_t count)
{
	static struct run_member members[8];

	for (size_t i = 0; i < count; i++) {
		members[i].target.pid = pids[i];
		members[i].allocated.bytes = bytes[i];
	}
	return run_family_main(&family, members, count);
}

START_TEST(the_program_is_the_main_one_though_others_allocated_more)
{
	const uint64_t bytes[] = {5000, 4000, 1000};
	const pid_t pids[] = {102, 101, 100};

	ck_assert_int_eq(choose(bytes, pids, 3)->target.pid, 100);
}
END_TEST

START_TEST(behind_a_shell_the_largest_is_the_main_one)
{
	const uint64_t bytes[] = {50000, 4000, 1000};
	const pid_t pids[] = {102, 101, 100};

	ck_assert_int_eq(choose(bytes, pids, 3)->target.pid, 102);
	ck_assert_int_eq(choose(bytes, pids, 1)->target.pid, 102);
}
END_TEST

START_TEST(of_the_programs_images_the_largest_is_the_main_one)
{
	const uint64_t bytes[] = {9000, 5000, 4000};
	const pid_t pids[] = {101, 100, 100};

	ck_assert_uint_eq(choose(bytes, pids, 3)->allocated.bytes, 5000);
}
END_TEST

START_TEST(without_members_there_is_none)
{
	ck_assert_ptr_null(choose(NULL, NULL, 0));
}
END_TEST

UNIT_MAIN(the_program_is_the_main_one_though_others_allocated_more,
	  behind_a_shell_the_largest_is_the_main_one,
	  of_the_programs_images_the_largest_is_the_main_one, without_members_there_is_none)
