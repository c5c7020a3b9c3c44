/*
 * Context: the agent's main thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/segment_watch.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exporter/log.h"
#include "exporter/targets.h"

#define USERS_PARENT "/dev/shm"
#define USERS_PREFIX "heaptide-"

static bool watches_all_users(const struct options *options)
{
	return geteuid() == 0 && *options->dir == '\0';
}

/* A directory that is watched already stays so. */
static int add(const struct segment_watch *watch, const char *path)
{
	return inotify_add_watch(watch->fd, path, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) < 0 ? -errno
											    : 0;
}

/* Which of them are to be trusted is decided when segments are listed. */
static void add_users(const struct segment_watch *watch)
{
	DIR *const parent = opendir(USERS_PARENT);
	const struct dirent *entry;
	char path[PATH_MAX];

	while (parent && (entry = readdir(parent))) {
		if (strncmp(entry->d_name, USERS_PREFIX, strlen(USERS_PREFIX)) != 0)
			continue;
		snprintf(path, sizeof(path), USERS_PARENT "/%s", entry->d_name);
		add(watch, path);
	}
	if (parent)
		closedir(parent);
}

int segment_watch_open(struct segment_watch *watch, const struct options *options)
{
	char path[PATH_MAX];
	int status = targets_directory(options, path);

	*watch = (struct segment_watch){.options = options, .fd = -1};
	if (status != 0)
		return status;
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return log_failure("cannot make %s: %s", path, strerror(errno));
	watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watch->fd < 0)
		return log_failure("cannot watch for segments: %s", strerror(errno));
	status = add(watch, path);
	if (status < 0) {
		segment_watch_close(watch);
		return log_failure("cannot watch %s: %s", path, strerror(-status));
	}
	if (watches_all_users(options)) {
		add(watch, USERS_PARENT);
		add_users(watch);
	}
	return 0;
}

void segment_watch_close(struct segment_watch *watch)
{
	if (watch->fd >= 0)
		close(watch->fd);
	watch->fd = -1;
}

void segment_watch_read(struct segment_watch *watch)
{
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

	while (read(watch->fd, events, sizeof(events)) > 0)
		;
	if (watches_all_users(watch->options))
		add_users(watch);
}
