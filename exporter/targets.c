/*
 * Finding segments. A process is known to write a segment by the fact that it
 * maps the file: after exec or death it does not, whoever has its PID then.
 * Processes whose map we may not read are known by their start time.
 *
 * Context: reader; /proc may change under us at any time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/targets.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exporter/live_process.h"
#include "exporter/log.h"
#include "exporter/proc.h"

#define DEFAULT_PARENT "/dev/shm/"
#define DEFAULT_PREFIX "heaptide-"

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool has_suffix(const char *name)
{
	const size_t length = strlen(name), suffix = strlen(SEGMENT_SUFFIX);

	return length > suffix && strcmp(name + length - suffix, SEGMENT_SUFFIX) == 0;
}

static bool is_number(const char *text)
{
	return *text && text[strspn(text, "0123456789")] == '\0';
}

static bool is_private_directory(const char *path, uid_t owner)
{
	struct stat status;

	return lstat(path, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == owner &&
	       !(status.st_mode & 077);
}

int targets_directory(const struct options *options, char path[PATH_MAX])
{
	if (*options->dir) {
		snprintf(path, PATH_MAX, "%s", options->dir);
		return 0;
	}
	snprintf(path, PATH_MAX, DEFAULT_PARENT DEFAULT_PREFIX "%u", (unsigned)geteuid());
	if (access(path, F_OK) == 0 && !is_private_directory(path, geteuid()))
		return log_failure("%s is not trusted: it must be a directory of yours with mode "
				   "0700; remove it, or use --dir",
				   path);
	return 0;
}

/* COMMAND.PID.START.heaptide, START in ms; the command may have dots of its own. */
static void parse_name(struct target *target)
{
	const char *const base = base_name(target->path);
	const int length = (int)strlen(base) - (int)strlen(SEGMENT_SUFFIX);
	char name[NAME_MAX + 1];
	char *start, *pid;

	if (!has_suffix(base) || length > NAME_MAX)
		return;
	snprintf(name, sizeof(name), "%.*s", length, base);
	start = strrchr(name, '.');
	if (!start)
		return;
	*start = '\0';
	pid = strrchr(name, '.');
	if (!pid || !isdigit((unsigned char)pid[1]))
		return;
	*pid = '\0';
	target->pid = (pid_t)strtol(pid + 1, NULL, 10);
	target->created_ns = strtoull(start + 1, NULL, 10) * 1000000;
	snprintf(target->command, sizeof(target->command), "%s", name);
}

struct wanted_file {
	uint64_t inode;
	const char *path;
};

/* The inode number is not the file's own on overlay file systems, where only
 * the path agrees. */
static bool is_wanted_file(void *context, uint64_t inode, const char *path)
{
	const struct wanted_file *wanted = context;

	return strcmp(base_name(path), base_name(wanted->path)) == 0 &&
	       (inode == wanted->inode || strcmp(path, wanted->path) == 0);
}

static bool is_known_by_start_time(const char *path, pid_t pid)
{
	char error[SNAPSHOT_ERROR_SIZE];
	struct snapshot *snapshot;
	bool is_same;

	if (proc_state(pid) == 'Z' || snapshot_take(path, &snapshot, error) != 0)
		return false;
	is_same = live_process_find(snapshot) == pid;
	snapshot_free(snapshot);
	return is_same;
}

bool targets_is_alive(const char *path, pid_t pid)
{
	char full_path[PATH_MAX];
	struct wanted_file wanted = {.path = full_path};
	struct stat status;
	int found;

	if (pid <= 0 || stat(path, &status) != 0 || !realpath(path, full_path))
		return false;
	wanted.inode = status.st_ino;
	found = proc_visit_maps(pid, is_wanted_file, &wanted);
	if (found == -EACCES || found == -EPERM)
		return is_known_by_start_time(path, pid);
	return found == 1;
}

/* Fills the target of an existing file; -errno when there is none. */
static int look_at(const char *path, struct target *target)
{
	struct stat status;

	memset(target, 0, sizeof(*target));
	if (stat(path, &status) != 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	snprintf(target->path, sizeof(target->path), "%s", path);
	target->created_ns =
		(uint64_t)status.st_mtim.tv_sec * 1000000000u + (uint64_t)status.st_mtim.tv_nsec;
	target->inode = status.st_ino;
	parse_name(target);
	target->alive = targets_is_alive(path, target->pid);
	return 0;
}

static int compare_newest_first(const void *one, const void *other)
{
	const struct target *a = one, *b = other;

	return (a->created_ns < b->created_ns) - (a->created_ns > b->created_ns);
}

/* Targets as they are found. */
struct target_list {
	struct target *targets;
	size_t count, capacity;
};

static int append_target(struct target_list *list, const char *path)
{
	struct stat status;

	/* No links: what is listed may be removed. */
	if (lstat(path, &status) != 0 || !S_ISREG(status.st_mode))
		return 0;
	if (list->count == list->capacity) {
		const size_t capacity = list->capacity ? 2 * list->capacity : 8;
		struct target *larger = realloc(list->targets, capacity * sizeof(*larger));

		if (!larger)
			return log_failure("out of memory");
		list->targets = larger;
		list->capacity = capacity;
	}
	if (look_at(path, &list->targets[list->count]) == 0)
		list->count++;
	return 0;
}

/* Adds the segments of a directory, which need not exist. */
static int append_directory(struct target_list *list, const char *path)
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	char file[PATH_MAX];
	int status = 0;

	if (!directory)
		return errno == ENOENT ? 0
				       : log_failure("cannot read %s: %s", path, strerror(errno));
	while (status == 0 && (entry = readdir(directory)))
		if (has_suffix(entry->d_name) &&
		    snprintf(file, sizeof(file), "%s/%s", path, entry->d_name) < PATH_MAX)
			status = append_target(list, file);
	closedir(directory);
	return status;
}

/* For the administrator: the default directories of the other users, whose
 * programs may have been started as root. */
static int append_other_users(struct target_list *list)
{
	DIR *directory = opendir(DEFAULT_PARENT);
	const size_t prefix = strlen(DEFAULT_PREFIX);
	struct dirent *entry;
	char path[PATH_MAX];
	int status = 0;

	while (directory && status == 0 && (entry = readdir(directory))) {
		const char *uid = entry->d_name + prefix;

		if (strncmp(entry->d_name, DEFAULT_PREFIX, prefix) != 0 || !is_number(uid) ||
		    strtoul(uid, NULL, 10) == geteuid())
			continue;
		snprintf(path, sizeof(path), DEFAULT_PARENT "%s", entry->d_name);
		if (is_private_directory(path, (uid_t)strtoul(uid, NULL, 10)))
			status = append_directory(list, path);
	}
	if (directory)
		closedir(directory);
	return status;
}

int targets_list(const struct options *options, struct target **targets, size_t *count)
{
	struct target_list list = {0};
	char path[PATH_MAX];
	int status = targets_directory(options, path);

	*targets = NULL;
	*count = 0;
	if (status == 0)
		status = append_directory(&list, path);
	if (status == 0 && !*options->dir && geteuid() == 0)
		status = append_other_users(&list);
	if (status != 0) {
		free(list.targets);
		return status;
	}
	if (list.count)
		qsort(list.targets, list.count, sizeof(*list.targets), compare_newest_first);
	*targets = list.targets;
	*count = list.count;
	return 0;
}

/* What proc_visit_maps() looks for: any of these. */
static bool mark_if_mapped(void *context, uint64_t inode, const char *path)
{
	const struct target_list *list = context;

	for (size_t i = 0; i < list->count; i++) {
		struct target *target = &list->targets[i];

		if (target->inode == inode && strcmp(base_name(path), base_name(target->path)) == 0)
			target->alive = true;
	}
	return false;
}

void targets_mark_mapped(struct target *targets, size_t count)
{
	struct target_list list = {.targets = targets, .count = count};
	DIR *directory = opendir("/proc");
	struct dirent *entry;

	while (directory && (entry = readdir(directory)))
		if (is_number(entry->d_name))
			proc_visit_maps((pid_t)strtol(entry->d_name, NULL, 10), mark_if_mapped,
					&list);
	if (directory)
		closedir(directory);
}

struct mapped_segment {
	pid_t pid;
	struct target *target;
};

/* The file may lie in another directory than ours, or in a container. */
static bool look_at_mapped(void *context, uint64_t inode, const char *path)
{
	const struct mapped_segment *mapped = context;
	char inside[PATH_MAX];

	(void)inode;
	if (!has_suffix(path))
		return false;
	if (look_at(path, mapped->target) == 0 && mapped->target->alive)
		return true;
	snprintf(inside, sizeof(inside), "/proc/%d/root%s", (int)mapped->pid, path);
	if (look_at(inside, mapped->target) != 0)
		return false;
	mapped->target->alive = true;
	return true;
}

/* What the living process maps, wherever it is. */
static bool find_mapped(pid_t pid, struct target *target)
{
	struct mapped_segment mapped = {.pid = pid, .target = target};

	return proc_visit_maps(pid, look_at_mapped, &mapped) == 1;
}

static const struct target *select_target(const struct target *targets, size_t count,
					  const char *name)
{
	const pid_t pid = is_number(name) ? (pid_t)strtol(name, NULL, 10) : 0;
	const struct target *best = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct target *const target = &targets[i];

		if (pid ? target->pid != pid : strcmp(target->command, name) != 0)
			continue;
		if (!best || (target->alive && !best->alive))
			best = target;
	}
	return best;
}

static int refuse_name(const struct options *options, const char *name)
{
	char path[PATH_MAX], process[64];

	if (targets_directory(options, path) != 0)
		return STATUS_FAILED;
	snprintf(process, sizeof(process), "/proc/%.20s", name);
	if (is_number(name) && access(process, F_OK) == 0)
		return log_wrong_use("process %s runs, but without the profiler or it has not "
				     "allocated yet; start it with `heaptide run`",
				     name);
	if (is_number(name))
		return log_wrong_use(
			"there is no process %s and no segment of it in %s; `heaptide ps` "
			"shows what there is",
			name, path);
	return log_wrong_use(
		"%s is neither a segment nor a command with a segment in %s; `heaptide "
		"ps` shows what there is",
		name, path);
}

static int find_in_directory(const struct options *options, const char *name, struct target *target)
{
	const struct target *best;
	struct target *targets;
	size_t count;
	int status = targets_list(options, &targets, &count);

	if (status != 0)
		return status;
	best = name ? select_target(targets, count, name) : targets;
	if (best)
		*target = *best;
	else if (name)
		status = refuse_name(options, name);
	else
		status = log_failure("nothing has been profiled yet; start with: heaptide run -- "
				     "PROGRAM");
	if (!name && count > 1)
		log_note("of %zu segments this is the newest, %s (%d); name another by its PID",
			 count, target->command, (int)target->pid);
	free(targets);
	return status;
}

/*
 * Instead of a file that is not named as a segment: a program often lies in the
 * current directory, and its name means its segments.
 */
static bool find_command(const struct options *options, const char *name, struct target *target)
{
	const struct target *best = NULL;
	struct target *targets;
	size_t count;

	if (strchr(name, '/') || *target->command || targets_list(options, &targets, &count) != 0)
		return false;
	best = select_target(targets, count, name);
	if (best)
		*target = *best;
	free(targets);
	return best != NULL;
}

int targets_find(const struct options *options, const char *name, struct target *target)
{
	int error;

	if (!name)
		return find_in_directory(options, NULL, target);
	if (is_number(name)) {
		if (find_mapped((pid_t)strtol(name, NULL, 10), target))
			return 0;
		return find_in_directory(options, name, target);
	}
	error = look_at(name, target);
	if (error != -ENOENT && find_command(options, name, target))
		return 0;
	if (error == 0)
		return 0;
	if (error == -EINVAL)
		return log_wrong_use("%s is not a regular file, so it is no segment", name);
	if (error != -ENOENT)
		return log_failure("cannot read %s: %s", name, strerror(-error));
	if (strchr(name, '/'))
		return log_wrong_use("there is no file %s; `heaptide ps` shows the segments", name);
	return find_in_directory(options, name, target);
}

int targets_open(const struct options *options, const char *name, struct target *target,
		 struct snapshot **snapshot)
{
	char error[SNAPSHOT_ERROR_SIZE];
	int status = targets_find(options, name, target);

	if (status != 0)
		return status;
	status = snapshot_take(target->path, snapshot, error);
	if (status == -EBADMSG || status == -EPROTONOSUPPORT || status == -ENOENT)
		return log_wrong_use("%s", error);
	if (status != 0)
		return log_failure("%s", error);
	(*snapshot)->is_over = !target->alive;
	return 0;
}
