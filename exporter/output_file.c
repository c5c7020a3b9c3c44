/*
 * Context: the reader process, one thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The permissions a new file would have had: mkstemp() gives fewer. */
static int set_usual_mode(int fd)
{
	const mode_t mask = umask(0);

	umask(mask);
	return fchmod(fd, 0666 & ~mask);
}

int output_file_open(struct output_file *file, const char *path)
{
	int fd = -1, status;

	*file = (struct output_file){.stream = stdout};
	if (strcmp(path, "-") == 0)
		return 0;
	file->stream = NULL;
	file->path = strdup(path);
	if (!file->path || asprintf(&file->temporary, "%s.XXXXXX", path) < 0) {
		free(file->path);
		return -ENOMEM;
	}
	fd = mkostemp(file->temporary, O_CLOEXEC);
	if (fd >= 0 && set_usual_mode(fd) == 0)
		file->stream = fdopen(fd, "w");
	if (file->stream)
		return 0;
	status = -errno;
	if (fd >= 0) {
		close(fd);
		unlink(file->temporary);
	}
	free(file->temporary);
	free(file->path);
	return status;
}

int output_file_close(struct output_file *file, bool keep)
{
	const bool has_failed = fflush(file->stream) != 0 || ferror(file->stream);
	int status = has_failed ? -(errno ? errno : EIO) : 0;

	if (!file->path)
		return status;
	if (fclose(file->stream) != 0 && status == 0)
		status = -errno;
	if (keep && status == 0 && rename(file->temporary, file->path) != 0)
		status = -errno;
	if (!keep || status < 0)
		unlink(file->temporary);
	free(file->temporary);
	free(file->path);
	return status;
}
