/*
 * Asks the kernel for the paths that the dynamic linker does not know: of the
 * executable, which has no name in its link_map, and of libraries that were
 * opened by a relative path, which means nothing after a chdir().
 *
 * Context: inside malloc, any thread, signal handlers. Raw system calls,
 * because open() and read() are cancellation points, and because libraries like
 * fakeroot's put their own stat() before the C library's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "sampler/module_path.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's mark of a file that has no name any more. */
static void cut_deleted(char *path)
{
	static const char mark[] = " (deleted)";
	const size_t length = strlen(path);

	if (length >= sizeof(mark) && strcmp(path + length - (sizeof(mark) - 1), mark) == 0)
		path[length - (sizeof(mark) - 1)] = '\0';
}

static const char *executable_path(struct module_path_scratch *scratch)
{
	const long n = syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", scratch->path,
			       sizeof(scratch->path) - 1);
	const char *name = (const char *)getauxval(AT_EXECFN);

	scratch->path[n > 0 ? n : 0] = '\0';
	cut_deleted(scratch->path);
	/* Without /proc there is what execve() was called with. */
	if (n <= 0 && name && name[0] == '/')
		return name;
	return scratch->path;
}

/* Reads /proc/self/maps a character at a time. */
struct maps_parser {
	uintptr_t wanted;
	uintptr_t start; /* of the mapping in this line, while in_start */
	bool in_start;
	bool is_wanted;
	size_t length; /* of the path, so far */
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* True when the line that was looked for is complete. */
static bool parse_char(struct maps_parser *parser, char c, struct module_path_scratch *scratch)
{
	if (c == '\n') {
		if (parser->is_wanted)
			return true;
		parser->start = 0;
		parser->in_start = true;
	} else if (parser->in_start && hex_digit(c) >= 0) {
		parser->start = parser->start << 4 | hex_digit(c);
	} else if (parser->in_start) {
		parser->in_start = false;
		parser->is_wanted = parser->start == parser->wanted;
	} else if (parser->is_wanted && (c == '/' || parser->length > 0) &&
		   parser->length < sizeof(scratch->path) - 1) {
		scratch->path[parser->length++] = c;
	}
	return false;
}

/* The path of the file mapped at `start`, or NULL. */
static const char *mapped_path(uintptr_t start, struct module_path_scratch *scratch)
{
	struct maps_parser parser = {.wanted = start, .in_start = true};
	const long fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
	bool found = false;
	long n;

	if (fd < 0)
		return NULL;
	while (!found && (n = syscall(SYS_read, fd, scratch->text, sizeof(scratch->text))) > 0)
		for (long i = 0; i < n && !found; i++)
			found = parse_char(&parser, scratch->text[i], scratch);
	syscall(SYS_close, fd);
	if (parser.length == 0)
		return NULL;
	scratch->path[parser.length] = '\0';
	cut_deleted(scratch->path);
	return scratch->path;
}

const char *module_path_find(const struct link_map *map, uintptr_t start,
			     struct module_path_scratch *scratch)
{
	const char *path;

	if (start == getauxval(AT_SYSINFO_EHDR))
		return "[vdso]";
	if (!map->l_name || !map->l_name[0])
		return executable_path(scratch);
	if (map->l_name[0] == '/')
		return map->l_name;
	path = mapped_path(start, scratch);
	return path ? path : map->l_name;
}

uint64_t module_path_stamp(const char *path)
{
	/* Multiplicative hashing: any odd number with mixed bits will do. */
	const uint64_t factor = UINT64_C(0x9e3779b97f4a7c15);
	struct stat status;
	uint64_t stamp;

	if (syscall(SYS_newfstatat, AT_FDCWD, path, &status, 0) != 0)
		return 0;
	stamp = status.st_dev * factor + status.st_ino;
	stamp = stamp * factor + (uint64_t)status.st_size;
	stamp = stamp * factor + (uint64_t)status.st_mtim.tv_sec;
	return stamp * factor + (uint64_t)status.st_mtim.tv_nsec;
}
