/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/roster.h"

#include "tests/unit/unit.h"

START_TEST(processes_are_sorted_by_service_the_newest_first)
{
	struct roster *const roster = roster_new();
	struct roster_copy copy;

	roster_add(roster, "/s/1", "web", 1);
	roster_add(roster, "/s/2", "db", 2);
	roster_add(roster, "/s/3", "web", 3);
	ck_assert_int_eq(roster_take(roster, &copy), 0);
	ck_assert_uint_eq(copy.process_count, 3);
	ck_assert_int_eq(copy.processes[0].pid, 2);
	ck_assert_int_eq(copy.processes[1].pid, 3);
	ck_assert_int_eq(copy.processes[2].pid, 1);
	roster_copy_fini(&copy);
	roster_free(roster);
}
END_TEST

START_TEST(a_copy_stays_as_it_was)
{
	const struct roster_sink sink = {.name = "one", .counters.delivered = 7};
	struct roster *const roster = roster_new();
	struct roster_copy copy, later;

	roster_add(roster, "/s/1", "web", 1);
	roster_set_sinks(roster, &sink, 1);
	ck_assert_int_eq(roster_take(roster, &copy), 0);
	roster_remove(roster, "/s/1");
	roster_remove(roster, "/s/1");
	roster_set_sinks(roster, NULL, 0);
	ck_assert_int_eq(roster_take(roster, &later), 0);
	ck_assert_uint_eq(later.process_count, 0);
	ck_assert_uint_eq(later.sink_count, 0);
	roster_free(roster);
	ck_assert_str_eq(copy.processes[0].path, "/s/1");
	ck_assert_str_eq(copy.sinks[0].name, "one");
	ck_assert_uint_eq(copy.sinks[0].counters.delivered, 7);
	roster_copy_fini(&copy);
	roster_copy_fini(&later);
}
END_TEST

UNIT_MAIN(processes_are_sorted_by_service_the_newest_first, a_copy_stays_as_it_was)
