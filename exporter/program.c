/*
 * Looks at an executable before it is run: static, setuid, foreign, built with
 * AddressSanitizer, with an allocator of its own. What the dynamic loader would
 * refuse or ignore is known beforehand and said in words.
 *
 * The ELF headers are read by hand: a few of them suffice, and nothing here
 * needs names or debug information.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* memmem */
#include "exporter/program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OWN_MACHINE EM_X86_64
#define OWN_MACHINE_NAME "x86_64"
#elif defined(__aarch64__)
#define OWN_MACHINE EM_AARCH64
#define OWN_MACHINE_NAME "aarch64"
#endif

/* #! lines may lead to further scripts; the kernel follows as many. */
#define SCRIPTS_MAX 5

/* A file mapped for reading. */
struct image {
	const char *bytes;
	size_t size;
};

static void set_obstacle(struct program *program, bool can_preload, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void set_obstacle(struct program *program, bool can_preload, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(program->obstacle, sizeof(program->obstacle), format, arguments);
	va_end(arguments);
	program->can_preload = can_preload;
}

static int find_in_path(const char *command, char path[PATH_MAX])
{
	const char *directories = getenv("PATH");
	int error = -ENOENT;
	struct stat status;

	if (!directories)
		directories = "/bin:/usr/bin";
	for (;;) {
		const size_t length = strcspn(directories, ":");

		/* An empty entry is the current directory. */
		if (snprintf(path, PATH_MAX, "%.*s%s%s", (int)length, directories,
			     length ? "/" : "./", command) < PATH_MAX &&
		    stat(path, &status) == 0 && S_ISREG(status.st_mode)) {
			if (access(path, X_OK) == 0)
				return 0;
			error = -EACCES;
		}
		if (directories[length] == '\0')
			return error;
		directories += length + 1;
	}
}

static int find_file(const char *command, char path[PATH_MAX])
{
	struct stat status;

	if (*command == '\0' || strlen(command) >= PATH_MAX)
		return -ENOENT;
	if (!strchr(command, '/'))
		return find_in_path(command, path);
	strcpy(path, command);
	if (stat(path, &status) != 0)
		return errno == EACCES ? -EACCES : -ENOENT;
	return S_ISREG(status.st_mode) && access(path, X_OK) == 0 ? 0 : -EACCES;
}

static bool map_image(const char *path, struct image *image)
{
	struct stat status;
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *bytes = MAP_FAILED;

	if (fd < 0)
		return false;
	if (fstat(fd, &status) == 0 && status.st_size > 0)
		bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (bytes == MAP_FAILED)
		return false;
	*image = (struct image){.bytes = bytes, .size = (size_t)status.st_size};
	return true;
}

/* `count` elements at `offset`, or NULL when they do not lie within the file or
 * not on a multiple of 8, as all tables of a 64-bit file do. */
static const void *image_at(const struct image *image, uint64_t offset, uint64_t count,
			    uint64_t element_size)
{
	uint64_t size;

	if (__builtin_mul_overflow(count, element_size, &size) || offset > image->size ||
	    size > image->size - offset || (element_size > 1 && offset % 8 != 0))
		return NULL;
	return image->bytes + offset;
}

/* A string of a string table, or "" when it is not within it. */
static const char *image_string(const struct image *image, const Elf64_Shdr *table, uint64_t offset)
{
	const char *text = image_at(image, table->sh_offset, table->sh_size, 1);

	if (!text || offset >= table->sh_size ||
	    !memchr(text + offset, '\0', (size_t)(table->sh_size - offset)))
		return "";
	return text + offset;
}

static const Elf64_Phdr *find_segment(const struct image *image, const Elf64_Ehdr *header,
				      uint32_t type)
{
	const Elf64_Phdr *segments =
		image_at(image, header->e_phoff, header->e_phnum, sizeof(*segments));

	for (unsigned i = 0; segments && i < header->e_phnum; i++)
		if (segments[i].p_type == type)
			return &segments[i];
	return NULL;
}

/* What is to be known of an executable's sections. */
struct contents {
	bool defines_malloc, has_asan, is_go;
};

static void read_symbols(const struct image *image, const Elf64_Shdr *section,
			 const Elf64_Shdr *strings, struct contents *contents)
{
	const uint64_t count = section->sh_size / sizeof(Elf64_Sym);
	const Elf64_Sym *symbols = image_at(image, section->sh_offset, count, sizeof(*symbols));

	for (uint64_t i = 0; symbols && i < count; i++) {
		const char *name = image_string(image, strings, symbols[i].st_name);

		if (strcmp(name, "__asan_init") == 0)
			contents->has_asan = true;
		if (strcmp(name, "malloc") == 0 && symbols[i].st_shndx != SHN_UNDEF &&
		    ELF64_ST_TYPE(symbols[i].st_info) == STT_FUNC &&
		    ELF64_ST_BIND(symbols[i].st_info) != STB_LOCAL)
			contents->defines_malloc = true;
	}
}

static void read_needed(const struct image *image, const Elf64_Shdr *section,
			const Elf64_Shdr *strings, struct contents *contents)
{
	const uint64_t count = section->sh_size / sizeof(Elf64_Dyn);
	const Elf64_Dyn *entries = image_at(image, section->sh_offset, count, sizeof(*entries));

	for (uint64_t i = 0; entries && i < count && entries[i].d_tag != DT_NULL; i++)
		if (entries[i].d_tag == DT_NEEDED &&
		    strncmp(image_string(image, strings, entries[i].d_un.d_val), "libasan.so",
			    10) == 0)
			contents->has_asan = true;
}

static void read_contents(const struct image *image, const Elf64_Ehdr *header,
			  struct contents *contents)
{
	const Elf64_Shdr *sections =
		image_at(image, header->e_shoff, header->e_shnum, sizeof(*sections));

	memset(contents, 0, sizeof(*contents));
	if (!sections || header->e_shstrndx >= header->e_shnum)
		return;
	for (unsigned i = 0; i < header->e_shnum; i++) {
		const Elf64_Shdr *section = &sections[i];
		const char *name =
			image_string(image, &sections[header->e_shstrndx], section->sh_name);

		if (strcmp(name, ".go.buildinfo") == 0 || strcmp(name, ".note.go.buildid") == 0)
			contents->is_go = true;
		if (section->sh_link >= header->e_shnum)
			continue;
		if (section->sh_type == SHT_SYMTAB || section->sh_type == SHT_DYNSYM)
			read_symbols(image, section, &sections[section->sh_link], contents);
		if (section->sh_type == SHT_DYNAMIC)
			read_needed(image, section, &sections[section->sh_link], contents);
	}
}

static bool is_for_musl(const struct image *image, const Elf64_Phdr *interpreter)
{
	const char *path = image_at(image, interpreter->p_offset, interpreter->p_filesz, 1);

	return path && memmem(path, interpreter->p_filesz, "/ld-musl-", 9);
}

static void look_at_dynamic(const struct image *image, const Elf64_Ehdr *header, const char *path,
			    struct program *program)
{
	const Elf64_Phdr *interpreter = find_segment(image, header, PT_INTERP);
	struct contents contents;

	read_contents(image, header, &contents);
	if (contents.is_go)
		set_obstacle(program, true,
			     "%s is a Go program: only what its C code allocates is seen; for Go's "
			     "own heap use runtime/pprof and `go tool pprof`",
			     path);
	else if (!interpreter)
		set_obstacle(
			program, true,
			"%s is statically linked, so nothing can be preloaded into it; link it "
			"without -static",
			path);
	else if (contents.has_asan)
		set_obstacle(program, false,
			     "%s is built with AddressSanitizer, which must be the first library; "
			     "build it without -fsanitize=address",
			     path);
	else if (is_for_musl(image, interpreter))
		set_obstacle(program, false,
			     "%s is linked with musl, and this libheaptide.so is for glibc; use a "
			     "build of the program for glibc",
			     path);
	else if (contents.defines_malloc)
		set_obstacle(program, true,
			     "%s defines malloc itself, so its own allocations are not seen; link "
			     "its allocator as a shared library",
			     path);
}

static void look_at_elf(const struct image *image, const char *path, struct program *program)
{
	const Elf64_Ehdr *header = image_at(image, 0, 1, sizeof(*header));

	if (!header)
		return;
	if (header->e_ident[EI_CLASS] == ELFCLASS32)
		set_obstacle(
			program, false,
			"%s is a 32-bit program, and libheaptide.so is a 64-bit library; use a "
			"64-bit build of it",
			path);
	else if (header->e_machine != OWN_MACHINE)
		set_obstacle(program, false,
			     "%s is for another processor than " OWN_MACHINE_NAME
			     ", which this libheaptide.so is for; profile it on its own machine",
			     path);
	else
		look_at_dynamic(image, header, path, program);
}

/* The dynamic loader ignores LD_PRELOAD when the program gains privileges. */
static void look_at_privileges(const char *path, struct program *program)
{
	const char *how = NULL;
	struct stat status;

	if (stat(path, &status) != 0)
		return;
	if ((status.st_mode & S_ISUID) && status.st_uid != getuid())
		how = "is setuid";
	else if ((status.st_mode & S_ISGID) && (status.st_mode & S_IXGRP) &&
		 status.st_gid != getgid())
		how = "is setgid";
	else if (getuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0)
		how = "has file capabilities";
	if (how)
		set_obstacle(
			program, true,
			"%s %s, so nothing can be preloaded into it; run it as the user that it "
			"becomes",
			path, how);
}

/* The next word of a #! line; false at its end. */
static bool next_word(const char **line, const char *end, char word[PATH_MAX])
{
	const char *start = *line;
	size_t length;

	while (start < end && (*start == ' ' || *start == '\t'))
		start++;
	for (*line = start; *line < end && **line != ' ' && **line != '\t';)
		(*line)++;
	length = (size_t)(*line - start);
	if (length == 0 || length >= PATH_MAX)
		return false;
	memcpy(word, start, length);
	word[length] = '\0';
	return true;
}

/* The interpreter of a script, seen through env: #!/usr/bin/env python3. */
static bool read_interpreter(const struct image *image, char path[PATH_MAX])
{
	const char *line = image->bytes + 2, *newline = memchr(line, '\n', image->size - 2);
	const char *end = newline ? newline : image->bytes + image->size;
	char word[PATH_MAX];

	if (!next_word(&line, end, word))
		return false;
	if (strlen(word) < 4 || strcmp(word + strlen(word) - 4, "/env") != 0)
		return find_file(word, path) == 0;
	while (next_word(&line, end, word))
		if (*word != '-' && !strchr(word, '='))
			return find_file(word, path) == 0;
	return false;
}

/* True when the file is a script; `path` is its interpreter then. */
static bool look_at_file(char path[PATH_MAX], struct program *program)
{
	struct image image;
	bool is_script = false;

	look_at_privileges(path, program);
	if (*program->obstacle || !map_image(path, &image))
		return false;
	if (image.size > 2 && memcmp(image.bytes, "#!", 2) == 0)
		is_script = read_interpreter(&image, path);
	else if (image.size >= SELFMAG && memcmp(image.bytes, ELFMAG, SELFMAG) == 0)
		look_at_elf(&image, path, program);
	else
		program->is_text = true;
	munmap((void *)image.bytes, image.size);
	return is_script;
}

int program_find(const char *command, struct program *program)
{
	char path[PATH_MAX];
	int error;

	memset(program, 0, sizeof(*program));
	program->can_preload = true;
	error = find_file(command, program->path);
	if (error != 0)
		return error;
	strcpy(path, program->path);
	for (int i = 0; i < SCRIPTS_MAX && look_at_file(path, program); i++)
		;
	return 0;
}
