/*
 * Walks down the DIEs of the compilation unit that holds an address. libdw keeps
 * what it has read of every unit until the file is closed, so the file is closed
 * now and then; the index of the units stays.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/symbol_lines.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

/* After this many lookups what libdw has gathered is released. */
#define LOOKUPS_PER_OPENING 512

/* The functions around an address: the physical one first, then those inlined
 * into it, each into the one before. */
struct chain {
	Dwarf_Die functions[SYMBOL_LINES_MAX];
	size_t count;
};

/* ---- the index of units ---------------------------------------------- */

/* A DWARF reader of its own for the file that libdwfl found, so that it can be
 * closed. */
static bool open_dwarf(struct symbol_lines *lines)
{
	Dwarf *found = dwfl_module_getdwarf(lines->module, &lines->bias);

	if (lines->dwarf || !found)
		return lines->dwarf != NULL;
	lines->lookups = 0;
	lines->dwarf = dwarf_begin_elf(dwarf_getelf(found), DWARF_C_READ, NULL);
	if (lines->dwarf && dwarf_getalt(found))
		dwarf_setalt(lines->dwarf, dwarf_getalt(found));
	return lines->dwarf != NULL;
}

static void close_dwarf(struct symbol_lines *lines)
{
	dwarf_end(lines->dwarf);
	lines->dwarf = NULL;
}

static int add_unit(struct symbol_lines *lines, Dwarf_Die *unit)
{
	const uint32_t id = (uint32_t)lines->unit_count;
	Dwarf_Addr base, start, end;
	ptrdiff_t offset = 0;
	int error = 0;

	if (lines->unit_count == lines->unit_capacity) {
		const size_t capacity = lines->unit_capacity ? 2 * lines->unit_capacity : 64;
		Dwarf_Off *offsets = reallocarray(lines->unit_offsets, capacity, sizeof(*offsets));

		if (!offsets)
			return -ENOMEM;
		lines->unit_offsets = offsets;
		lines->unit_capacity = capacity;
	}
	lines->unit_offsets[lines->unit_count++] = dwarf_dieoffset(unit);
	while (error == 0 && (offset = dwarf_ranges(unit, offset, &base, &start, &end)) > 0)
		error = range_map_add(&lines->units, start, end, id);
	return error;
}

static int index_units(struct symbol_lines *lines)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;
	uint8_t type;
	int error = 0;

	while (error == 0 &&
	       dwarf_get_units(lines->dwarf, unit, &unit, NULL, &type, &die, NULL) == 0)
		if (type == DW_UT_compile || type == DW_UT_skeleton)
			error = add_unit(lines, &die);
	return error ? error : range_map_sort(&lines->units);
}

int symbol_lines_init(struct symbol_lines *lines, Dwfl_Module *module)
{
	int error = 0;

	*lines = (struct symbol_lines){.module = module};
	if (open_dwarf(lines)) {
		error = index_units(lines);
		close_dwarf(lines);
	}
	return error;
}

void symbol_lines_fini(struct symbol_lines *lines)
{
	close_dwarf(lines);
	range_map_fini(&lines->units);
	free(lines->unit_offsets);
}

/* ---- the functions around an address --------------------------------- */

static void push(struct chain *chain, const Dwarf_Die *function)
{
	if (chain->count < SYMBOL_LINES_MAX)
		chain->functions[chain->count++] = *function;
}

/* May functions with code be among the children, though it has no code itself? */
static bool is_namespace(int tag)
{
	return tag == DW_TAG_namespace || tag == DW_TAG_module;
}

static bool is_function(int tag)
{
	return tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine;
}

static bool is_block(int tag)
{
	return tag == DW_TAG_lexical_block || tag == DW_TAG_try_block ||
	       tag == DW_TAG_catch_block || tag == DW_TAG_with_stmt;
}

/* Adds the functions below `parent` that hold the address; false when none does. */
static bool descend(Dwarf_Die *parent, Dwarf_Addr address, struct chain *chain)
{
	Dwarf_Die child;

	if (dwarf_child(parent, &child) != 0)
		return false;
	do {
		const int tag = dwarf_tag(&child);

		if (is_namespace(tag) && descend(&child, address, chain))
			return true;
		if ((is_function(tag) || is_block(tag)) && dwarf_haspc(&child, address) > 0) {
			if (is_function(tag))
				push(chain, &child);
			descend(&child, address, chain);
			return true;
		}
	} while (dwarf_siblingof(&child, &child) == 0);
	return false;
}

/* ---- what is known of a function ------------------------------------- */

static const char *linkage_name(Dwarf_Die *function)
{
	Dwarf_Attribute attribute;
	const char *name = NULL;

	if (dwarf_attr_integrate(function, DW_AT_linkage_name, &attribute) ||
	    dwarf_attr_integrate(function, DW_AT_MIPS_linkage_name, &attribute))
		name = dwarf_formstring(&attribute);
	return name ? name : dwarf_diename(function);
}

static uint32_t start_line(Dwarf_Die *function)
{
	int line = 0;

	return dwarf_decl_line(function, &line) == 0 && line > 0 ? (uint32_t)line : 0;
}

static const char *known_file(const char *file)
{
	return file && file[0] ? file : NULL;
}

/* Where an inlined function was called: the place in the function around it. Files
 * are numbered as in the unit that its DIE is in. */
static void set_call_site(Dwarf_Die *inlined, struct symbol_lines_frame *caller)
{
	Dwarf_Attribute attribute;
	Dwarf_Die unit;
	Dwarf_Word value;
	Dwarf_Files *files;
	size_t count;

	if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_line, &attribute), &value) == 0)
		caller->line = (uint32_t)value;
	if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_file, &attribute), &value) == 0 &&
	    dwarf_getsrcfiles(dwarf_diecu(inlined, &unit, NULL, NULL), &files, &count) == 0 &&
	    value < count)
		caller->file = known_file(dwarf_filesrc(files, value, NULL, NULL));
}

/* Where the address itself is. */
static void set_place(Dwarf_Die *unit, Dwarf_Addr address, struct symbol_lines_frame *frame)
{
	Dwarf_Line *line = dwarf_getsrc_die(unit, address);
	int number = 0;

	if (!line || dwarf_lineno(line, &number) != 0 || number <= 0)
		return;
	frame->file = known_file(dwarf_linesrc(line, NULL, NULL));
	frame->line = (uint32_t)number;
}

static size_t describe(Dwarf_Die *unit, Dwarf_Addr address, struct chain *chain,
		       struct symbol_lines_frame *frames)
{
	const size_t count = chain->count > 0 ? chain->count : 1;

	for (size_t i = 0; i < count; i++)
		frames[i] = (struct symbol_lines_frame){0};
	set_place(unit, address, &frames[0]);
	for (size_t i = 0; i < chain->count; i++) {
		Dwarf_Die *function = &chain->functions[chain->count - 1 - i];

		frames[i].linkage_name = linkage_name(function);
		frames[i].start_line = start_line(function);
		if (i + 1 < count)
			set_call_site(function, &frames[i + 1]);
	}
	return count;
}

/* The unit's root DIE: of a split unit, the one in the .dwo file, if there. */
static bool find_unit(struct symbol_lines *lines, uint32_t id, Dwarf_Die *unit, Dwarf_Die *split)
{
	uint8_t type = 0;

	if (!dwarf_offdie(lines->dwarf, lines->unit_offsets[id], unit))
		return false;
	if (dwarf_cu_info(unit->cu, NULL, &type, NULL, split, NULL, NULL, NULL) != 0 ||
	    type != DW_UT_skeleton || dwarf_tag(split) == DW_TAG_invalid)
		*split = *unit;
	return true;
}

size_t symbol_lines_find(struct symbol_lines *lines, uint64_t address,
			 struct symbol_lines_frame frames[SYMBOL_LINES_MAX])
{
	const struct range *range;
	struct chain chain = {.count = 0};
	size_t position = SIZE_MAX;
	Dwarf_Die unit, split;
	bool is_in_unit = false;

	if (lines->units.count == 0)
		return 0;
	if (lines->lookups >= LOOKUPS_PER_OPENING)
		close_dwarf(lines);
	if (!open_dwarf(lines))
		return 0;
	lines->lookups++;
	address -= lines->bias;
	while (chain.count == 0 && (range = range_map_next(&lines->units, address, &position)) &&
	       find_unit(lines, range->id, &unit, &split)) {
		is_in_unit = true;
		descend(&split, address, &chain);
	}
	/* Of assembly code, and of some functions, DWARF knows the lines only. */
	return is_in_unit ? describe(&unit, address, &chain, frames) : 0;
}
