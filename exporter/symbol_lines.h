/*
 * Source files, lines and inlined functions by address, from the DWARF of one
 * ELF file or of its separate debug file.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_SYMBOL_LINES_H
#define EXPORTER_SYMBOL_LINES_H

#include <elfutils/libdwfl.h>
#include <stdint.h>

#include "exporter/range_map.h"

/* Inlining deeper than this is cut at the inner end. */
#define SYMBOL_LINES_MAX 64

struct symbol_lines {
	Dwfl_Module *module;	/* borrowed */
	Dwarf *dwarf;		/* NULL: there is none, or it is closed at the moment */
	Dwarf_Addr bias;	/* module address - DWARF address */
	struct range_map units; /* id: index into unit_offsets */
	Dwarf_Off *unit_offsets;
	size_t unit_count, unit_capacity;
	unsigned lookups; /* since `dwarf` was opened */
};

struct symbol_lines_frame {
	const char *linkage_name; /* or the source's, where it has none; NULL: unknown
				     (only in a last frame) */
	const char *file;	  /* NULL: unknown */
	uint32_t line;		  /* 0: unknown */
	uint32_t start_line;
};

/* Makes the index of compilation units; the module must stay open. Finds nothing
 * later when there is no DWARF. 0 or -ENOMEM. */
int symbol_lines_init(struct symbol_lines *lines, Dwfl_Module *module);
void symbol_lines_fini(struct symbol_lines *lines);

/*
 * The frames at an ELF address, innermost inlined function first, the last one
 * being the function that the linker knows. Returns how many; the strings are
 * valid until the next call.
 */
size_t symbol_lines_find(struct symbol_lines *lines, uint64_t address,
			 struct symbol_lines_frame frames[SYMBOL_LINES_MAX]);

#endif
