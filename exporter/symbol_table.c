/*
 * A symbol must hold an address to name it. Labels of assembly code have no
 * size; they reach to the next symbol of their section, but only in a .symtab,
 * because in a .dynsym functions that are not exported may lie between.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/symbol_table.h"

#include <errno.h>
#include <gelf.h>
#include <string.h>

/* The index keeps this with a symbol's number. */
#define IS_LABEL (UINT32_C(1) << 31)

struct symbol {
	const char *name;
	GElf_Sym sym;
	GElf_Addr start; /* address in the module */
	GElf_Addr section_end;
	bool is_code;
	bool is_in_symtab;
};

/* Does the file have a .symtab? The answer for the last one is kept: symbols of
 * one module come from at most three files. */
struct symtab_check {
	Elf *elf;
	bool has_symtab;
};

static bool has_symtab(struct symtab_check *check, Elf *elf)
{
	Elf_Scn *section = NULL;
	GElf_Shdr shdr;

	if (check->elf == elf)
		return check->has_symtab;
	check->elf = elf;
	check->has_symtab = false;
	while ((section = elf_nextscn(elf, section)))
		if (gelf_getshdr(section, &shdr) && shdr.sh_type == SHT_SYMTAB)
			check->has_symtab = true;
	return check->has_symtab;
}

static bool get_symbol(Dwfl_Module *module, int index, struct symtab_check *check,
		       struct symbol *symbol)
{
	GElf_Word section_index;
	GElf_Addr bias = 0;
	GElf_Shdr shdr;
	Elf *elf = NULL;

	symbol->name = dwfl_module_getsym_info(module, index, &symbol->sym, &symbol->start,
					       &section_index, &elf, &bias);
	if (!symbol->name || !elf || symbol->sym.st_shndx == SHN_UNDEF ||
	    symbol->sym.st_shndx == SHN_ABS || !gelf_getshdr(elf_getscn(elf, section_index), &shdr))
		return false;
	symbol->is_code = (shdr.sh_flags & SHF_EXECINSTR) != 0;
	symbol->section_end = shdr.sh_addr + shdr.sh_size + bias;
	symbol->is_in_symtab = has_symtab(check, elf);
	return true;
}

/* "$x" and "$d" mark code and data for disassemblers, ".L" is the compiler's. */
static bool is_label_for_tools(const char *name)
{
	return name[0] == '$' || strncmp(name, ".L", 2) == 0;
}

static bool is_function(const struct symbol *symbol)
{
	const int type = GELF_ST_TYPE(symbol->sym.st_info);

	/* The names of functions are not looked at here: they fill the most pages
	 * of the file, and few of them will be wanted. */
	if (!symbol->is_code || symbol->sym.st_name == 0)
		return false;
	return type == STT_FUNC || type == STT_GNU_IFUNC ||
	       (type == STT_NOTYPE && !is_label_for_tools(symbol->name));
}

static int add_symbol(struct symbol_table *table, const struct symbol *symbol, uint32_t index)
{
	const uint64_t size = symbol->sym.st_size;

	if (!is_function(symbol))
		return 0;
	table->is_complete |= symbol->is_in_symtab;
	if (size > 0)
		return range_map_add(&table->functions, symbol->start, symbol->start + size, index);
	if (!symbol->is_in_symtab)
		return 0;
	return range_map_add(&table->functions, symbol->start, symbol->section_end,
			     index | IS_LABEL);
}

/* Labels reach to the end of their section so far: cuts them at the next symbol
 * that starts behind them. */
static void cut_labels(struct range_map *functions)
{
	struct range *ranges = functions->ranges;
	uint64_t next = UINT64_MAX;

	for (size_t i = functions->count; i-- > 0;) {
		if (i + 1 < functions->count && ranges[i + 1].start != ranges[i].start)
			next = ranges[i + 1].start;
		if ((ranges[i].id & IS_LABEL) && next - ranges[i].start < ranges[i].size)
			ranges[i].size = (uint32_t)(next - ranges[i].start);
	}
}

int symbol_table_init(struct symbol_table *table, Dwfl_Module *module)
{
	struct symtab_check check = {0};
	const int count = dwfl_module_getsymtab(module);
	struct symbol symbol;
	int error = 0;

	*table = (struct symbol_table){.module = module};
	for (int i = 0; i < count && error == 0; i++)
		if (get_symbol(module, i, &check, &symbol))
			error = add_symbol(table, &symbol, (uint32_t)i);
	if (error == 0)
		error = range_map_sort(&table->functions);
	if (error == 0) {
		cut_labels(&table->functions);
		error = range_map_sort(&table->functions);
	}
	return error;
}

void symbol_table_fini(struct symbol_table *table)
{
	range_map_fini(&table->functions);
}

/* ---- choosing among symbols ------------------------------------------ */

/* Mangled names all begin with _Z or _R, which says nothing. */
static size_t leading_underscores(const char *name)
{
	const size_t count = strspn(name, "_");

	return count == 1 && (name[1] == 'Z' || name[1] == 'R') ? 0 : count;
}

/* Is `name` a better name of one and the same function than `other`? */
static bool is_better_name(const char *name, bool is_local, const char *other, bool other_is_local)
{
	const size_t underscores = leading_underscores(name);
	const size_t other_underscores = leading_underscores(other);

	if (is_local != other_is_local)
		return !is_local;
	if (underscores != other_underscores)
		return underscores < other_underscores;
	if (strlen(name) != strlen(other))
		return strlen(name) < strlen(other);
	return strcmp(name, other) < 0;
}

const char *symbol_table_find(const struct symbol_table *table, uint64_t address)
{
	const struct range *range, *best = NULL;
	const char *best_name = NULL;
	bool best_is_local = false;
	size_t position = SIZE_MAX;

	while ((range = range_map_next(&table->functions, address, &position))) {
		const bool is_label = (range->id & IS_LABEL) != 0;
		const bool best_is_label = best && (best->id & IS_LABEL);
		GElf_Addr start;
		GElf_Sym sym;

		/* What comes later starts no later: it is better only when it has a
		 * size and the best has none, or is the same function. */
		if (best && is_label != best_is_label ? is_label
						      : best && range->start != best->start)
			continue;
		const char *name =
			dwfl_module_getsym_info(table->module, (int)(range->id & ~IS_LABEL), &sym,
						&start, NULL, NULL, NULL);
		const bool is_local = name && GELF_ST_BIND(sym.st_info) == STB_LOCAL;
		if (name && (!best || is_label != best_is_label ||
			     is_better_name(name, is_local, best_name, best_is_local))) {
			best = range;
			best_name = name;
			best_is_local = is_local;
		}
	}
	return best_name;
}
