/*
 * What /proc says of a process.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/proc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char proc_state(pid_t pid)
{
	char name[64], text[512];
	const char *end;
	size_t length;
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
	file = fopen(name, "re");
	if (!file)
		return 0;
	length = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[length] = '\0';
	/* The command in parentheses may hold anything, parentheses included. */
	end = strrchr(text, ')');
	return end && end[1] == ' ' ? end[2] : 0;
}

/* One line of /proc/PID/maps; false when it is not of a file. */
static bool parse_map_line(char *line, uint64_t *inode, char **path)
{
	int offset = 0;

	if (sscanf(line, "%*s %*s %*s %*s %" SCNu64 " %n", inode, &offset) != 1 || offset == 0)
		return false;
	line[strcspn(line, "\n")] = '\0';
	*path = line + offset;
	return **path == '/';
}

int proc_visit_maps(pid_t pid, bool (*visit)(void *context, uint64_t inode, const char *path),
		    void *context)
{
	char name[64], *line = NULL, *path;
	size_t size = 0;
	uint64_t inode;
	int result = 0;
	FILE *maps;

	snprintf(name, sizeof(name), "/proc/%d/maps", (int)pid);
	maps = fopen(name, "re");
	if (!maps)
		return -errno;
	while (result == 0 && getline(&line, &size, maps) > 0)
		if (parse_map_line(line, &inode, &path) && visit(context, inode, path))
			result = 1;
	free(line);
	fclose(maps);
	return result;
}
