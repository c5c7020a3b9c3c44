/*
 * Puts together what the files of the modules say: one symbol table and, when
 * lines are wanted, one line table per module, made when the module's first
 * address is asked for. Code of no module is looked up in the perf map.
 *
 * Kept apart are the questions which file it is (symbol_file), which function
 * (symbol_table), which line (symbol_lines) and how it is called (demangle).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/symbols.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exporter/demangle.h"
#include "exporter/key_map.h"
#include "exporter/live_process.h"
#include "exporter/perf_map.h"
#include "exporter/string_table.h"
#include "exporter/symbol_cache.h"
#include "exporter/symbol_file.h"
#include "exporter/symbol_lines.h"
#include "exporter/symbol_table.h"

/* A file that is a little older than the process may still be its own: clocks
 * are read at different times. */
#define CLOCK_SLACK_S 2

/* The files of one module of the snapshot, and of others with its build id. */
struct module_symbols {
	struct module_symbols *next;
	const struct snapshot_module *module;
	bool has_unnamed; /* an address was asked for that has no symbol */
	struct symbol_file file;
	struct symbol_table table;
	struct symbol_lines lines;
};

/* The lines of one address. */
struct resolved {
	struct symbols_line *lines;
	size_t count;
};

struct symbols {
	const struct snapshot *snapshot;
	bool wants_lines;
	struct symbol_cache *cache; /* or NULL */
	struct symbol_file_places places;
	struct module_symbols **of_module; /* as in the snapshot; NULL: not asked for yet */
	struct module_symbols *opened;
	int perf_map_fd;
	struct perf_map *perf_map;
	struct string_table names; /* every string that is given out */
	struct key_map known;	   /* (address, module's number + 1) -> resolved */
	struct resolved *resolved;
	size_t resolved_count, resolved_capacity;
};

/* ---- strings --------------------------------------------------------- */

/* A copy that lives as long as the resolver; NULL for NULL or without memory. */
static const char *keep(struct symbols *symbols, const char *text)
{
	uint32_t index;

	if (!text || string_table_add(&symbols->names, text, &index) != 0)
		return NULL;
	return symbols->names.strings[index];
}

static const char *keep_demangled(struct symbols *symbols, const char *linkage_name)
{
	char *name = demangle_name(linkage_name);
	const char *kept = keep(symbols, name);

	free(name);
	return kept;
}

/* ---- modules --------------------------------------------------------- */

static bool has_same_build_id(const struct snapshot_module *a, const struct snapshot_module *b)
{
	return a->build_id_size > 0 && a->build_id_size == b->build_id_size &&
	       memcmp(a->build_id, b->build_id, a->build_id_size) == 0;
}

/* The same file, if it was found for another module: a library that was loaded
 * at several addresses, or that has several copies. */
static struct module_symbols *find_opened(const struct symbols *symbols,
					  const struct snapshot_module *module)
{
	struct module_symbols *files = symbols->opened;

	while (files && !(files->file.module && has_same_build_id(files->module, module)))
		files = files->next;
	return files;
}

static void open_files(struct symbols *symbols, struct module_symbols *files)
{
	symbol_file_open(&symbols->places, files->module, &files->file);
	/* What cannot be read for want of memory is as good as not there. */
	if (!files->file.module || symbol_table_init(&files->table, files->file.module) != 0)
		return;
	symbol_file_trim(&files->file);
	if (symbols->wants_lines)
		symbol_lines_init(&files->lines, files->file.module);
}

/* NULL when out of memory. */
static struct module_symbols *open_module(struct symbols *symbols,
					  const struct snapshot_module *module)
{
	struct module_symbols **slot = &symbols->of_module[module - symbols->snapshot->modules];

	if (!*slot)
		*slot = find_opened(symbols, module);
	if (!*slot && (*slot = calloc(1, sizeof(**slot)))) {
		(*slot)->module = module;
		(*slot)->next = symbols->opened;
		symbols->opened = *slot;
		open_files(symbols, *slot);
	}
	return *slot;
}

static void close_files(struct module_symbols *files)
{
	symbol_lines_fini(&files->lines);
	symbol_table_fini(&files->table);
	symbol_file_close(&files->file);
	free(files);
}

/* ---- JIT code -------------------------------------------------------- */

/* Opens the map below a folder that stands for "/" and that `uid`'s word counts in. */
static void try_perf_map(struct symbols *symbols, const char *root, int64_t not_before)
{
	const struct snapshot *snapshot = symbols->snapshot;
	char directory[4096];

	if (symbols->perf_map)
		return;
	if ((size_t)snprintf(directory, sizeof(directory), "%s/tmp", root) >= sizeof(directory))
		return;
	const int fd = perf_map_open(directory, (pid_t)snapshot->pid, snapshot->uid, not_before);
	symbols->perf_map = fd >= 0 ? perf_map_new(fd) : NULL;
	if (symbols->perf_map)
		symbols->perf_map_fd = fd;
	else if (fd >= 0)
		close(fd);
}

static void open_perf_map(struct symbols *symbols)
{
	const struct snapshot *snapshot = symbols->snapshot;
	const int64_t not_before = live_process_start_time(snapshot) - CLOCK_SLACK_S;
	char root[64];

	if (symbols->places.sysroot)
		try_perf_map(symbols, symbols->places.sysroot, not_before);
	if (symbols->places.pid) {
		snprintf(root, sizeof(root), "/proc/%d/root", symbols->places.pid);
		try_perf_map(symbols, root, not_before);
	}
	if (symbols->places.is_local)
		try_perf_map(symbols, "", not_before);
}

/* ---- life ------------------------------------------------------------ */

struct symbols *symbols_new(const struct snapshot *snapshot, const struct symbols_options *options)
{
	struct symbols *symbols = calloc(1, sizeof(*symbols));

	if (!symbols)
		return NULL;
	symbols->snapshot = snapshot;
	symbols->wants_lines = options->lines;
	symbols->cache = options->lines ? NULL : options->cache;
	symbols->perf_map_fd = -1;
	symbols->of_module = calloc(snapshot->module_count + 1, sizeof(*symbols->of_module));
	if (symbol_file_places_init(&symbols->places, snapshot, options->sysroot) != 0 ||
	    !symbols->of_module) {
		symbols_free(symbols);
		return NULL;
	}
	open_perf_map(symbols);
	return symbols;
}

void symbols_free(struct symbols *symbols)
{
	if (!symbols)
		return;
	while (symbols->opened) {
		struct module_symbols *files = symbols->opened;

		symbols->opened = files->next;
		close_files(files);
	}
	free(symbols->of_module);
	symbol_file_places_fini(&symbols->places);
	perf_map_free(symbols->perf_map);
	if (symbols->perf_map_fd >= 0)
		close(symbols->perf_map_fd);
	for (size_t i = 0; i < symbols->resolved_count; i++)
		free(symbols->resolved[i].lines);
	free(symbols->resolved);
	key_map_fini(&symbols->known);
	string_table_fini(&symbols->names);
	free(symbols);
}

/* ---- names ----------------------------------------------------------- */

static bool set_names(struct symbols *symbols, const char *linkage_name, struct symbols_line *line)
{
	line->system_name = keep(symbols, linkage_name);
	line->function = linkage_name ? keep_demangled(symbols, linkage_name) : NULL;
	return line->function && line->system_name;
}

/* Fills lines[] from the inner end; stops where a name is missing. The linker's
 * own name is preferred for the function that it knows. */
static size_t name_frames(struct symbols *symbols, const struct symbol_lines_frame *frames,
			  size_t count, const char *symbol, struct symbols_line *lines)
{
	for (size_t i = 0; i < count; i++) {
		const bool is_outermost = i + 1 == count;

		lines[i].file = keep(symbols, frames[i].file);
		lines[i].line = frames[i].line;
		lines[i].start_line = frames[i].start_line;
		if (!set_names(symbols, is_outermost && symbol ? symbol : frames[i].linkage_name,
			       &lines[i]))
			return 0;
	}
	return count;
}

static size_t name_in_module(struct symbols *symbols, const struct snapshot_module *module,
			     uint64_t address, struct symbols_line *lines)
{
	struct module_symbols *files = open_module(symbols, module);
	const uint64_t elf_address = address - module->load_bias;
	struct symbol_lines_frame frames[SYMBOL_LINES_MAX];
	const char *symbol;
	size_t count;

	if (!files || !files->file.module)
		return 0;
	symbol = symbol_table_find(&files->table, elf_address);
	count = symbol_lines_find(&files->lines, elf_address, frames);
	count = name_frames(symbols, frames, count, symbol, lines);
	if (count == 0 && symbol && set_names(symbols, symbol, &lines[0]))
		count = 1;
	files->has_unnamed |= count == 0;
	return count;
}

struct cached_line {
	struct symbols *symbols;
	struct symbols_line *line;
};

static void keep_cached(void *context, const char *function, const char *system_name)
{
	const struct cached_line *const to = context;

	to->line->function = keep(to->symbols, function);
	to->line->system_name = keep(to->symbols, system_name);
}

/* name_in_module() for those who ask again and again, about many processes. */
static size_t name_through_cache(struct symbols *symbols, const struct snapshot_module *module,
				 uint64_t address, struct symbols_line *lines)
{
	const uint64_t elf_address = address - module->load_bias;
	struct cached_line to = {symbols, &lines[0]};
	size_t count;

	if (!symbols->cache || module->build_id_size == 0)
		return name_in_module(symbols, module, address, lines);
	if (symbol_cache_find(symbols->cache, module, elf_address, keep_cached, &to))
		return lines[0].function && lines[0].system_name ? 1 : 0;
	count = name_in_module(symbols, module, address, lines);
	symbol_cache_add(symbols->cache, module, elf_address, count > 0 ? &lines[0] : NULL);
	return count;
}

static size_t name_jit_code(struct symbols *symbols, uint64_t address, struct symbols_line *line)
{
	char *name = symbols->perf_map ? perf_map_find(symbols->perf_map, address) : NULL;

	line->function = line->system_name = keep(symbols, name);
	free(name);
	return line->function ? 1 : 0;
}

/* Keeps the answer; NULL when out of memory. */
static const struct resolved *keep_resolved(struct symbols *symbols, uint64_t address,
					    uint64_t module, const struct symbols_line *lines,
					    size_t count)
{
	struct symbols_line *copy = count > 0 ? reallocarray(NULL, count, sizeof(*copy)) : NULL;
	struct resolved *slot;

	if (symbols->resolved_count == symbols->resolved_capacity) {
		const size_t capacity =
			symbols->resolved_capacity ? 2 * symbols->resolved_capacity : 256;
		struct resolved *bigger =
			reallocarray(symbols->resolved, capacity, sizeof(*bigger));

		if (bigger) {
			symbols->resolved = bigger;
			symbols->resolved_capacity = capacity;
		}
	}
	if ((count > 0 && !copy) || symbols->resolved_count == symbols->resolved_capacity ||
	    key_map_insert(&symbols->known, address, module, (uint32_t)symbols->resolved_count)) {
		free(copy);
		return NULL;
	}
	if (count > 0)
		memcpy(copy, lines, count * sizeof(*copy));
	slot = &symbols->resolved[symbols->resolved_count++];
	*slot = (struct resolved){copy, count};
	return slot;
}

static const struct resolved *resolve(struct symbols *symbols, uint64_t address,
				      const struct snapshot_module *module)
{
	const uint64_t number = module ? (uint64_t)(module - symbols->snapshot->modules) + 1 : 0;
	const uint32_t *known = key_map_find(&symbols->known, address, number);
	struct symbols_line lines[SYMBOL_LINES_MAX];
	size_t count;

	if (known)
		return &symbols->resolved[*known];
	memset(lines, 0, sizeof(lines));
	count = module ? name_through_cache(symbols, module, address, lines)
		       : name_jit_code(symbols, address, lines);
	return keep_resolved(symbols, address, number, lines, count);
}

size_t symbols_resolve(struct symbols *symbols, uint64_t address, uint32_t module_epoch,
		       const struct symbols_line **lines, const struct snapshot_module **module)
{
	const struct resolved *resolved;

	*module = snapshot_find_module(symbols->snapshot, address, module_epoch);
	resolved = resolve(symbols, address, *module);
	*lines = resolved ? resolved->lines : NULL;
	return resolved ? resolved->count : 0;
}

/* ---- what to tell people --------------------------------------------- */

static enum symbols_status status_of(const struct module_symbols *files)
{
	if (!files->file.module)
		return files->file.is_replaced ? SYMBOLS_REPLACED : SYMBOLS_MISSING;
	if (files->has_unnamed && !files->table.is_complete)
		return SYMBOLS_STRIPPED;
	return SYMBOLS_OK;
}

static char *sentence(const struct module_symbols *files, const char *path)
{
	char *text = NULL;
	int length = 0;

	switch (status_of(files)) {
	case SYMBOLS_OK:
		break;
	case SYMBOLS_MISSING:
		length =
			asprintf(&text,
				 "%s cannot be read (%s), so its functions are shown as addresses; "
				 "--sysroot DIR says where its copy is",
				 path, strerror(files->file.error ? files->file.error : EIO));
		break;
	case SYMBOLS_REPLACED:
		length = asprintf(&text,
				  "%s is not the file that was loaded: it was replaced, so its "
				  "functions are shown as addresses",
				  path);
		break;
	case SYMBOLS_STRIPPED:
		length = asprintf(&text,
				  "%s is stripped: functions that it does not export are shown as "
				  "addresses; install its debug symbols or set DEBUGINFOD_URLS",
				  path);
		break;
	}
	return length < 0 ? NULL : text;
}

enum symbols_status symbols_module_status(struct symbols *symbols,
					  const struct snapshot_module *module, const char **text)
{
	const struct module_symbols *files = open_module(symbols, module);
	char *said;

	*text = NULL;
	if (!files)
		return SYMBOLS_OK;
	said = sentence(files, module->path[0] ? module->path : symbols->snapshot->executable);
	*text = keep(symbols, said);
	free(said);
	return status_of(files);
}
