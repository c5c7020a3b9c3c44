/*
 * Finding the next allocator. dlsym() may itself allocate, and other objects'
 * constructors allocate before ours has run; so the pointers start at functions
 * that look the real ones up first, and what arrives during the look-up is
 * served from the early arena.
 *
 * Context: usually the first allocation of the process, before any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "interpose/real_malloc.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>

#include "interpose/early_arena.h"

/* The answers below take the parameters of the function that they stand for. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

static void *early_calloc(size_t count, size_t size)
{
	size_t bytes;

	return __builtin_mul_overflow(count, size, &bytes) ? NULL : early_arena_take(bytes);
}

static void *early_realloc(void *block, size_t size)
{
	void *larger = early_arena_take(size);

	if (larger && early_arena_contains(block))
		early_arena_copy(larger, block, size);
	return larger;
}

#define FUNCTION(type, name, parameters, arguments, otherwise)                               \
	static type without_##name parameters                                                \
	{                                                                                    \
		return otherwise;                                                            \
	}                                                                                    \
	static type first_##name parameters                                                  \
	{                                                                                    \
		return (real_malloc_resolve() ? real_malloc.name : without_##name)arguments; \
	}
#include "interpose/real_malloc.def"
#undef FUNCTION

struct real_malloc real_malloc = {
#define FUNCTION(type, name, parameters, arguments, otherwise) .name = first_##name,
#include "interpose/real_malloc.def"
#undef FUNCTION
};

bool real_malloc_is_ours(const void *address)
{
	extern const char __ehdr_start[] __attribute__((visibility("hidden")));
	extern const char _end[] __attribute__((visibility("hidden")));

	return (uintptr_t)address - (uintptr_t)__ehdr_start < (uintptr_t)(_end - __ehdr_start);
}

void *real_malloc_find(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	/* A function of ours would call itself for ever. */
	return real_malloc_is_ours(function) ? NULL : function;
}

const struct link_map *real_malloc_object(const void *address)
{
	struct dl_find_object object;

	return _dl_find_object((void *)address, &object) == 0 ? object.dlfo_link_map : NULL;
}

void real_malloc_forget_errors(void)
{
	/* A search that succeeds takes the message back. dlerror() would as well,
	 * but translates it under the lock of setlocale() and newlocale(), which
	 * the caller may hold: they allocate. */
	dlsym(RTLD_DEFAULT, "malloc");
}

/* glibc's own names, for when its allocator is not behind us in the loader's order. */
extern __typeof(*real_malloc.malloc) __libc_malloc __attribute__((weak));
extern __typeof(*real_malloc.free) __libc_free __attribute__((weak));
extern __typeof(*real_malloc.calloc) __libc_calloc __attribute__((weak));
extern __typeof(*real_malloc.realloc) __libc_realloc __attribute__((weak));
extern __typeof(*real_malloc.memalign) __libc_memalign __attribute__((weak));

static void use_libc(void)
{
	real_malloc.malloc = __libc_malloc;
	real_malloc.free = __libc_free;
	real_malloc.calloc = __libc_calloc;
	real_malloc.realloc = __libc_realloc;
	real_malloc.memalign = __libc_memalign;
	real_malloc.aligned_alloc = __libc_memalign;
}

bool real_malloc_resolve(void)
{
	enum { UNKNOWN, SEARCHING, KNOWN };
	static _Atomic int state;
	int before = UNKNOWN;

	if (!atomic_compare_exchange_strong(&state, &before, SEARCHING))
		return before == KNOWN;
#define FUNCTION(type, name, parameters, arguments, otherwise)                        \
	type(*name##_found) parameters = (type(*) parameters)real_malloc_find(#name); \
	real_malloc.name = name##_found ? name##_found : without_##name;
#include "interpose/real_malloc.def"
#undef FUNCTION
	if (real_malloc.malloc == without_malloc && __libc_malloc)
		use_libc();
	atomic_store(&state, KNOWN);
	return true;
}
