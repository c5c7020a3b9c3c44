/*
 * Paths come from the segment and are believed as little as anything in it: what
 * is opened must be a plain file, an ELF file, and the very one that was loaded.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/symbol_file.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exporter/live_process.h"

#define PAGE_SIZE 4096
#define NS_PER_S 1000000000
#define DEBUG_FOLDER "/usr/lib/debug"
/* Candidates are only found: opening a device can do things already. */
#define FIND_FLAGS (O_PATH | O_CLOEXEC)
/* Anything will do: the address of a module that is only asked for by build id. */
#define PLACEHOLDER_START 0x1000
#define PLACEHOLDER_END 0x2000

/* ---- places ---------------------------------------------------------- */

/* Where to look for debug files: beside the binary, then in the folders of the
 * sysroot, of the container and of this machine. */
static char *debug_path(const struct symbol_file_places *places)
{
	char root[64] = "";
	char *path;

	if (places->pid)
		snprintf(root, sizeof(root), ":/proc/%d/root" DEBUG_FOLDER, places->pid);
	if (asprintf(&path, ":.debug%s%s%s%s:" DEBUG_FOLDER, places->sysroot ? ":" : "",
		     places->sysroot ? places->sysroot : "", places->sysroot ? DEBUG_FOLDER : "",
		     root) < 0)
		return NULL;
	return path;
}

static int open_root(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/root", pid);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

int symbol_file_places_init(struct symbol_file_places *places, const struct snapshot *snapshot,
			    const char *sysroot)
{
	*places =
		(struct symbol_file_places){.snapshot = snapshot, .sysroot_fd = -1, .root_fd = -1};
	elf_version(EV_CURRENT);
	places->is_local = live_process_is_of_this_boot(snapshot);
	places->pid = live_process_find(snapshot);
	/* libdwfl takes a relative path for one beside the binary. */
	places->sysroot = sysroot ? realpath(sysroot, NULL) : NULL;
	if (places->sysroot)
		places->sysroot_fd = open(places->sysroot, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (places->pid)
		places->root_fd = open_root(places->pid);
	places->debug_path = debug_path(places);
	places->callbacks = (Dwfl_Callbacks){
		.find_elf = dwfl_build_id_find_elf,
		.find_debuginfo = dwfl_standard_find_debuginfo,
		.debuginfo_path = &places->debug_path,
	};
	return places->debug_path ? 0 : -ENOMEM;
}

void symbol_file_places_fini(struct symbol_file_places *places)
{
	if (places->sysroot_fd >= 0)
		close(places->sysroot_fd);
	if (places->root_fd >= 0)
		close(places->root_fd);
	free(places->sysroot);
	free(places->debug_path);
}

/* ---- is it the file? ------------------------------------------------- */

static bool has_same_build_id(const struct snapshot_module *module, const void *id, size_t size)
{
	/* The writer cuts what is longer than its record. */
	if (size > SEGMENT_BUILD_ID_MAX)
		size = SEGMENT_BUILD_ID_MAX;
	return size == module->build_id_size && memcmp(id, module->build_id, size) == 0;
}

/* Does the file's largest executable segment look like the one in memory? */
static bool has_same_text(const struct snapshot_module *module, Elf *elf)
{
	GElf_Phdr phdr, text = {.p_memsz = 0};
	size_t count = 0;

	elf_getphdrnum(elf, &count);
	for (size_t i = 0; i < count; i++)
		if (gelf_getphdr(elf, (int)i, &phdr) && phdr.p_type == PT_LOAD &&
		    (phdr.p_flags & PF_X) && phdr.p_memsz > text.p_memsz)
			text = phdr;
	return text.p_memsz > 0 && text.p_vaddr + module->load_bias == module->text_start &&
	       text.p_offset == module->text_offset &&
	       text.p_memsz == module->text_end - module->text_start;
}

/* Was the file written to after the module was loaded? Only known where file
 * times and the segment's come from the same machine. */
static bool is_younger(const struct symbol_file_places *places,
		       const struct snapshot_module *module, int fd)
{
	const struct snapshot *snapshot = places->snapshot;
	const int64_t load_ns =
		(int64_t)(snapshot->start_realtime_ns - snapshot->start_monotonic_ns +
			  module->loaded_monotonic_ns);
	struct stat status;

	return places->is_local && fstat(fd, &status) == 0 &&
	       status.st_mtim.tv_sec > load_ns / NS_PER_S;
}

/* Is the file the one that was loaded? Without a build id in memory, as far as
 * can be known. */
static bool is_same(const struct symbol_file_places *places, const struct snapshot_module *module,
		    int fd, Elf *elf)
{
	const void *id;
	const ssize_t size = dwelf_elf_gnu_build_id(elf, &id);
	GElf_Ehdr ehdr;

	if (!gelf_getehdr(elf, &ehdr) || ehdr.e_machine != places->snapshot->machine)
		return false;
	if (size > 0 || module->build_id_size > 0)
		return size > 0 && has_same_build_id(module, id, (size_t)size);
	return has_same_text(module, elf) && !is_younger(places, module, fd);
}

/* Opens for reading what was found, if it is a plain file. */
static int open_found(int found)
{
	char path[64];
	struct stat status;

	if (fstat(found, &status) != 0 || !S_ISREG(status.st_mode))
		return -EINVAL;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", found);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 ? fd : -errno;
}

static bool is_it(const struct symbol_file_places *places, const struct snapshot_module *module,
		  int fd)
{
	Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	const bool is_it = elf && elf_kind(elf) == ELF_K_ELF && is_same(places, module, fd, elf);

	elf_end(elf);
	return is_it;
}

/* Takes what was found (or -errno) and returns the module's file, open for
 * reading, or -errno after it has noted why it is not. */
static int check(const struct symbol_file_places *places, const struct snapshot_module *module,
		 int found, struct symbol_file *file)
{
	int fd;

	if (found < 0)
		return found;
	fd = open_found(found);
	close(found);
	if (fd >= 0 && is_it(places, module, fd))
		return fd;
	if (fd == -EACCES || fd == -EPERM) {
		file->error = -fd;
		return fd;
	}
	file->is_replaced = true;
	if (fd >= 0)
		close(fd);
	return -ENOENT;
}

/* ---- candidates ------------------------------------------------------ */

static const char *path_of(const struct symbol_file_places *places,
			   const struct snapshot_module *module)
{
	return module->path[0] ? module->path : places->snapshot->executable;
}

/* Opens a path as a process sees it whose root is that folder: symbolic links do
 * not lead out of it. */
static int open_below(int root_fd, const char *path)
{
	const struct open_how how = {.flags = FIND_FLAGS, .resolve = RESOLVE_IN_ROOT};
	const long fd = root_fd >= 0 ? syscall(SYS_openat2, root_fd, path, &how, sizeof(how)) : -1;

	return fd >= 0 ? (int)fd : -ENOENT;
}

/* Finds the file in a folder of the user's: at its path, or right there. */
static int open_in_sysroot(const struct symbol_file_places *places,
			   const struct snapshot_module *module, struct symbol_file *file)
{
	const char *path = path_of(places, module);
	const char *slash = strrchr(path, '/');
	const int fd = check(places, module, open_below(places->sysroot_fd, path), file);

	if (fd >= 0 || !slash)
		return fd;
	return check(places, module, open_below(places->sysroot_fd, slash + 1), file);
}

/* What the kernel still knows of a file that has no name any more. */
static int open_mapped(const struct symbol_file_places *places,
		       const struct snapshot_module *module, struct symbol_file *file)
{
	char path[128], line[4352];
	uint64_t start, end;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/exe", places->pid);
	if (strcmp(path_of(places, module), places->snapshot->executable) == 0) {
		fd = check(places, module, open(path, FIND_FLAGS), file);
		if (fd >= 0)
			return fd;
	}
	snprintf(path, sizeof(path), "/proc/%d/maps", places->pid);
	FILE *maps = fopen(path, "re");
	fd = -ENOENT;
	while (fd < 0 && maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%" SCNx64 "-%" SCNx64, &start, &end) == 2 &&
		    start <= module->text_start && module->text_start < end) {
			snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64,
				 places->pid, start, end);
			fd = check(places, module, open(path, FIND_FLAGS), file);
			break;
		}
	if (maps)
		fclose(maps);
	return fd;
}

/* Asks by build id: the debug folders, then debuginfod when DEBUGINFOD_URLS is
 * set. A debug file has the symbols too, so it will do alone. */
static int open_by_build_id(struct symbol_file_places *places, const struct snapshot_module *module,
			    struct symbol_file *file)
{
	Dwfl *dwfl = module->build_id_size > 0 ? dwfl_begin(&places->callbacks) : NULL;
	Dwfl_Module *asked;
	char *name = NULL;
	Elf *elf = NULL;
	int fd = -1;

	if (!dwfl)
		return -ENOENT;
	dwfl_report_begin(dwfl);
	asked = dwfl_report_module(dwfl, path_of(places, module), PLACEHOLDER_START,
				   PLACEHOLDER_END);
	if (asked && dwfl_module_report_build_id(asked, module->build_id, module->build_id_size,
						 PLACEHOLDER_START) == 0) {
		fd = dwfl_build_id_find_elf(asked, NULL, NULL, PLACEHOLDER_START, &name, &elf);
		if (fd < 0)
			fd = dwfl_standard_find_debuginfo(asked, NULL, NULL, PLACEHOLDER_START,
							  NULL, NULL, 0, &name);
	}
	dwfl_report_end(dwfl, NULL, NULL);
	dwfl_end(dwfl);
	free(name);
	return check(places, module, fd < 0 ? -ENOENT : fd, file);
}

/* Tries every place. The names by which libdwfl later looks for debug files beside
 * the binary are put into name[]. */
static int find(struct symbol_file_places *places, const struct snapshot_module *module,
		struct symbol_file *file, char *name, size_t size)
{
	const char *path = path_of(places, module);
	int fd = open_in_sysroot(places, module, file);

	snprintf(name, size, "%s/%s", places->sysroot ? places->sysroot : "", path);
	if (fd < 0 && places->pid) {
		snprintf(name, size, "/proc/%d/root%s", places->pid, path);
		fd = check(places, module, open_below(places->root_fd, path), file);
		if (fd < 0)
			fd = open_mapped(places, module, file);
	}
	if (fd < 0) {
		snprintf(name, size, "%s", path);
		/* A relative path would mean something else here. */
		fd = path[0] == '/' ? open(path, FIND_FLAGS) : -1;
		if (fd < 0 && path[0] == '/')
			file->error = errno;
		fd = check(places, module, fd, file);
	}
	return fd < 0 ? open_by_build_id(places, module, file) : fd;
}

void symbol_file_open(struct symbol_file_places *places, const struct snapshot_module *module,
		      struct symbol_file *file)
{
	char name[4608];

	*file = (struct symbol_file){0};
	const int fd = find(places, module, file, name, sizeof(name));
	if (fd < 0)
		return;
	file->dwfl = dwfl_begin(&places->callbacks);
	if (!file->dwfl) {
		close(fd);
		return;
	}
	dwfl_report_begin(file->dwfl);
	file->module = dwfl_report_elf(file->dwfl, name, name, fd, 0, true);
	dwfl_report_end(file->dwfl, NULL, NULL);
	if (!file->module) {
		close(fd);
		symbol_file_close(file);
	}
}

void symbol_file_close(struct symbol_file *file)
{
	if (file->dwfl)
		dwfl_end(file->dwfl);
	file->dwfl = NULL;
	file->module = NULL;
}

/* Is the page a file's? What libelf could not map it has copied to the heap, and
 * the heap must not be dropped. Only anonymous memory can be wiped in forks. */
static bool is_mapped_file(void *page)
{
	if (((uintptr_t)page & (PAGE_SIZE - 1)) != 0)
		return false;
	if (madvise(page, PAGE_SIZE, MADV_WIPEONFORK) != 0)
		return errno == EINVAL;
	madvise(page, PAGE_SIZE, MADV_KEEPONFORK);
	return false;
}

static void trim(Elf *elf)
{
	size_t size = 0;
	char *start = elf ? elf_rawfile(elf, &size) : NULL;

	if (start && is_mapped_file(start))
		madvise(start, size, MADV_DONTNEED);
}

void symbol_file_trim(const struct symbol_file *file)
{
	GElf_Addr bias;

	if (file->module)
		trim(dwfl_module_getelf(file->module, &bias));
}
