/*
 * Names are compared without template arguments and parameters:
 * "int* std::f<int>::allocate(long)" is "std::f::allocate".
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/allocator_frames.h"

#include <stddef.h>
#include <string.h>

/* Longer names than this are never an allocator's. */
#define PLAIN_NAME_MAX 256

/* Whole names. */
static const char *const functions[] = {
	"malloc",
	"calloc",
	"realloc",
	"reallocarray",
	"memalign",
	"posix_memalign",
	"aligned_alloc",
	"valloc",
	"pvalloc",
	"free",
	"cfree",
	"free_sized",
	"free_aligned_sized",
	"__libc_malloc",
	"__libc_calloc",
	"__libc_realloc",
	"__libc_memalign",
	"__libc_free",
	"__libc_reallocarray",
	"__posix_memalign",
	"mallocx",
	"rallocx",
	"xallocx",
	"dallocx",
	"sdallocx",
	"__rust_alloc",
	"__rust_alloc_zeroed",
	"__rust_realloc",
	"__rust_dealloc",
	"__rdl_alloc",
	"__rdl_alloc_zeroed",
	"__rdl_realloc",
	"__rdl_dealloc",
	"alloc::alloc::alloc",
	"alloc::alloc::alloc_zeroed",
	"alloc::alloc::realloc",
	"alloc::alloc::dealloc",
	"alloc::alloc::exchange_malloc",
	"alloc::alloc::Global::alloc_impl",
	"alloc::alloc::Global::grow_impl",
};

/* Member functions of whatever class in std or __gnu_cxx. */
static const char *const members[] = {
	"allocate",
	"allocate_at_least",
	"deallocate",
	"_M_allocate",
	"_M_allocate_map",
	"_M_allocate_node",
	"_M_allocate_node_ptr",
	"_M_allocate_buckets",
	"_M_allocate_and_copy",
	"_M_get_node",
	"_S_allocate",
	"__allocate_at_least",
	"__libcpp_allocate",
	"__libcpp_operator_new",
};

static bool is_among(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* operator new(unsigned long), operator delete[](void*) and their like. */
static bool is_cxx_operator(const char *name)
{
	static const char *const operators[] = {"operator new", "operator delete"};

	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		const size_t length = strlen(operators[i]);

		if (strncmp(name, operators[i], length) == 0 && strchr("[(", name[length]))
			return true;
	}
	return false;
}

/* Leaves out what is between < and >, a return type, and everything from the
 * parameters on. */
static void strip(const char *name, char plain[PLAIN_NAME_MAX])
{
	size_t length = 0, depth = 0;

	for (; *name && length < PLAIN_NAME_MAX - 1; name++) {
		if (*name == '<')
			depth++;
		else if (*name == '>' && depth > 0)
			depth--;
		else if (depth > 0)
			continue;
		else if (*name == '(')
			break;
		else if (*name == ' ')
			length = 0;
		else
			plain[length++] = *name;
	}
	plain[length] = '\0';
}

bool allocator_frames_match(const char *name)
{
	char plain[PLAIN_NAME_MAX];
	const char *member = plain;

	if (is_cxx_operator(name))
		return true;
	strip(name, plain);
	if (is_among(plain, functions, sizeof(functions) / sizeof(functions[0])))
		return true;
	if (!starts_with(plain, "std::") && !starts_with(plain, "__gnu_cxx::"))
		return false;
	for (const char *next; (next = strstr(member, "::")) != NULL;)
		member = next + 2;
	return is_among(member, members, sizeof(members) / sizeof(members[0]));
}
