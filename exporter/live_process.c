/*
 * Compares what /proc says with the snapshot: a PID alone may have passed on to
 * another process.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/live_process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_S 1000000000

/* Reads the start of a file in /proc; "" when it cannot be read. */
static void read_proc(pid_t pid, const char *name, char *text, size_t size)
{
	char path[64];
	size_t n = 0;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	FILE *file = fopen(path, "re");
	if (file) {
		n = fread(text, 1, size - 1, file);
		fclose(file);
	}
	text[n] = '\0';
}

bool live_process_is_of_this_boot(const struct snapshot *snapshot)
{
	char boot_id[sizeof(snapshot->boot_id)] = "";
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (file) {
		const size_t n = fread(boot_id, 1, sizeof(boot_id) - 1, file);

		boot_id[n] = '\0';
		boot_id[strcspn(boot_id, "\n")] = '\0';
		fclose(file);
	}
	return boot_id[0] && strcmp(boot_id, snapshot->boot_id) == 0;
}

/* Field 22 of /proc/PID/stat; 0 when there is no such process. */
static uint64_t start_ticks(pid_t pid)
{
	char stat[1024];

	read_proc(pid, "stat", stat, sizeof(stat));
	const char *p = strrchr(stat, ')'); /* the name may contain anything */
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p ? strtoull(p + 1, NULL, 10) : 0;
}

/* The process's number in its own, innermost PID namespace. */
static pid_t inner_pid(pid_t pid)
{
	char status[4096];
	const char *line;

	read_proc(pid, "status", status, sizeof(status));
	line = strstr(status, "\nNSpid:");
	if (!line)
		return pid;
	const char *end = line + 1 + strcspn(line + 1, "\n");
	while (end > line && end[-1] != '\t')
		end--;
	return atoi(end);
}

static bool is_it(const struct snapshot *snapshot, pid_t pid)
{
	return start_ticks(pid) == snapshot->process_start_ticks &&
	       inner_pid(pid) == (pid_t)snapshot->pid;
}

pid_t live_process_find(const struct snapshot *snapshot)
{
	const struct dirent *entry;
	pid_t found = 0;
	DIR *proc;

	if (snapshot->pid == 0 || snapshot->process_start_ticks == 0 ||
	    !live_process_is_of_this_boot(snapshot))
		return 0;
	if (is_it(snapshot, (pid_t)snapshot->pid))
		return (pid_t)snapshot->pid;
	proc = opendir("/proc");
	while (proc && !found && (entry = readdir(proc))) {
		const pid_t pid = atoi(entry->d_name);

		if (pid > 0 && is_it(snapshot, pid))
			found = pid;
	}
	if (proc)
		closedir(proc);
	return found;
}

int64_t live_process_start_time(const struct snapshot *snapshot)
{
	const uint64_t ticks_per_s = (uint64_t)sysconf(_SC_CLK_TCK);
	const uint64_t start_ns = snapshot->process_start_ticks * (NS_PER_S / ticks_per_s);
	const uint64_t age_ns = snapshot->start_monotonic_ns > start_ns
					? snapshot->start_monotonic_ns - start_ns
					: 0;

	return (int64_t)((snapshot->start_realtime_ns - age_ns) / NS_PER_S);
}
