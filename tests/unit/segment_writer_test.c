/*
 * The file of a segment: made privately, grown in steps, never a descriptor
 * left, never SIGBUS.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/segment_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/unit/segment_fixture.h"
#include "tests/unit/unit.h"

#define MIB (UINT64_C(1) << 20)

static unsigned open_descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

START_TEST(the_file_is_private_and_no_descriptor_stays)
{
	struct settings settings = fixture_settings(1, 4 * MIB);
	const unsigned before = open_descriptors();
	struct stat status;

	ck_assert_int_eq(segment_writer_open(&settings), 0);
	ck_assert_uint_eq(open_descriptors(), before);
	ck_assert_int_eq(stat(fixture_path(&settings), &status), 0);
	ck_assert_uint_eq(status.st_mode & 0777, 0600);
	ck_assert_uint_eq(status.st_size, 4 * MIB);
	fixture_remove(&settings);
}
END_TEST

START_TEST(space_is_taken_only_as_it_is_used)
{
	struct settings settings = fixture_settings(1, 256 * MIB);
	struct stat status;

	ck_assert_int_eq(segment_writer_open(&settings), 0);
	for (int i = 0; i < 1000; i++)
		UNIT_CHECK(segment_writer_claim(SEGMENT_BLOCKS, 1) == (uint64_t)i);
	ck_assert_int_eq(stat(fixture_path(&settings), &status), 0);
	ck_assert_uint_le(status.st_blocks * 512, MIB);
	fixture_remove(&settings);
}
END_TEST

START_TEST(a_region_gives_what_it_has_and_no_more)
{
	struct settings settings = fixture_settings(1, MIB);

	ck_assert_int_eq(segment_writer_open(&settings), 0);
	for (int r = 0; r < SEGMENT_REGION_COUNT; r++) {
		const uint64_t capacity = segment_writer_capacity(r);

		ck_assert_uint_gt(capacity, 0);
		ck_assert_uint_eq(segment_writer_claim(r, capacity + 1), UINT64_MAX);
		ck_assert_uint_eq(segment_writer_claim(r, capacity), 0);
		ck_assert_uint_eq(segment_writer_claim(r, 1), UINT64_MAX);
		/* Every byte of it is there. */
		memset(segment_writer_region(r), 1,
		       capacity * segment_writer_header()->regions[r].element_size);
	}
	fixture_remove(&settings);
}
END_TEST

/* Mounts a small file system on the directory of the settings; false where only
 * root may: the end-to-end tests say so when they skip. */
static bool mount_small(const struct settings *settings, const char *size)
{
	char options[32];

	snprintf(options, sizeof(options), "size=%s", size);
	return mount("none", settings->dir, "tmpfs", 0, options) == 0;
}

static void unmount_small(const struct settings *settings)
{
	umount2(settings->dir, MNT_DETACH);
	rmdir(settings->dir);
}

/* Somebody else takes all the space that is left. */
static void fill_up(const struct settings *settings)
{
	static const char zeros[65536];
	char path[600];

	snprintf(path, sizeof(path), "%s/other", settings->dir);
	const int fd = open(path, O_WRONLY | O_CREAT, 0600);

	while (write(fd, zeros, sizeof(zeros)) > 0)
		;
	close(fd);
}

static void make_room(const struct settings *settings)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/other", settings->dir);
	ck_assert_int_eq(unlink(path), 0);
}

START_TEST(a_full_file_system_is_an_answer_and_no_signal)
{
	struct settings settings = fixture_settings(1, 64 * MIB);
	uint64_t claimed = 0;

	if (!mount_small(&settings, "8m"))
		return;
	ck_assert_int_eq(segment_writer_open(&settings), 0);
	for (int i = 0; i < 1000; i++)
		claimed += segment_writer_claim(SEGMENT_BLOCKS, 1) != UINT64_MAX;
	fill_up(&settings);
	while (segment_writer_claim(SEGMENT_BLOCKS, 1) != UINT64_MAX)
		claimed++;
	ck_assert_uint_ge(claimed, 1000);
	for (int i = 0; i < 5000; i++)
		ck_assert_uint_eq(segment_writer_claim(SEGMENT_BLOCKS, 1), UINT64_MAX);
	/* The kernel is not asked each time. */
	ck_assert_uint_ge(segment_writer_header()->counters[SEGMENT_COUNTER_no_space], 2);
	ck_assert_uint_le(segment_writer_header()->counters[SEGMENT_COUNTER_no_space], 10);
	memset(segment_writer_region(SEGMENT_BLOCKS), 1, claimed * sizeof(struct segment_block));
	/* But it is asked again when there may be space. */
	make_room(&settings);
	for (int i = 0; i < 1001 && claimed < UINT32_MAX; i++)
		if (segment_writer_claim(SEGMENT_BLOCKS, 1) != UINT64_MAX)
			claimed = UINT32_MAX;
	ck_assert_uint_eq(claimed, UINT32_MAX);
	unmount_small(&settings);
}
END_TEST

START_TEST(half_of_the_free_space_is_left_to_others)
{
	struct settings settings = fixture_settings(1, 64 * MIB);

	if (!mount_small(&settings, "8m"))
		return;
	ck_assert_int_eq(segment_writer_open(&settings), 0);
	ck_assert_uint_eq(segment_writer_header()->segment_size, 4 * MIB);
	unmount_small(&settings);
}
END_TEST

START_TEST(where_there_is_no_space_no_file_is_left)
{
	struct settings settings = fixture_settings(1, 64 * MIB);

	if (!mount_small(&settings, "1m"))
		return;
	ck_assert_int_eq(segment_writer_open(&settings), -ENOSPC);
	ck_assert_str_eq(fixture_path(&settings), "");
	unmount_small(&settings);
}
END_TEST

START_TEST(a_file_size_limit_makes_the_segment_smaller)
{
	struct settings settings = fixture_settings(1, 64 * MIB);
	const struct rlimit limit = {2 * MIB, 2 * MIB};

	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(segment_writer_open(&settings), 0);
	ck_assert_uint_eq(segment_writer_header()->segment_size, 2 * MIB);
	fixture_remove(&settings);
}
END_TEST

START_TEST(where_nothing_can_be_made_an_error_comes_back)
{
	struct settings settings = fixture_settings(1, MIB);
	const struct rlimit limit = {MIB / 2, MIB / 2};

	rmdir(settings.dir);
	strcpy(settings.dir, "/proc/no/such/place");
	ck_assert_int_eq(segment_writer_open(&settings), -ENOENT);
	ck_assert_uint_eq(segment_writer_claim(SEGMENT_BLOCKS, 1), UINT64_MAX);
	settings = fixture_settings(1, MIB);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(segment_writer_open(&settings), -ENOSPC);
	rmdir(settings.dir);
}
END_TEST

START_TEST(counts_made_before_the_segment_are_kept)
{
	struct settings settings = fixture_settings(1, MIB);

	COUNT(dropped_busy);
	COUNT(dropped_busy);
	ck_assert_int_eq(segment_writer_open(&settings), 0);
	COUNT(dropped_busy);
	ck_assert_uint_eq(segment_writer_header()->counters[SEGMENT_COUNTER_dropped_busy], 3);
	fixture_remove(&settings);
}
END_TEST

START_TEST(a_child_forgets_the_segment_of_its_parent)
{
	struct settings settings = fixture_settings(1, MIB);

	ck_assert_int_eq(segment_writer_open(&settings), 0);
	segment_writer_after_fork();
	ck_assert_ptr_null(segment_writer_header());
	ck_assert_uint_eq(segment_writer_claim(SEGMENT_BLOCKS, 1), UINT64_MAX);
	fixture_remove(&settings);
}
END_TEST

UNIT_MAIN(the_file_is_private_and_no_descriptor_stays, space_is_taken_only_as_it_is_used,
	  a_region_gives_what_it_has_and_no_more, a_full_file_system_is_an_answer_and_no_signal,
	  half_of_the_free_space_is_left_to_others, where_there_is_no_space_no_file_is_left,
	  a_file_size_limit_makes_the_segment_smaller,
	  where_nothing_can_be_made_an_error_comes_back, counts_made_before_the_segment_are_kept,
	  a_child_forgets_the_segment_of_its_parent)
