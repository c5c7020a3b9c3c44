/*
 * Each operator is one jump through a pointer, to one of three functions:
 *  - the next object's operator, when that calls malloc or its like (libstdc++'s
 *    do, and jemalloc's for aligned blocks): what it takes is counted there;
 *  - a counting one, when the next operator does not pass through our hooks (most
 *    of jemalloc's, tcmalloc's and mimalloc's);
 *  - one that calls malloc, as long as the program's start brought no operator
 *    along: a C++ library opened later with dlopen() is bound to ours all the
 *    same, and its runtime is needed only to throw.
 * Exceptions and new handlers are always the runtime's.
 *
 * All operators are called with three arguments: what a shorter one does not
 * have is whatever the registers hold, and passed through.
 *
 * Context and Invariant: as for malloc and free.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "interpose/cxx_hooks.h"

#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>

#include "interpose/real_malloc.h"
#include "interpose/slow_path.h"

typedef void *operator_new(size_t size, uintptr_t second, uintptr_t third);
typedef void operator_delete(void *block, uintptr_t second, uintptr_t third);

enum { PROBE_ALIGNMENT = 64 };

/* ---- operators by malloc --------------------------------------------- */

/* The operator that the module at `caller` would have been bound to without us. */
static operator_new *find_runtime(const char *symbol, void *caller)
{
	struct dl_find_object object;
	const char *const modules[] = {
		_dl_find_object(caller, &object) == 0 ? object.dlfo_link_map->l_name : "",
		"libstdc++.so.6",
		"libc++.so.1",
	};

	void *found = NULL;

	for (size_t i = 0; !found && i < sizeof(modules) / sizeof(modules[0]); i++) {
		void *module = dlopen(modules[i], RTLD_LAZY | RTLD_NOLOAD);

		if (module) {
			found = dlsym(module, symbol);
			dlclose(module);
		}
		if (real_malloc_is_ours(found))
			found = NULL;
	}
	real_malloc_forget_errors();
	return (operator_new *)found;
}

static void *allocate(size_t size, size_t alignment)
{
	if (size == 0)
		size = 1;
	return alignment ? aligned_alloc(alignment, (size + alignment - 1) & -alignment)
			 : malloc(size);
}

/* ---- the three kinds ------------------------------------------------- */

static struct {
#define OPERATOR_NEW(symbol, alignment) operator_new *symbol;
#define OPERATOR_DELETE(symbol) operator_delete *symbol;
#include "interpose/cxx_operators.def"
#undef OPERATOR_NEW
#undef OPERATOR_DELETE
} next;

#define OPERATOR_NEW(symbol, alignment)                                                   \
	static void *symbol##_by_malloc(size_t size, uintptr_t second, uintptr_t third)   \
	{                                                                                 \
		void *block = allocate(size, alignment);                                  \
		operator_new *runtime;                                                    \
                                                                                          \
		if (block)                                                                \
			return block;                                                     \
		runtime = find_runtime(#symbol, __builtin_return_address(0));             \
		return runtime ? runtime(size, second, third) : NULL;                     \
	}                                                                                 \
                                                                                          \
	SLOW_PATH void *symbol##_slowly(size_t size, uintptr_t second, uintptr_t third)   \
	{                                                                                 \
		const struct stack_start caller = STACK_START_OF_CALLER();                \
		const uint64_t interval = lifecycle_charge(size);                         \
                                                                                          \
		return slow_path_record(next.symbol(size, second, third), size, interval, \
					&caller);                                         \
	}                                                                                 \
                                                                                          \
	static void *symbol##_counted(size_t size, uintptr_t second, uintptr_t third)     \
	{                                                                                 \
		if (sample_clock_expires(size))                                           \
			return symbol##_slowly(size, second, third);                      \
		return next.symbol(size, second, third);                                  \
	}

#define OPERATOR_DELETE(symbol)                                                        \
	static void symbol##_by_malloc(void *block, uintptr_t second, uintptr_t third) \
	{                                                                              \
		(void)second, (void)third;                                             \
		free(block);                                                           \
	}                                                                              \
                                                                                       \
	SLOW_PATH void symbol##_slowly(void *block, uintptr_t second, uintptr_t third) \
	{                                                                              \
		if (slow_path_release(block))                                          \
			next.symbol(block, second, third);                             \
	}                                                                              \
                                                                                       \
	static void symbol##_counted(void *block, uintptr_t second, uintptr_t third)   \
	{                                                                              \
		if (free_filter_may_contain(block))                                    \
			symbol##_slowly(block, second, third);                         \
		else                                                                   \
			next.symbol(block, second, third);                             \
	}
#include "interpose/cxx_operators.def"
#undef OPERATOR_NEW
#undef OPERATOR_DELETE

/* ---- the hooks ------------------------------------------------------- */

static struct {
#define OPERATOR_NEW(symbol, alignment) operator_new *symbol;
#define OPERATOR_DELETE(symbol) operator_delete *symbol;
#include "interpose/cxx_operators.def"
#undef OPERATOR_NEW
#undef OPERATOR_DELETE
} entry = {
#define OPERATOR_NEW(symbol, alignment) .symbol = symbol##_by_malloc,
#define OPERATOR_DELETE(symbol) .symbol = symbol##_by_malloc,
#include "interpose/cxx_operators.def"
#undef OPERATOR_NEW
#undef OPERATOR_DELETE
};

#define OPERATOR_NEW(symbol, alignment)                                   \
	operator_new symbol;                                              \
	HOOK void *symbol(size_t size, uintptr_t second, uintptr_t third) \
	{                                                                 \
		return entry.symbol(size, second, third);                 \
	}
#define OPERATOR_DELETE(symbol)                                          \
	operator_delete symbol;                                          \
	HOOK void symbol(void *block, uintptr_t second, uintptr_t third) \
	{                                                                \
		entry.symbol(block, second, third);                      \
	}
#include "interpose/cxx_operators.def"
#undef OPERATOR_NEW
#undef OPERATOR_DELETE

/* Whether this operator calls an allocating hook: tries, and looks whether the
 * clock moves. No operator looks at its nothrow argument. */
static bool reaches_a_hook(operator_new *take, operator_delete *give_back)
{
	const uint64_t before = thread_state.countdown = UINT64_MAX / 2;
	void *block = take(1, PROBE_ALIGNMENT, 0);
	const bool has_moved = thread_state.countdown != before;

	if (give_back)
		give_back(block, PROBE_ALIGNMENT, 0);
	return has_moved;
}

void cxx_hooks_resolve(bool is_counting)
{
	const uintptr_t second = PROBE_ALIGNMENT;

#define OPERATOR_NEW(symbol, alignment) next.symbol = (operator_new *)real_malloc_find(#symbol);
#define OPERATOR_DELETE(symbol) next.symbol = (operator_delete *)real_malloc_find(#symbol);
	OPERATOR_NEW(_Znwm, 0)
	if (!next._Znwm)
		return; /* a C program has none: look once, not twenty times */
#include "interpose/cxx_operators.def"
#undef OPERATOR_NEW
#undef OPERATOR_DELETE

	is_counting = is_counting && !reaches_a_hook(next._Znwm, next._ZdlPv);
#define OPERATOR_NEW(symbol, alignment)                                                         \
	if (next.symbol)                                                                        \
		entry.symbol =                                                                  \
			is_counting && !reaches_a_hook(next.symbol,                             \
						       (alignment) ? next._ZdlPvSt11align_val_t \
								   : next._ZdlPv)               \
				? symbol##_counted                                              \
				: next.symbol;
#define OPERATOR_DELETE(symbol) \
	if (next.symbol)        \
		entry.symbol = is_counting ? symbol##_counted : next.symbol;
#include "interpose/cxx_operators.def"
#undef OPERATOR_NEW
#undef OPERATOR_DELETE
}
