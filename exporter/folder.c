/*
 * A file is SERVICE.TIME.pb.gz, so that names sort by time within a service. Files of
 * other names are left alone.
 *
 * Context: the sink's thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/folder.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SUFFIX ".pb.gz"
#define UNFINISHED ".new"

/* How often the age of files is looked at. */
#define LOOK_EVERY_NS (UINT64_C(60) * 1000000000)

struct folder {
	int fd;
	uint64_t bytes_max, age_max_ns;
	uint64_t bytes;	    /* of our files, as far as we know */
	uint64_t looked_ns; /* real time; 0: never */
};

/* ---- writing ---- */

static void make_name(const struct job *job, char *name, size_t size)
{
	const char *const service = labels_get(&job->labels, LABELS_SERVICE);
	const char *const end = labels_get(&job->labels, "end");
	const time_t seconds = (time_t)(job->time_ns / 1000000000);
	char time_text[32];
	struct tm parts;

	gmtime_r(&seconds, &parts);
	strftime(time_text, sizeof(time_text), "%Y%m%dT%H%M%S", &parts);
	snprintf(name, size, "%.100s%s%s.%s.%09uZ" SUFFIX, service ? service : "unknown",
		 end ? "." : "", end ? end : "", time_text, (unsigned)(job->time_ns % 1000000000));
	for (char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-_.", *c))
			*c = '_';
	if (*name == '.')
		*name = '_';
}

static int write_file(const struct folder *folder, const struct job *job, const char *name)
{
	const int fd =
		openat(folder->fd, UNFINISHED, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	size_t done = 0;
	int status = fd < 0 ? -errno : 0;

	while (status == 0 && done < job->pprof_size) {
		const ssize_t n = write(fd, job->pprof + done, job->pprof_size - done);

		if (n < 0)
			status = -errno;
		else
			done += (size_t)n;
	}
	if (fd >= 0 && close(fd) != 0 && status == 0)
		status = -errno;
	if (status == 0 && renameat(folder->fd, UNFINISHED, folder->fd, name) != 0)
		status = -errno;
	if (status < 0 && fd >= 0)
		unlinkat(folder->fd, UNFINISHED, 0);
	return status;
}

/* ---- removing ---- */

struct file {
	char name[NAME_MAX + 1];
	uint64_t time_ns, bytes;
};

static bool is_ours(const char *name)
{
	const size_t length = strlen(name), suffix = strlen(SUFFIX);

	/* ...Z.pb.gz */
	return length > suffix + 1 && strcmp(name + length - suffix, SUFFIX) == 0 &&
	       name[length - suffix - 1] == 'Z';
}

static int compare_oldest_first(const void *one, const void *other)
{
	const struct file *a = one, *b = other;

	return (a->time_ns > b->time_ns) - (a->time_ns < b->time_ns);
}

/* The files of ours, the oldest first, to be released with free(); NULL: none. */
static struct file *list(const struct folder *folder, size_t *count)
{
	DIR *const directory =
		fdopendir(openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	struct file *files = NULL, *bigger;
	const struct dirent *entry;
	struct stat about;

	*count = 0;
	while (directory && (entry = readdir(directory))) {
		if (!is_ours(entry->d_name) ||
		    fstatat(folder->fd, entry->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		bigger = reallocarray(files, *count + 1, sizeof(*files));
		if (!bigger)
			break;
		files = bigger;
		strcpy(files[*count].name, entry->d_name);
		files[*count].time_ns = (uint64_t)about.st_mtim.tv_sec * 1000000000u +
					(uint64_t)about.st_mtim.tv_nsec;
		files[(*count)++].bytes = (uint64_t)about.st_size;
	}
	if (directory)
		closedir(directory);
	if (files)
		qsort(files, *count, sizeof(*files), compare_oldest_first);
	return files;
}

static uint64_t real_time_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Looks at the files when there are too many bytes, and now and then. */
static void remove_old(struct folder *folder)
{
	const uint64_t now_ns = real_time_ns();
	uint64_t total = 0;
	struct file *files;
	size_t count;

	if (folder->bytes <= folder->bytes_max && now_ns < folder->looked_ns + LOOK_EVERY_NS)
		return;
	files = list(folder, &count);
	for (size_t i = 0; i < count; i++)
		total += files[i].bytes;
	for (size_t i = 0; i < count; i++) {
		if (total <= folder->bytes_max && files[i].time_ns + folder->age_max_ns >= now_ns)
			break;
		if (unlinkat(folder->fd, files[i].name, 0) == 0)
			total -= files[i].bytes;
	}
	folder->bytes = total;
	folder->looked_ns = now_ns;
	free(files);
}

/* ---- the driver ---- */

static void deliver(void *context, const struct sink *sink, const struct job *job,
		    struct delivery *delivery)
{
	struct folder *const folder = context;
	char name[NAME_MAX + 1];
	int status;

	(void)sink;
	make_name(job, name, sizeof(name));
	status = write_file(folder, job, name);
	if (status == 0) {
		delivery->result = DELIVERY_DONE;
		folder->bytes += job->pprof_size;
		remove_old(folder);
	} else {
		snprintf(delivery->message, sizeof(delivery->message), "cannot write: %s",
			 strerror(-status));
	}
}

static void close_folder(void *context)
{
	struct folder *const folder = context;

	close(folder->fd);
	free(folder);
}

const struct sink_driver folder_driver = {
	.deliver = deliver, .close = close_folder, .keeps_all = true};

int folder_open(const struct destination *destination, void **context)
{
	struct folder *folder;
	int status;

	if (mkdir(destination->url, 0755) != 0 && errno != EEXIST)
		return -errno;
	folder = calloc(1, sizeof(*folder));
	if (!folder)
		return -ENOMEM;
	folder->bytes_max =
		destination->directory_bytes ? destination->directory_bytes : FOLDER_BYTES;
	folder->age_max_ns =
		destination->directory_age_ns ? destination->directory_age_ns : FOLDER_AGE_NS;
	folder->fd = open(destination->url, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder->fd >= 0) {
		*context = folder;
		return 0;
	}
	status = -errno;
	free(folder);
	return status;
}
