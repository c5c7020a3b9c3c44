/*
 * Looking at executables, whole and broken.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static char folder[] = "/tmp/heaptide-program.XXXXXX";

/* Makes an executable of these bytes in a folder of its own, which is PATH's first. */
static void make_file(const char *name, const void *bytes, size_t size)
{
	char path[256];
	int fd;

	if (strstr(folder, "XXXXXX")) {
		char directories[512];

		ck_assert_ptr_nonnull(mkdtemp(folder));
		snprintf(directories, sizeof(directories), "%s:/usr/bin:/bin", folder);
		setenv("PATH", directories, 1);
	}
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, size), (ssize_t)size);
	close(fd);
}

static void remove_folder(void)
{
	char command[300];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0);
}

/* Some real executable, as bytes. */
static char *read_file(const char *path, size_t *size)
{
	struct stat status;
	char *bytes;
	int fd = open(path, O_RDONLY);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &status), 0);
	*size = (size_t)status.st_size;
	bytes = malloc(*size);
	ck_assert_int_eq(read(fd, bytes, *size), (ssize_t)*size);
	close(fd);
	return bytes;
}

START_TEST(a_plain_program_has_no_obstacle)
{
	struct program program;

	ck_assert_int_eq(program_find("true", &program), 0);
	ck_assert_str_eq(program.obstacle, "");
	ck_assert(program.can_preload && !program.is_text);
	ck_assert_int_eq(program.path[0], '/');
}
END_TEST

START_TEST(programs_are_found_as_shells_find_them)
{
	struct program program;
	char path[256];

	make_file("true", "first in PATH", 13);
	ck_assert_int_eq(program_find("true", &program), 0);
	snprintf(path, sizeof(path), "%s/true", folder);
	ck_assert_str_eq(program.path, path);
	ck_assert(program.is_text);
	/* What cannot be executed is passed over. */
	ck_assert_int_eq(chmod(path, 0644), 0);
	ck_assert_int_eq(program_find("true", &program), 0);
	ck_assert_str_ne(program.path, path);
	ck_assert_int_eq(program_find(path, &program), -EACCES);
	ck_assert_int_eq(program_find("/tmp", &program), -EACCES);
	ck_assert_int_eq(program_find("", &program), -ENOENT);
	ck_assert_int_eq(program_find("no-such-program-anywhere", &program), -ENOENT);
	ck_assert_int_eq(program_find("/no/such/program", &program), -ENOENT);
	remove_folder();
}
END_TEST

START_TEST(scripts_that_lead_in_a_circle_come_to_an_end)
{
	struct program program;
	char line[300];

	make_file("a", "", 0);
	snprintf(line, sizeof(line), "#!%s/a\n", folder);
	make_file("a", line, strlen(line));
	ck_assert_int_eq(program_find("a", &program), 0);
	ck_assert_str_eq(program.obstacle, "");
	remove_folder();
}
END_TEST

START_TEST(odd_interpreter_lines_do_no_harm)
{
	static const char *const lines[] = {
		"#!",	     "#!\n",	   "#! \n", "#!/usr/bin/env\n", "#!/usr/bin/env -S\n",
		"#!nowhere", "#!\t/bin/sh"};
	struct program program;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		make_file("script", lines[i], strlen(lines[i]));
		ck_assert_int_eq(program_find("script", &program), 0);
		ck_assert_str_eq(program.obstacle, "");
	}
	remove_folder();
}
END_TEST

START_TEST(a_file_cut_anywhere_does_no_harm)
{
	struct program program;
	size_t size;
	char *bytes = read_file("/bin/true", &size);

	for (size_t cut = 0; cut < size; cut += cut < 1024 ? 7 : 997) {
		make_file("cut", bytes, cut);
		ck_assert_int_eq(program_find("cut", &program), 0);
	}
	free(bytes);
	remove_folder();
}
END_TEST

START_TEST(a_file_with_wrong_headers_does_no_harm)
{
	struct program program;
	size_t size;
	char *bytes = read_file("/bin/true", &size);
	char *broken = malloc(size);
	unsigned random = 1;

	for (int round = 0; round < 300; round++) {
		memcpy(broken, bytes, size);
		for (int i = 0; i < 8; i++) {
			random = random * 1103515245 + 12345;
			/* The header, the program headers, and the section headers. */
			const size_t at = random / 65536 % (i % 2 ? 1024 : 2000);

			broken[i % 2 ? at + 16 : size - 1 - at] = (char)(random >> 8);
		}
		make_file("broken", broken, size);
		ck_assert_int_eq(program_find("broken", &program), 0);
	}
	free(broken);
	free(bytes);
	remove_folder();
}
END_TEST

UNIT_MAIN(a_plain_program_has_no_obstacle, programs_are_found_as_shells_find_them,
	  scripts_that_lead_in_a_circle_come_to_an_end, odd_interpreter_lines_do_no_harm,
	  a_file_cut_anywhere_does_no_harm, a_file_with_wrong_headers_does_no_harm)
