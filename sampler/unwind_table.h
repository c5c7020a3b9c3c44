/*
 * The compiled unwind table of a module: code address to unwind rule. It is
 * compiled from .eh_frame function by function, when a stack first goes through
 * one, so that neither time nor memory is spent on code that never allocates.
 *
 * Context: inside malloc, any thread, signal handlers; lock-free.
 * Invariant: a table belongs to one struct module, and with it its cache. A
 * library loaded where another one was has another module, so a rule of the old
 * one is never applied to the new one's code.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_UNWIND_TABLE_H
#define SAMPLER_UNWIND_TABLE_H

#include <stdatomic.h>
#include <stdint.h>

#include "sampler/module_table.h"
#include "sampler/unwind_rule.h"

struct unwind_table {
	_Atomic uint64_t *cache; /* offset << 32 | packed rule */
	uintptr_t cache_mask;
	uint32_t function_count;
	const struct unwind_sources *sources;
};

/* The table of a module, made at the first call. Never NULL: of a module
 * without unwind information, or when memory is short, one without rules. */
struct unwind_table *unwind_table_of(struct module *module);

/* In a forked child: forgets compilations that other threads had begun. */
void unwind_table_after_fork(void);

/* Looks a rule up, compiles its function if need be, and puts it in the cache. */
uint32_t unwind_table_find(struct unwind_table *table, uintptr_t code, uint32_t offset);

/* The packed rule at address `code`, `offset` bytes from the module's start. The
 * address chooses the place in the cache only because it is known first. */
static inline uint32_t unwind_table_rule(struct unwind_table *table, uintptr_t code,
					 uint32_t offset)
{
	/* Pairs with the release in unwind_table_find(): what a packed rule
	 * names is complete. */
	const uint64_t entry =
		atomic_load_explicit(&table->cache[code & table->cache_mask], memory_order_acquire);

	if (__builtin_expect(entry >> 32 == offset, 1))
		return (uint32_t)entry;
	return unwind_table_find(table, code, offset);
}

#endif
