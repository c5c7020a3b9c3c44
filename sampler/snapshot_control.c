/*
 * What `heaptide ctl` writes into a segment: the only thing that a reader ever
 * changes there.
 *
 * Context: the reader process.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "sampler/snapshot.h"
#include "sampler/snapshot_copy.h"

static bool put(int fd, size_t offset, const void *word, size_t size)
{
	return pwrite(fd, word, size, (off_t)offset) == (ssize_t)size;
}

/* Moves the generation last: the process looks at the others only then. Each
 * word is written whole, and a system call does not overtake another. */
static bool put_control(int fd, uint64_t interval, int active)
{
	const size_t generation_offset = offsetof(struct segment_header, control_generation);
	const uint32_t control_switch = active ? SEGMENT_ON : SEGMENT_OFF;
	uint32_t generation;

	if (interval != 0 && !put(fd, offsetof(struct segment_header, control_interval), &interval,
				  sizeof(interval)))
		return false;
	if (active >= 0 && !put(fd, offsetof(struct segment_header, control_switch),
				&control_switch, sizeof(control_switch)))
		return false;
	if (pread(fd, &generation, sizeof(generation), (off_t)generation_offset) !=
	    (ssize_t)sizeof(generation))
		return false;
	generation++;
	atomic_thread_fence(memory_order_release);
	return put(fd, generation_offset, &generation, sizeof(generation));
}

int snapshot_control(const char *path, uint64_t interval, int active, char *error)
{
	struct segment_header header;
	const int fd = snapshot_copy_open(path, O_RDWR, &header, error);
	int result = 0;

	if (fd < 0)
		return fd;
	/* One at a time, so that every change moves the generation. */
	if (flock(fd, LOCK_EX) < 0 || !put_control(fd, interval, active)) {
		result = -(errno != 0 ? errno : EIO);
		snprintf(error, SNAPSHOT_ERROR_SIZE, "cannot change %.150s: %s", path,
			 strerror(-result));
	}
	close(fd);
	return result;
}
