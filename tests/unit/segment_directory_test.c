/*
 * The directory of segments: private, named by process, and never full of the
 * dead.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "sampler/segment_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static char path[] = "/tmp/heaptide-unit-XXXXXX";

static long open_fresh(void)
{
	ck_assert_ptr_nonnull(mkdtemp(path));
	const long directory = segment_directory_open(path);

	ck_assert_int_ge(directory, 0);
	return directory;
}

/* The name of a segment that began `ago` seconds ago. */
static const char *name_of(unsigned ago)
{
	static char name[64];
	static time_t now;

	if (!now)
		now = time(NULL);
	snprintf(name, sizeof(name), "some.name.%u.%llu.heaptide", 1000 + ago,
		 (unsigned long long)(now - ago) * 1000);
	return name;
}

static void make(long directory, const char *name)
{
	const int fd = openat(directory, name, O_RDWR | O_CREAT | O_EXCL, 0600);

	UNIT_CHECK(fd >= 0);
	close(fd);
}

static bool exists(long directory, const char *name)
{
	return faccessat(directory, name, F_OK, 0) == 0;
}

static void remove_all(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", path);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(a_file_is_named_by_command_process_and_start)
{
	const long directory = open_fresh();
	char name[SEGMENT_DIRECTORY_NAME], expected[64];
	const long fd = segment_directory_create(directory, "a b/c.d", name);

	ck_assert_int_ge(fd, 0);
	snprintf(expected, sizeof(expected), "a_b_c_d.%d.", getpid());
	ck_assert_msg(strncmp(name, expected, strlen(expected)) == 0, "%s", name);
	ck_assert(exists(directory, name));
	/* The same process, at the same time: another file. */
	ck_assert_int_ge(segment_directory_create(directory, "a b/c.d", expected), 0);
	ck_assert_str_ne(name, expected);
	remove_all();
}
END_TEST

START_TEST(a_place_that_is_no_directory_is_refused)
{
	ck_assert_int_eq(segment_directory_open("/dev/null"), -ENOTDIR);
	ck_assert_int_eq(segment_directory_open("/proc/none/such"), -ENOENT);
}
END_TEST

START_TEST(a_directory_with_few_segments_is_left_alone)
{
	const long directory = open_fresh();

	for (unsigned i = 0; i < 999; i++)
		make(directory, name_of(i));
	ck_assert_uint_eq(segment_directory_make_room(directory), 0);
	ck_assert(exists(directory, name_of(998)));
	remove_all();
}
END_TEST

START_TEST(the_older_half_of_the_dead_goes_and_the_living_stay)
{
	const long directory = open_fresh();
	char alive[64];

	for (unsigned i = 0; i < 1000; i++)
		make(directory, name_of(i));
	make(directory, "something else");
	/* The oldest of all still has its file mapped, as a running process has. */
	strcpy(alive, name_of(4000));
	make(directory, alive);
	const int fd = openat(directory, alive, O_RDWR);
	ck_assert_int_eq(ftruncate(fd, 4096), 0);
	void *mapping = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(mapping, MAP_FAILED);
	close(fd);
	/* And one from between: 3000 s ago. */
	make(directory, name_of(3000));

	ck_assert_uint_eq(segment_directory_make_room(directory), 1);
	ck_assert(exists(directory, alive));
	ck_assert(!exists(directory, name_of(3000)));
	ck_assert(exists(directory, "something else"));
	/* Now that it is dead, it is the first to go. */
	munmap(mapping, 4096);
	ck_assert_uint_eq(segment_directory_make_room(directory), 1);
	ck_assert(!exists(directory, alive));
	/* The rest spans 999 s, of which the older half goes. */
	const unsigned removed = segment_directory_make_room(directory);
	ck_assert_uint_ge(removed, 495);
	ck_assert_uint_le(removed, 600); /* time goes on meanwhile */
	ck_assert(exists(directory, name_of(10)));
	remove_all();
}
END_TEST

UNIT_MAIN(a_file_is_named_by_command_process_and_start, a_place_that_is_no_directory_is_refused,
	  a_directory_with_few_segments_is_left_alone,
	  the_older_half_of_the_dead_goes_and_the_living_stay)
