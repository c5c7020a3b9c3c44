/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "sampler/module_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static char path[] = "/tmp/module_path_test.XXXXXX";

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

START_TEST(a_stamp_stays_while_the_file_does)
{
	close(mkstemp(path));
	const uint64_t stamp = module_path_stamp(path);

	ck_assert_uint_ne(stamp, 0);
	ck_assert_uint_eq(module_path_stamp(path), stamp);
	unlink(path);
}
END_TEST

START_TEST(a_stamp_changes_with_the_file)
{
	close(mkstemp(path));
	const uint64_t empty = module_path_stamp(path);

	write_file("text");
	ck_assert_uint_ne(module_path_stamp(path), empty);
	unlink(path);
}
END_TEST

START_TEST(a_stamp_changes_when_another_file_takes_the_name)
{
	char other[64];

	close(mkstemp(path));
	const uint64_t stamp = module_path_stamp(path);

	snprintf(other, sizeof(other), "%s.old", path);
	ck_assert_int_eq(rename(path, other), 0);
	write_file("");
	ck_assert_uint_ne(module_path_stamp(path), stamp);
	unlink(path);
	unlink(other);
}
END_TEST

START_TEST(a_missing_file_has_no_stamp)
{
	ck_assert_uint_eq(module_path_stamp("/no/such/file"), 0);
}
END_TEST

UNIT_MAIN(a_stamp_stays_while_the_file_does, a_stamp_changes_with_the_file,
	  a_stamp_changes_when_another_file_takes_the_name, a_missing_file_has_no_stamp)
