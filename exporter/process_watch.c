/*
 * The kernel tells the end through a pidfd. The status it ended with is known to
 * its parent, to newer kernels' pidfds, and while it is a zombie.
 *
 * Context: the agent's main thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/process_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Since Linux 6.15; older headers do not have it. */
struct exit_info {
	uint64_t mask;
	uint64_t others[5];
	uint64_t more;
	uint32_t last;
	int32_t exit_code;
};

#define EXIT_INFO_MASK (UINT64_C(1) << 3)
#define EXIT_INFO_GET _IOWR(0xff, 11, struct exit_info)

_Static_assert(sizeof(struct exit_info) == 64, "the kernel knows 64 bytes: keep to them");

/* ---- control groups ---- */

/* The file of a control group, of either version, that counts its kills: from a line
 * of /proc/PID/cgroup. "" for other lines, and for groups that cannot be seen from here. */
static void name_oom_file(const char *line, char *path, size_t size)
{
	const char *const memory = strstr(line, ":memory:");

	*path = '\0';
	if (strstr(line, "/.."))
		return;
	if (strncmp(line, "0::", 3) == 0)
		snprintf(path, size, "/sys/fs/cgroup%s/memory.events", line + 3);
	else if (memory)
		snprintf(path, size, "/sys/fs/cgroup/memory%s/memory.oom_control",
			 memory + strlen(":memory:"));
}

static int open_oom_events(pid_t pid)
{
	char path[1100], line[1024];
	FILE *file;
	int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	file = fopen(path, "re");
	while (file && fd < 0 && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		name_oom_file(line, path, sizeof(path));
		if (*path)
			fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (file)
		fclose(file);
	return fd;
}

static uint64_t read_oom_kills(int fd)
{
	char text[512];
	const ssize_t length = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);
	const char *found;

	if (length <= 0)
		return 0;
	text[length] = '\0';
	found = strstr(text, "oom_kill ");
	return found ? strtoull(found + strlen("oom_kill "), NULL, 10) : 0;
}

/* ---- life ---- */

void process_watch_open(struct process_watch *watch, pid_t pid)
{
	*watch = (struct process_watch){.pid = pid, .fd = -1, .oom_fd = -1};
	if (pid <= 0)
		return;
	watch->fd = (int)syscall(SYS_pidfd_open, pid, 0);
	watch->was_seen = watch->fd >= 0 || errno != ESRCH;
	watch->oom_fd = open_oom_events(pid);
	watch->oom_kills = read_oom_kills(watch->oom_fd);
}

void process_watch_close(struct process_watch *watch)
{
	if (watch->fd >= 0)
		close(watch->fd);
	if (watch->oom_fd >= 0)
		close(watch->oom_fd);
	watch->fd = watch->oom_fd = -1;
}

bool process_watch_has_ended(const struct process_watch *watch)
{
	struct pollfd pollfd = {.fd = watch->fd, .events = POLLIN};
	char path[32];

	if (watch->fd >= 0)
		return poll(&pollfd, 1, 0) == 1;
	snprintf(path, sizeof(path), "/proc/%d", (int)watch->pid);
	return watch->pid <= 0 || access(path, F_OK) != 0;
}

/* ---- how it ended ---- */

/* The last field of /proc/PID/stat, while the process is a zombie. */
static bool read_zombie_status(pid_t pid, int *status)
{
	char path[64], text[2048];
	const char *end, *last;
	size_t length;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	length = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[length] = '\0';
	end = strrchr(text, ')');
	last = strrchr(text, ' ');
	if (!end || end[1] != ' ' || end[2] != 'Z' || !last)
		return false;
	/* Who may not look is shown a zero; nobody can tell that from success. */
	*status = atoi(last + 1);
	return *status != 0;
}

static bool read_status(const struct process_watch *watch, int *status)
{
	struct exit_info info = {.mask = EXIT_INFO_MASK};

	if (watch->fd < 0)
		return false;
	if (ioctl(watch->fd, EXIT_INFO_GET, &info) == 0 && info.mask & EXIT_INFO_MASK) {
		*status = info.exit_code;
		return true;
	}
	return read_zombie_status(watch->pid, status);
}

static bool is_crash(int signal)
{
	return signal == SIGSEGV || signal == SIGBUS || signal == SIGABRT || signal == SIGILL ||
	       signal == SIGFPE || signal == SIGSYS || signal == SIGTRAP;
}

enum process_end process_watch_end(const struct process_watch *watch)
{
	int status;

	if (watch->oom_fd >= 0 && read_oom_kills(watch->oom_fd) > watch->oom_kills)
		return PROCESS_OOM;
	if (read_status(watch, &status)) {
		if (WIFSIGNALED(status))
			return is_crash(WTERMSIG(status)) ? PROCESS_CRASHED : PROCESS_ABRUPT;
		return PROCESS_EXITED;
	}
	return PROCESS_ABRUPT;
}

/* ---- memory ---- */

/* The kernel walks through all pages for the proportional share: of larger
 * processes that takes too long. */
#define PSS_RSS_MAX (UINT64_C(4) << 30)

static uint64_t find_kilobytes(const char *text, const char *name)
{
	const char *const found = strstr(text, name);

	return found ? strtoull(found + strlen(name), NULL, 10) * 1024 : 0;
}

static void read_proc(pid_t pid, const char *name, char *text, size_t size)
{
	char path[64];
	FILE *file;

	*text = '\0';
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	file = pid > 0 ? fopen(path, "re") : NULL;
	if (!file)
		return;
	text[fread(text, 1, size - 1, file)] = '\0';
	fclose(file);
}

void process_watch_memory(const struct process_watch *watch, uint64_t *rss, uint64_t *pss,
			  uint64_t *swap)
{
	char text[4096];

	read_proc(watch->pid, "status", text, sizeof(text));
	*rss = find_kilobytes(text, "\nVmRSS:");
	*swap = find_kilobytes(text, "\nVmSwap:");
	*pss = 0;
	if (*rss == 0 || *rss > PSS_RSS_MAX)
		return;
	read_proc(watch->pid, "smaps_rollup", text, sizeof(text));
	*pss = find_kilobytes(text, "\nPss:");
}

bool process_watch_is_open(const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool is_open;

	if (fd < 0)
		return false;
	/* A read lease is granted only while nobody can write. */
	is_open = fcntl(fd, F_SETLEASE, F_RDLCK) != 0 && errno == EAGAIN;
	close(fd);
	return is_open;
}
