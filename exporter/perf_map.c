/*
 * Keeps the ranges and where in the file each name is, and reads a name when it
 * is asked for: the map of a large JIT program is larger than all else.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/perf_map.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exporter/range_map.h"

#define MAX_ENTRIES (1 << 20)
#define MAX_BYTES (INT64_C(256) << 20)
#define MAX_NAME 4096

struct perf_map {
	int fd;
	struct range_map ranges; /* id: number of the entry, in the order of the file */
	uint32_t *name_offsets;	 /* by entry: where its name starts in the file */
	size_t count, capacity;
};

static int add_entry(struct perf_map *map, uint64_t start, uint64_t size, uint32_t name_offset)
{
	if (size == 0 || start + size < start)
		return 0;
	if (map->count == map->capacity) {
		const size_t capacity = map->capacity ? 2 * map->capacity : 1024;
		uint32_t *offsets = reallocarray(map->name_offsets, capacity, sizeof(*offsets));

		if (!offsets)
			return -ENOMEM;
		map->name_offsets = offsets;
		map->capacity = capacity;
	}
	map->name_offsets[map->count] = name_offset;
	return range_map_add(&map->ranges, start, start + size, (uint32_t)map->count++);
}

/* One line of the file, which starts at `offset` in it. */
static int parse_line(struct perf_map *map, const char *line, int64_t offset)
{
	char *end;
	const uint64_t start = strtoull(line, &end, 16);

	if (end == line || *end != ' ')
		return 0;
	const char *size_text = end + 1;
	const uint64_t size = strtoull(size_text, &end, 16);
	if (end == size_text || *end != ' ' || isspace((unsigned char)end[1]) || !end[1])
		return 0;
	return add_entry(map, start, size, (uint32_t)(offset + (end + 1 - line)));
}

static int parse(struct perf_map *map, FILE *file)
{
	char line[MAX_NAME];
	bool is_start = true; /* of a line; what is longer than the buffer comes in pieces */
	int64_t offset = 0;
	int error = 0;

	while (error == 0 && map->count < MAX_ENTRIES && offset < MAX_BYTES &&
	       fgets(line, sizeof(line), file)) {
		if (is_start)
			error = parse_line(map, line, offset);
		offset = ftello(file);
		is_start = strchr(line, '\n') != NULL;
	}
	return error ? error : range_map_sort(&map->ranges);
}

struct perf_map *perf_map_new(int fd)
{
	struct perf_map *map = calloc(1, sizeof(*map));
	const int own_fd = dup(fd);
	FILE *file = own_fd >= 0 ? fdopen(own_fd, "r") : NULL;
	bool is_usable = false;

	if (map && file) {
		map->fd = fd;
		is_usable = parse(map, file) == 0 && map->ranges.count > 0;
	}
	if (file)
		fclose(file);
	else if (own_fd >= 0)
		close(own_fd);
	if (is_usable)
		return map;
	perf_map_free(map);
	return NULL;
}

void perf_map_free(struct perf_map *map)
{
	if (!map)
		return;
	range_map_fini(&map->ranges);
	free(map->name_offsets);
	free(map);
}

char *perf_map_find(const struct perf_map *map, uint64_t address)
{
	const struct range *range, *last = NULL;
	size_t position = SIZE_MAX;
	char name[MAX_NAME];

	while ((range = range_map_next(&map->ranges, address, &position)))
		if (!last || range->id > last->id)
			last = range;
	if (!last)
		return NULL;
	const ssize_t n = pread(map->fd, name, sizeof(name) - 1, map->name_offsets[last->id]);
	if (n <= 0)
		return NULL;
	name[n] = '\0';
	name[strcspn(name, "\r\n")] = '\0';
	return name[0] ? strdup(name) : NULL;
}

static bool is_trusted(int fd, uid_t uid, int64_t not_before)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
	       (status.st_uid == uid || status.st_uid == 0) && status.st_mtim.tv_sec >= not_before;
}

int perf_map_open(const char *directory, pid_t pid, uid_t uid, int64_t not_before)
{
	char path[4096];
	const int length = snprintf(path, sizeof(path), "%s/perf-%d.map", directory, pid);
	int fd;

	if (length < 0 || (size_t)length >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (is_trusted(fd, uid, not_before))
		return fd;
	close(fd);
	return -EPERM;
}
