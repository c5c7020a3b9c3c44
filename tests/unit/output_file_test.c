/*
 * Files that appear when they are complete.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/output_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

/* Each test works in a folder of its own. */
static void enter_folder(void)
{
	char folder[] = "/tmp/heaptide-output-XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
}

static unsigned count_files(void)
{
	DIR *const folder = opendir(".");
	unsigned count = 0;

	while (readdir(folder))
		count++;
	closedir(folder);
	return count - 2; /* . and .. */
}

static void leave_folder(void)
{
	char folder[64];

	ck_assert_ptr_nonnull(getcwd(folder, sizeof(folder)));
	unlink("file");
	unlink("link");
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(folder), 0);
}

static void write_file(const char *path, const char *text)
{
	struct output_file file;

	ck_assert_int_eq(output_file_open(&file, path), 0);
	fputs(text, file.stream);
	ck_assert_int_eq(output_file_close(&file, true), 0);
}

static void expect_content(const char *path, const char *expected)
{
	char text[64] = "";
	FILE *const stream = fopen(path, "r");

	ck_assert_ptr_nonnull(stream);
	ck_assert_ptr_nonnull(fgets(text, sizeof(text), stream));
	fclose(stream);
	ck_assert_str_eq(text, expected);
}

START_TEST(a_file_has_its_name_only_after_it_was_closed)
{
	struct output_file file;

	enter_folder();
	ck_assert_int_eq(output_file_open(&file, "file"), 0);
	fputs("new", file.stream);
	ck_assert_int_ne(access("file", F_OK), 0);
	ck_assert_int_eq(output_file_close(&file, true), 0);
	expect_content("file", "new");
	ck_assert_uint_eq(count_files(), 1);
	leave_folder();
}
END_TEST

START_TEST(a_file_that_is_given_up_leaves_the_old_one_alone)
{
	struct output_file file;

	enter_folder();
	write_file("file", "old");
	ck_assert_int_eq(output_file_open(&file, "file"), 0);
	fputs("half", file.stream);
	ck_assert_int_eq(output_file_close(&file, false), 0);
	expect_content("file", "old");
	ck_assert_uint_eq(count_files(), 1);
	leave_folder();
}
END_TEST

START_TEST(a_new_file_has_the_usual_permissions)
{
	struct stat about;

	enter_folder();
	umask(027);
	write_file("file", "new");
	ck_assert_int_eq(stat("file", &about), 0);
	ck_assert_uint_eq(about.st_mode & 0777, 0640);
	leave_folder();
}
END_TEST

START_TEST(a_symbolic_link_stays_and_its_target_is_replaced)
{
	struct stat about;

	enter_folder();
	write_file("file", "old");
	ck_assert_int_eq(symlink("file", "link"), 0);
	write_file("link", "new");
	ck_assert_int_eq(lstat("link", &about), 0);
	ck_assert(S_ISLNK(about.st_mode));
	expect_content("file", "new");
	leave_folder();
}
END_TEST

START_TEST(a_device_is_written_to_and_not_replaced)
{
	struct stat about;

	write_file("/dev/null", "nothing");
	ck_assert_int_eq(stat("/dev/null", &about), 0);
	ck_assert(S_ISCHR(about.st_mode));
}
END_TEST

START_TEST(a_full_disk_is_an_error)
{
	struct output_file file;

	ck_assert_int_eq(output_file_open(&file, "/dev/full"), 0);
	fputs("too much", file.stream);
	ck_assert_int_eq(output_file_close(&file, true), -ENOSPC);
}
END_TEST

START_TEST(a_folder_that_is_not_there_is_an_error)
{
	struct output_file file;

	ck_assert_int_eq(output_file_open(&file, "/nonexistent/file"), -ENOENT);
	ck_assert_int_eq(output_file_open(&file, "/tmp"), -EISDIR);
}
END_TEST

UNIT_MAIN(a_file_has_its_name_only_after_it_was_closed,
	  a_file_that_is_given_up_leaves_the_old_one_alone, a_new_file_has_the_usual_permissions,
	  a_symbolic_link_stays_and_its_target_is_replaced, a_device_is_written_to_and_not_replaced,
	  a_full_disk_is_an_error, a_folder_that_is_not_there_is_an_error)
