/*
 * Owns libiberty, whose demangler knows C++ and both manglings of Rust.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/demangle.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* libiberty.h would declare its own vasprintf() and the like. */
#include <libiberty/demangle.h>

/* Demangling may take time and space that grow faster than the name. */
#define LONGEST_MANGLED 8192

/* What compilers append to the parts and copies of one function. */
static const char *const marks[] = {
	".cold", ".part",	".isra", ".constprop", ".lto_priv",
	".llvm", ".localalias", ".warm", ".clone",     ".specialized",
};

static bool is_mark(const char *text, size_t length)
{
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (strlen(marks[i]) == length && memcmp(marks[i], text, length) == 0)
			return true;
	return false;
}

static bool is_number(const char *text, size_t length)
{
	return length > 1 && strspn(text + 1, "0123456789") >= length - 1;
}

/* The length of the name without ".part.0.cold" and "@@VERSION". */
static size_t plain_length(const char *name)
{
	const char *version = strchr(name, '@');
	size_t length = version && version > name ? (size_t)(version - name) : strlen(name);
	size_t end = length;

	/* From the back, piece by piece: numbers only count before a mark. */
	while (end > 0) {
		const char *dot = memrchr(name, '.', end);

		if (!dot || dot == name)
			break;
		const size_t piece = end - (size_t)(dot - name);
		if (is_mark(dot, piece))
			length = (size_t)(dot - name);
		else if (!is_number(dot, piece))
			break;
		end = (size_t)(dot - name);
	}
	return length;
}

/* Shortens in place what every C++ programmer calls std::string. */
static void shorten_string(char *name)
{
	static const char full[] = "std::__cxx11::basic_string<char, std::char_traits<char>, "
				   "std::allocator<char> >";
	static const char brief[] = "std::string";
	char *found = name;

	while ((found = strstr(found, full))) {
		const char *rest = found + sizeof(full) - 1;

		memcpy(found, brief, sizeof(brief) - 1);
		found += sizeof(brief) - 1;
		memmove(found, rest, strlen(rest) + 1);
	}
}

char *demangle_name(const char *linkage_name)
{
	char *plain = strndup(linkage_name, plain_length(linkage_name));
	char *demangled;

	if (!plain || plain[0] != '_' || strlen(plain) > LONGEST_MANGLED)
		return plain;
	demangled = cplus_demangle(plain, DMGL_AUTO | DMGL_PARAMS | DMGL_ANSI | DMGL_RET_DROP);
	if (!demangled)
		return plain;
	free(plain);
	shorten_string(demangled);
	return demangled;
}
