/*
 * The names of the rows of a table.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/name_table.h"

#include "tests/unit/report_profile.h"
#include "tests/unit/unit.h"

static struct name_table table;

static void check_stack(size_t stack, const char *const *names)
{
	size_t i;

	for (i = table.frames.first[stack]; i < table.frames.first[stack + 1]; i++) {
		ck_assert_ptr_nonnull(*names);
		ck_assert_str_eq(table.names[table.frames.ids[i]], *names++);
	}
	ck_assert_ptr_null(*names);
}

#define CHECK_STACK(stack, ...) check_stack(stack, (const char *const[]){__VA_ARGS__, NULL})

START_TEST(functions_have_one_id_each_in_the_order_of_their_names)
{
	uint32_t i;

	ck_assert_int_eq(name_table_fill(&table, &small_profile, NAME_TABLE_FUNCTIONS), 0);
	ck_assert_uint_eq(table.frames.id_count, 6);
	for (i = 1; i < table.frames.id_count; i++)
		ck_assert_int_lt(strcmp(table.names[i - 1], table.names[i]), 0);
	name_table_free(&table);
}
END_TEST

START_TEST(stacks_read_from_the_innermost_inlined_function)
{
	ck_assert_int_eq(name_table_fill(&table, &small_profile, NAME_TABLE_FUNCTIONS), 0);
	CHECK_STACK(0, "[stack table full]");
	CHECK_STACK(1, "xmalloc", "parse", "parse", "main");
	CHECK_STACK(2, "xmalloc", "copy", "read_all", "main");
	name_table_free(&table);
}
END_TEST

START_TEST(two_lines_of_one_function_are_two_names)
{
	ck_assert_int_eq(name_table_fill(&table, &small_profile, NAME_TABLE_LINES), 0);
	CHECK_STACK(0, "[stack table full]");
	CHECK_STACK(1, "xmalloc alloc.c:3", "parse parse.c:7", "parse parse.c:9", "main main.c:11");
	name_table_free(&table);
}
END_TEST

START_TEST(modules_are_the_paths_of_the_frames)
{
	ck_assert_int_eq(name_table_fill(&table, &small_profile, NAME_TABLE_MODULES), 0);
	CHECK_STACK(0, "[no module]");
	CHECK_STACK(2, "/opt/small", "/lib/libread.so.1", "/opt/small");
	name_table_free(&table);
}
END_TEST

START_TEST(functions_of_one_name_are_one)
{
	struct profile_function functions[] = {
		{"same", "_Z4samei", "a.c", 1, true},
		{"same", "_Z4samel", "b.c", 2, true},
	};
	struct profile_line lines[] = {{0, 0}, {1, 0}};
	struct profile profile = {
		.snapshot = &empty_snapshot,
		.functions = functions,
		.function_count = 2,
		.lines = lines,
		.line_count = 2,
	};

	ck_assert_int_eq(name_table_fill(&table, &profile, NAME_TABLE_FUNCTIONS), 0);
	ck_assert_uint_eq(table.frames.id_count, 1);
	ck_assert_uint_eq(table.origins[0], 0);
	name_table_free(&table);
}
END_TEST

START_TEST(an_empty_profile_has_no_names)
{
	ck_assert_int_eq(name_table_fill(&table, &empty_profile, NAME_TABLE_FUNCTIONS), 0);
	ck_assert_uint_eq(table.frames.id_count, 0);
	ck_assert_uint_eq(table.frames.first[0], 0);
	name_table_free(&table);
}
END_TEST

UNIT_MAIN(functions_have_one_id_each_in_the_order_of_their_names,
	  stacks_read_from_the_innermost_inlined_function, two_lines_of_one_function_are_two_names,
	  modules_are_the_paths_of_the_frames, functions_of_one_name_are_one,
	  an_empty_profile_has_no_names)
