/*
 * One file per name, replaced as a whole. Names are made into file names by
 * escaping, so that they may hold anything.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/state.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exporter/directory.h"

#define SUFFIX ".state"

struct state {
	int directory;
};

int state_open(const char *directory, struct state **state)
{
	int status = directory_make(directory);

	if (status < 0)
		return status;
	*state = malloc(sizeof(**state));
	if (!*state)
		return -ENOMEM;
	(*state)->directory = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if ((*state)->directory >= 0)
		return 0;
	status = -errno;
	free(*state);
	return status;
}

void state_close(struct state *state)
{
	if (!state)
		return;
	close(state->directory);
	free(state);
}

static uint64_t hash_text(const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return hash;
}

/* Letters, digits and "-._" stay; what is too long for a file's name ends in a hash. */
static void make_file_name(const char *name, char file[NAME_MAX + 1])
{
	const size_t room = NAME_MAX - 40;
	size_t length = 0;

	for (const char *c = name; *c && length < room; c++) {
		if (isalnum((unsigned char)*c) || (strchr("-_.", *c) && c > name))
			file[length++] = *c;
		else
			length += (size_t)sprintf(file + length, "%%%02x", (unsigned char)*c);
	}
	file[length] = '\0';
	if (length >= room)
		length += (size_t)sprintf(file + length, "-%016llx",
					  (unsigned long long)hash_text(name));
	strcpy(file + length, SUFFIX);
}

static int read_whole(int fd, uint8_t **bytes, size_t *size)
{
	struct stat about;
	size_t done = 0;

	if (fstat(fd, &about) != 0)
		return -errno;
	*size = (size_t)about.st_size;
	*bytes = malloc(*size + 1);
	if (!*bytes)
		return -ENOMEM;
	while (done < *size) {
		const ssize_t n = read(fd, *bytes + done, *size - done);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (done == *size)
		return 0;
	free(*bytes);
	return -EIO;
}

int state_get(struct state *state, const char *name, uint8_t **bytes, size_t *size)
{
	char file[NAME_MAX + 1];
	int fd, status;

	if (!state)
		return -ENOENT;
	make_file_name(name, file);
	fd = openat(state->directory, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	status = read_whole(fd, bytes, size);
	close(fd);
	return status;
}

static int write_whole(int fd, const uint8_t *bytes, size_t size)
{
	while (size > 0) {
		const ssize_t n = write(fd, bytes, size);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			bytes += n;
			size -= (size_t)n;
		}
	}
	return 0;
}

int state_put(struct state *state, const char *name, const uint8_t *bytes, size_t size)
{
	static const char temporary[] = "new";
	char file[NAME_MAX + 1];
	int fd, status;

	if (!state)
		return 0;
	make_file_name(name, file);
	fd = openat(state->directory, temporary,
		    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	status = write_whole(fd, bytes, size);
	if (close(fd) != 0 && status == 0)
		status = -errno;
	if (status == 0 && renameat(state->directory, temporary, state->directory, file) != 0)
		status = -errno;
	if (status < 0)
		unlinkat(state->directory, temporary, 0);
	return status;
}

void state_remove(struct state *state, const char *name)
{
	char file[NAME_MAX + 1];

	if (!state)
		return;
	make_file_name(name, file);
	unlinkat(state->directory, file, 0);
}
