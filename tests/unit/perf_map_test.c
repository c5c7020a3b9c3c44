/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "exporter/perf_map.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define PID 4711
#define WRONG_PID 4712

static char directory[] = "/tmp/perf_map_test.XXXXXX";
static char path[64];

static void make_directory(void)
{
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/perf-%d.map", directory, PID);
}

static void remove_directory(void)
{
	unlink(path);
	ck_assert_int_eq(rmdir(directory), 0);
}

static int file_with(const char *text)
{
	FILE *file = tmpfile();
	int fd;

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fflush(file);
	fd = dup(fileno(file));
	fclose(file);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static void assert_name_in(const char *text, uint64_t address, const char *expected)
{
	const int fd = file_with(text);
	struct perf_map *map = perf_map_new(fd);
	char *name = map ? perf_map_find(map, address) : NULL;

	if (expected)
		ck_assert_str_eq(name ? name : "(none)", expected);
	else
		ck_assert_ptr_null(name);
	free(name);
	perf_map_free(map);
	close(fd);
}

START_TEST(code_is_named_by_the_entry_that_holds_it)
{
	const char *text = "1000 20 LazyCompile:~first a.js:1\n1020 10 second\n";

	assert_name_in(text, 0x0fff, NULL);
	assert_name_in(text, 0x1000, "LazyCompile:~first a.js:1");
	assert_name_in(text, 0x101f, "LazyCompile:~first a.js:1");
	assert_name_in(text, 0x1020, "second");
	assert_name_in(text, 0x1030, NULL);
}
END_TEST

START_TEST(the_last_entry_of_a_place_wins)
{
	assert_name_in("1000 100 old\n1010 10 new\n", 0x1014, "new");
	assert_name_in("1010 10 old\n1000 100 new\n", 0x1014, "new");
	assert_name_in("1000 100 old\n1010 10 new\n", 0x1024, "old");
}
END_TEST

START_TEST(numbers_may_have_a_prefix)
{
	assert_name_in("0x1000 0x20 py::f:/a.py\n", 0x1001, "py::f:/a.py");
}
END_TEST

START_TEST(what_is_not_an_entry_is_skipped)
{
	assert_name_in("\n \nnonsense\n1000\n1000 20\n1000 20 \n1000 zz x\n2000 10 good\n", 0x1000,
		       NULL);
	assert_name_in("\n \nnonsense\n1000\n1000 20\n1000 20 \n1000 zz x\n2000 10 good\n", 0x2000,
		       "good");
	assert_name_in("ffffffffffffffff ffffffffffffffff wraps\n1 1 good\n", 1, "good");
	assert_name_in("", 0, NULL);
}
END_TEST

START_TEST(a_line_without_an_end_is_read_as_far_as_it_goes)
{
	assert_name_in("1000 10 cut", 0x1000, "cut");
}
END_TEST

START_TEST(a_line_of_a_megabyte_does_not_hide_the_next)
{
	char *text = malloc((1 << 20) + 64);

	ck_assert_ptr_nonnull(text);
	strcpy(text, "1000 10 ");
	memset(text + 8, 'x', 1 << 20);
	strcpy(text + 8 + (1 << 20), "\n2000 10 next\n");
	assert_name_in(text, 0x2000, "next");
	free(text);
}
END_TEST

static void write_map(void)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fputs("1000 10 f\n", file);
	fclose(file);
}

START_TEST(a_map_of_the_user_is_opened)
{
	make_directory();
	write_map();
	const int fd = perf_map_open(directory, PID, getuid(), 0);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(perf_map_open(directory, WRONG_PID, getuid(), 0), -ENOENT);
	remove_directory();
}
END_TEST

START_TEST(a_map_of_somebody_else_is_not_trusted)
{
	make_directory();
	write_map();
	if (geteuid() == 0)
		ck_assert_int_eq(chown(path, 12345, 12345), 0);
	/* Without root it is still nobody's but mine. */
	ck_assert_int_eq(perf_map_open(directory, PID, geteuid() == 0 ? 0 : getuid() + 1, 0),
			 -EPERM);
	remove_directory();
}
END_TEST

START_TEST(a_symbolic_link_is_not_followed)
{
	make_directory();
	ck_assert_int_eq(symlink("/etc/passwd", path), 0);
	ck_assert_int_eq(perf_map_open(directory, PID, getuid(), 0), -ELOOP);
	remove_directory();
}
END_TEST

START_TEST(a_pipe_is_not_waited_for)
{
	make_directory();
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(perf_map_open(directory, PID, getuid(), 0), -EPERM);
	remove_directory();
}
END_TEST

START_TEST(the_map_of_an_earlier_process_of_the_same_number_is_not_trusted)
{
	struct stat status;

	make_directory();
	write_map();
	ck_assert_int_eq(stat(path, &status), 0);
	ck_assert_int_eq(perf_map_open(directory, PID, getuid(), status.st_mtim.tv_sec + 1),
			 -EPERM);
	remove_directory();
}
END_TEST

UNIT_MAIN(code_is_named_by_the_entry_that_holds_it, the_last_entry_of_a_place_wins,
	  numbers_may_have_a_prefix, what_is_not_an_entry_is_skipped,
	  a_line_without_an_end_is_read_as_far_as_it_goes,
	  a_line_of_a_megabyte_does_not_hide_the_next, a_map_of_the_user_is_opened,
	  a_map_of_somebody_else_is_not_trusted, a_symbolic_link_is_not_followed,
	  a_pipe_is_not_waited_for, the_map_of_an_earlier_process_of_the_same_number_is_not_trusted)
