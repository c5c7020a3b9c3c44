/*
 * Opening, listing and naming, by system calls that are no cancellation points.
 *
 * Whether a segment's process lives is asked of the kernel: a read lease is given
 * only on a file that nobody has open, or mapped, for writing. That is right across
 * PID namespaces and for PIDs that were used again.
 *
 * Context: inside malloc, one thread of the process at a time; the buffers are
 * static because little of the program's stack may be left.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "sampler/segment_directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "sampler/segment_layout.h"

enum { MOST_SEGMENTS = 1000, PATH_SIZE = 256 };

static char *append(char *end, const char *limit, const char *text)
{
	while (*text && end < limit - 1)
		*end++ = *text++;
	*end = '\0';
	return end;
}

static char *append_number(char *end, const char *limit, uint64_t number)
{
	char digits[24];
	char *p = digits + sizeof(digits);

	*--p = '\0';
	do
		*--p = '0' + number % 10;
	while ((number /= 10));
	return append(end, limit, p);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static long open_existing(const char *path, bool is_own)
{
	const long fd = syscall(SYS_openat, AT_FDCWD, path,
				O_RDONLY | O_DIRECTORY | O_CLOEXEC | (is_own ? O_NOFOLLOW : 0), 0);

	return fd >= 0 ? fd : -errno;
}

long segment_directory_open(const char *path)
{
	static char own[PATH_SIZE];
	const bool is_own = path[0] == '\0';
	struct stat status;

	if (is_own) {
		append_number(append(own, own + PATH_SIZE, "/dev/shm/heaptide-"), own + PATH_SIZE,
			      geteuid());
		path = own;
	}
	/* Opened before it is made: a sandbox that lets no file be opened says no to
	 * that, where an unexpected mkdir may be the end of the process. */
	long fd = open_existing(path, is_own);
	if (fd == -ENOENT && (mkdir(path, 0700) == 0 || errno == EEXIST))
		fd = open_existing(path, is_own);
	if (fd < 0)
		return fd;
	if (is_own && (fstat(fd, &status) != 0 || status.st_uid != geteuid() ||
		       (status.st_mode & 077) != 0)) {
		syscall(SYS_close, fd);
		return -EPERM;
	}
	return fd;
}

/* ---- making room ----------------------------------------------------- */

/* The start in a segment's name, in ms, or 0 when it is no such name. */
static uint64_t start_of(const char *name)
{
	const size_t length = strlen(name), suffix = strlen(SEGMENT_SUFFIX);
	uint64_t start = 0, digit = 1;

	if (length <= suffix || strcmp(name + length - suffix, SEGMENT_SUFFIX) != 0)
		return 0;
	for (const char *p = name + length - suffix; p-- > name && *p >= '0' && *p <= '9';
	     digit *= 10)
		start += digit * (*p - '0');
	return start;
}

static bool is_of_dead_process(long directory, const char *name)
{
	const long fd = syscall(SYS_openat, directory, name,
				O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);

	if (fd < 0)
		return false;
	const bool is_dead = syscall(SYS_fcntl, fd, F_SETLEASE, F_RDLCK) == 0;
	syscall(SYS_close, fd); /* and with it the lease */
	return is_dead;
}

struct survey {
	unsigned count;
	uint64_t oldest;
	uint64_t remove_until; /* start; 0: only look */
	unsigned removed;
};

static void look_at(long directory, const char *name, struct survey *survey)
{
	const uint64_t start = start_of(name);

	if (start == 0)
		return;
	survey->count++;
	if (start < survey->oldest)
		survey->oldest = start;
	if (start <= survey->remove_until && is_of_dead_process(directory, name) &&
	    syscall(SYS_unlinkat, directory, name, 0) == 0)
		survey->removed++;
}

static void look_through(long directory, struct survey *survey)
{
	static union {
		struct dirent64 first;
		char bytes[4096];
	} entries;
	long size;

	syscall(SYS_lseek, directory, 0, SEEK_SET);
	while ((size = syscall(SYS_getdents64, directory, &entries, sizeof(entries))) > 0)
		for (long at = 0; at < size;) {
			const struct dirent64 *entry = (const void *)(entries.bytes + at);

			look_at(directory, entry->d_name, survey);
			at += entry->d_reclen;
		}
}

unsigned segment_directory_make_room(long directory)
{
	struct survey survey = {.oldest = UINT64_MAX};

	look_through(directory, &survey);
	if (survey.count < MOST_SEGMENTS)
		return 0;
	survey.remove_until = survey.oldest + (now_ms() - survey.oldest) / 2;
	look_through(directory, &survey);
	return survey.removed;
}

/* ---- a new file ------------------------------------------------------ */

/* Characters of the command that could be odd in a file name become _. */
static void write_name(char *name, const char *command, uint64_t start_ms)
{
	const char *limit = name + SEGMENT_DIRECTORY_NAME;
	char *end = append(name, limit, command[0] ? command : "unknown");

	for (char *p = name; p < end; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		      (*p >= '0' && *p <= '9') || *p == '-' || *p == '+'))
			*p = '_';
	end = append_number(append(end, limit, "."), limit, getpid());
	end = append_number(append(end, limit, "."), limit, start_ms);
	append(end, limit, SEGMENT_SUFFIX);
}

long segment_directory_create(long directory, const char *command, char *name)
{
	const uint64_t start_ms = now_ms();

	for (int attempt = 0; attempt < 100; attempt++) {
		write_name(name, command, start_ms + attempt);
		const long fd = syscall(SYS_openat, directory, name,
					O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd >= 0 || errno != EEXIST)
			return fd >= 0 ? fd : -errno;
	}
	return -EEXIST;
}
