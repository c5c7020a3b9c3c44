/*
 * Names of addresses by build id, for those who name the same binaries again
 * and again: with a hit, no file is opened. Bounded; what has not been asked for
 * goes first.
 *
 * Context: any thread; it has a lock of its own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_SYMBOL_CACHE_H
#define EXPORTER_SYMBOL_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exporter/symbols.h"
#include "sampler/snapshot.h"

/* A cache of about `bytes` at most. NULL without memory. */
struct symbol_cache *symbol_cache_new(size_t bytes);
void symbol_cache_free(struct symbol_cache *cache);

/*
 * False when the address is not known; else calls found() with its names, unless
 * what is known is that it has none. The strings are valid in found() only, which
 * must not call back.
 */
bool symbol_cache_find(struct symbol_cache *cache, const struct snapshot_module *module,
		       uint64_t elf_address,
		       void (*found)(void *context, const char *function, const char *system_name),
		       void *context);

/* Notes the names of an address; NULL: it has none. Nothing happens without memory. */
void symbol_cache_add(struct symbol_cache *cache, const struct snapshot_module *module,
		      uint64_t elf_address, const struct symbols_line *line);

/* How many bytes it takes, about. */
size_t symbol_cache_bytes(struct symbol_cache *cache);

#endif
