/*
 * Finding segments in a directory, dead and alive.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/targets.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exporter/log.h"
#include "tests/unit/unit.h"

static char folder[] = "/tmp/heaptide-targets.XXXXXX";
static struct options options;

static void begin(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	options.dir = folder;
	/* What is said is not the matter here. */
	ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
}

static void end(void)
{
	char command[300];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0);
}

/* Makes a file that could be a segment; its content does not matter here. */
static const char *make_segment(const char *name)
{
	static char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, 8192), 0);
	close(fd);
	return path;
}

/* Maps a file as the process that writes a segment does. */
static void *map_segment(const char *path)
{
	const int fd = open(path, O_RDWR);
	void *memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	ck_assert_ptr_ne(memory, MAP_FAILED);
	close(fd);
	return memory;
}

START_TEST(a_name_tells_command_pid_and_time)
{
	struct target target;

	begin();
	ck_assert_int_eq(targets_find(&options,
				      make_segment("my.own.app.4711.1700000000123.heaptide"),
				      &target),
			 0);
	ck_assert_str_eq(target.command, "my.own.app");
	ck_assert_int_eq(target.pid, 4711);
	ck_assert_uint_eq(target.created_ns, UINT64_C(1700000000123000000));
	ck_assert(!target.alive);
	end();
}
END_TEST

START_TEST(a_file_of_any_name_is_taken_when_it_is_named)
{
	static const char *const names[] = {"copy", "copy.heaptide", "a.b.heaptide", "1.2.heaptide",
					    ".heaptide"};
	struct target target;

	begin();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ck_assert_int_eq(targets_find(&options, make_segment(names[i]), &target), 0);
		ck_assert_int_eq(target.pid, 0);
		ck_assert(!target.alive);
	}
	end();
}
END_TEST

START_TEST(the_newest_comes_first_and_other_files_do_not_count)
{
	struct target *targets;
	size_t count;

	begin();
	make_segment("a.1.2000.heaptide");
	make_segment("b.2.3000.heaptide");
	make_segment("c.3.1000.heaptide");
	make_segment("notes");
	make_segment("heaptide");
	ck_assert_int_eq(targets_list(&options, &targets, &count), 0);
	ck_assert_uint_eq(count, 3);
	ck_assert_str_eq(targets[0].command, "b");
	ck_assert_str_eq(targets[1].command, "a");
	ck_assert_str_eq(targets[2].command, "c");
	free(targets);
	end();
}
END_TEST

START_TEST(a_directory_that_is_not_there_is_empty)
{
	struct target *targets, target;
	size_t count;

	begin();
	end();
	ck_assert_int_eq(targets_list(&options, &targets, &count), 0);
	ck_assert_uint_eq(count, 0);
	ck_assert_int_eq(targets_find(&options, NULL, &target), STATUS_FAILED);
	ck_assert_int_eq(targets_find(&options, "999999999", &target), STATUS_WRONG_USE);
	ck_assert_int_eq(targets_find(&options, "name", &target), STATUS_WRONG_USE);
}
END_TEST

START_TEST(who_maps_the_segment_is_alive)
{
	char name[64], pid[16];
	struct target target;
	const char *path;
	void *memory;

	begin();
	snprintf(name, sizeof(name), "me.%d.5.heaptide", (int)getpid());
	path = make_segment(name);
	ck_assert(!targets_is_alive(path, getpid()));
	memory = map_segment(path);
	ck_assert(targets_is_alive(path, getpid()));
	ck_assert(!targets_is_alive(path, 1));
	ck_assert(!targets_is_alive(path, 0));
	/* By PID also when the directory is another one. */
	options.dir = "/nonexistent";
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	ck_assert_int_eq(targets_find(&options, pid, &target), 0);
	ck_assert(target.alive);
	ck_assert_str_eq(target.path, path);
	munmap(memory, 8192);
	ck_assert(!targets_is_alive(path, getpid()));
	end();
}
END_TEST

START_TEST(of_one_pid_the_living_image_wins)
{
	char name[64], pid[16];
	struct target target;
	void *memory;

	begin();
	snprintf(name, sizeof(name), "me.%d.5.heaptide", (int)getpid());
	memory = map_segment(make_segment(name));
	snprintf(name, sizeof(name), "before.%d.9.heaptide", (int)getpid());
	make_segment(name);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	ck_assert_int_eq(targets_find(&options, pid, &target), 0);
	ck_assert_str_eq(target.command, "me");
	munmap(memory, 8192);
	/* Both dead: the newer one. */
	ck_assert_int_eq(targets_find(&options, pid, &target), 0);
	ck_assert_str_eq(target.command, "before");
	end();
}
END_TEST

START_TEST(a_copy_of_a_living_segment_is_not_alive)
{
	char name[64], copy[300];
	void *memory;

	begin();
	snprintf(name, sizeof(name), "me.%d.5.heaptide", (int)getpid());
	memory = map_segment(make_segment(name));
	snprintf(copy, sizeof(copy), "%s/elsewhere", folder);
	ck_assert_int_eq(mkdir(copy, 0700), 0);
	snprintf(name, sizeof(name), "elsewhere/me.%d.5.heaptide", (int)getpid());
	ck_assert(!targets_is_alive(make_segment(name), getpid()));
	munmap(memory, 8192);
	end();
}
END_TEST

START_TEST(what_any_process_maps_is_kept_from_cleaning)
{
	struct target *targets;
	size_t count;
	void *memory;

	begin();
	/* As from another PID namespace: the PID is nobody's here. */
	memory = map_segment(make_segment("other.999999999.5.heaptide"));
	make_segment("dead.999999999.6.heaptide");
	ck_assert_int_eq(targets_list(&options, &targets, &count), 0);
	ck_assert_uint_eq(count, 2);
	ck_assert(!targets[0].alive && !targets[1].alive);
	targets_mark_mapped(targets, count);
	ck_assert(!targets[0].alive && targets[1].alive);
	munmap(memory, 8192);
	free(targets);
	end();
}
END_TEST

UNIT_MAIN(a_name_tells_command_pid_and_time, a_file_of_any_name_is_taken_when_it_is_named,
	  the_newest_comes_first_and_other_files_do_not_count,
	  a_directory_that_is_not_there_is_empty, who_maps_the_segment_is_alive,
	  of_one_pid_the_living_image_wins, a_copy_of_a_living_segment_is_not_alive,
	  what_any_process_maps_is_kept_from_cleaning)
