/*
 * Names for addresses, from ELF files and their debug information (elfutils) and
 * from perf maps. Never a wrong name: what cannot be named for certain has none.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_SYMBOLS_H
#define EXPORTER_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sampler/snapshot.h"

struct symbols;
struct symbol_cache;

struct symbols_options {
	const char *sysroot;	    /* look for binaries below it; NULL: none */
	bool lines;		    /* also files, lines and inlined frames, from DWARF */
	struct symbol_cache *cache; /* names known from before, or NULL; not with lines */
};

/* One source-level frame. An address has several when functions were inlined. */
struct symbols_line {
	const char *function;	 /* demangled, as shown */
	const char *system_name; /* mangled, as linked */
	const char *file;	 /* NULL: unknown */
	uint32_t line;		 /* 0: unknown */
	uint32_t start_line;
};

enum symbols_status {
	SYMBOLS_OK,
	SYMBOLS_MISSING,  /* the file could not be found or read */
	SYMBOLS_REPLACED, /* there is a file, but its build id is another */
	SYMBOLS_STRIPPED, /* the file has no symbol for it */
};

/* A resolver for one snapshot, which must outlive it. NULL when out of memory. */
struct symbols *symbols_new(const struct snapshot *snapshot, const struct symbols_options *options);
void symbols_free(struct symbols *symbols);

/*
 * The names of the code at `address` (return address - 1) in stacks of
 * `module_epoch`, innermost inlined function first. Returns how many lines (0: no
 * name); *lines is valid until symbols_free(). *module may be NULL (JIT code
 * without a perf map, or nothing known).
 */
size_t symbols_resolve(struct symbols *symbols, uint64_t address, uint32_t module_epoch,
		       const struct symbols_line **lines, const struct snapshot_module **module);

/* How the lookup of a module's file went; one sentence for people in *text
 * (valid until symbols_free()) when it is not SYMBOLS_OK. */
enum symbols_status symbols_module_status(struct symbols *symbols,
					  const struct snapshot_module *module, const char **text);

#endif
