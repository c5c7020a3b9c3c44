/*
 * The functions of one ELF file by address, from its symbol tables: .symtab of
 * the file or of its separate debug file, .dynsym, and .gnu_debugdata.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_SYMBOL_TABLE_H
#define EXPORTER_SYMBOL_TABLE_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stdint.h>

#include "exporter/range_map.h"

struct symbol_table {
	Dwfl_Module *module;	    /* borrowed */
	struct range_map functions; /* id: the module's symbol, and whether it has a size */
	bool is_complete;	    /* there is a .symtab, which also knows what is not exported */
};

/* Makes the index; the module must stay open. 0 or -ENOMEM. */
int symbol_table_init(struct symbol_table *table, Dwfl_Module *module);
void symbol_table_fini(struct symbol_table *table);

/*
 * The linkage name of the function that holds the ELF address, or NULL; valid as
 * long as the module is open. Of several symbols there, the innermost is taken; of
 * several names of one function an exported one before a local one, then the one
 * with the fewest leading underscores, then the shortest, then the first in
 * the alphabet.
 */
const char *symbol_table_find(const struct symbol_table *table, uint64_t address);

#endif
