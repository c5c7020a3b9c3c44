/*
 * Context: the reader process, one thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The permissions a new file would have had: mkostemp() gives fewer. */
static int set_usual_mode(int fd)
{
	const mode_t mask = umask(0);

	umask(mask);
	return fchmod(fd, 0666 & ~mask);
}

/* A device or a pipe: it cannot be replaced, only be written to. */
static bool is_special(const char *path)
{
	struct stat about;

	return stat(path, &about) == 0 && !S_ISREG(about.st_mode);
}

static int open_special(struct output_file *file, const char *path)
{
	file->stream = fopen(path, "we");
	return file->stream ? 0 : -errno;
}

static int open_temporary(struct output_file *file)
{
	const int fd = mkostemp(file->temporary, O_CLOEXEC);
	int status;

	if (fd < 0)
		return -errno;
	if (set_usual_mode(fd) == 0)
		file->stream = fdopen(fd, "w");
	if (file->stream)
		return 0;
	status = -errno;
	close(fd);
	unlink(file->temporary);
	return status;
}

int output_file_open(struct output_file *file, const char *path)
{
	int status = -ENOMEM;

	*file = (struct output_file){.stream = NULL};
	/* A file that grows past RLIMIT_FSIZE is an error like others, not the end. */
	signal(SIGXFSZ, SIG_IGN);
	if (strcmp(path, "-") == 0) {
		file->stream = stdout;
		return 0;
	}
	if (is_special(path))
		return open_special(file, path);
	/* What a symbolic link stands for is replaced, not the link. */
	file->path = realpath(path, NULL);
	if (!file->path)
		file->path = strdup(path);
	if (file->path && asprintf(&file->temporary, "%s.XXXXXX", file->path) >= 0)
		status = open_temporary(file);
	if (status < 0) {
		free(file->temporary);
		free(file->path);
	}
	return status;
}

int output_file_close(struct output_file *file, bool keep)
{
	const bool has_failed = fflush(file->stream) != 0 || ferror(file->stream);
	int status = has_failed ? -(errno ? errno : EIO) : 0;

	if (file->stream != stdout && fclose(file->stream) != 0 && status == 0)
		status = -errno;
	if (!file->path)
		return status;
	if (keep && status == 0 && rename(file->temporary, file->path) != 0)
		status = -errno;
	if (!keep || status < 0)
		unlink(file->temporary);
	free(file->temporary);
	free(file->path);
	return status;
}
