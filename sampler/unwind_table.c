/*
 * Compiling unwind tables. The index of functions is the one that the linker
 * left in .eh_frame_hdr (LSB core generic, section 10.6.2), read where it is
 * mapped; a function's rows are compiled when a return address in it is first
 * met, and kept for good.
 *
 * The bytes are checked as if an enemy had written them: the index may point
 * anywhere, be unsorted or lie about its length. What is wrong makes a lookup
 * find nothing.
 *
 * Context: inside malloc, any thread, signal handlers; lock-free. Two threads
 * that compile the same thing at once both do it, and one of them wins.
 * Invariant: a table, and a function's rows, are complete before they are
 * published, and never change after that.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "sampler/unwind_table.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#include "sampler/byte_cursor.h"
#include "sampler/call_frame.h"
#include "sampler/eh_frame.h"
#include "sampler/lock.h"
#include "sampler/private_memory.h"
#include "sampler/segment_writer.h"

#define HDR_VERSION 1
#define HDR_COUNT_UDATA4 0x03
#define HDR_TABLE_DATAREL_SDATA4 0x3b
/* One place in the cache for 64 bytes of code, within limits. */
#define CACHE_CODE_BYTES 64
#define CACHE_MIN 256
#define CACHE_MAX 8192
#define BUCKETS_MIN 16
#define BUCKETS_MAX 2048
#define WORKSHOPS 32
/* No compiler writes such functions; a damaged one is given up. */
#define ROWS_MAX 100000

/* An entry of the linker's index: offsets from the header's start. */
struct index_entry {
	int32_t function, fde;
};

/* The rows of one function: starts[count], then rules[count]. None, and end 0, when
 * its entry cannot be read. */
struct function_rows {
	struct function_rows *next; /* in its bucket */
	uint32_t function;	    /* number in the index */
	uint32_t count;
	uint32_t end; /* offset of the code behind the function */
	uint32_t words[];
};

struct unwind_sources {
	uintptr_t start;  /* of the module */
	uintptr_t header; /* what the index is relative to */
	const struct index_entry *index;
	struct eh_frame_bytes bytes;		  /* the segment that holds .eh_frame */
	_Atomic(struct function_rows *) *buckets; /* by number of the function */
	uint32_t bucket_mask;
};

static _Atomic uint64_t no_cache[1];
static struct unwind_table no_table = {.cache = no_cache};

static bool find_segment(const struct module *module, uintptr_t address,
			 struct eh_frame_bytes *bytes)
{
	return elf_image_find_segment(module->start, module->end, module->load_bias, address,
				      &bytes->start, &bytes->end);
}

/* Fills in the index and the segment of .eh_frame; returns the number of functions, 0
 * when there is nothing to go by. */
static uint32_t find_sources(const struct module *module, struct unwind_sources *sources)
{
	const uint8_t *header = module->eh_frame_hdr;
	struct eh_frame_bytes bytes;

	if (!header || !find_segment(module, (uintptr_t)header, &bytes) || bytes.end - header < 4 ||
	    header[0] != HDR_VERSION || header[2] != HDR_COUNT_UDATA4 ||
	    header[3] != HDR_TABLE_DATAREL_SDATA4)
		return 0;

	struct byte_cursor c = {header + 4, bytes.end, false};
	const uintptr_t eh_frame = eh_frame_read_pointer(&c, header[1], (uintptr_t)header);
	const uint64_t count = byte_cursor_read(&c, 4);

	if (c.bad || count > (size_t)(c.end - c.p) / sizeof(struct index_entry) ||
	    (uintptr_t)c.p % _Alignof(struct index_entry) ||
	    !find_segment(module, eh_frame, &sources->bytes))
		return 0;
	sources->start = module->start;
	sources->header = (uintptr_t)header;
	sources->index = (const void *)c.p;
	return (uint32_t)count;
}

static uint32_t power_of_two(uint64_t wanted, uint32_t least, uint32_t most)
{
	uint32_t size = least;

	while (size < most && size < wanted)
		size *= 2;
	return size;
}

/* The pages are had at once: they are few, soon all in use, and a fault for each
 * would cost more than the walks. */
static void *map_now(size_t size)
{
	void *memory = private_memory_map(size);
	const int saved = errno;

	if (memory)
		madvise(memory, size, MADV_POPULATE_WRITE);
	errno = saved;
	return memory;
}

/* A table, its sources, cache and buckets in one piece of memory. */
static struct unwind_table *new_table(const struct module *module,
				      const struct unwind_sources *sources, uint32_t functions,
				      size_t *size)
{
	const uintptr_t code = module->image.text_end - module->image.text_start;
	const uint32_t cache = power_of_two(code / CACHE_CODE_BYTES, CACHE_MIN, CACHE_MAX);
	const uint32_t buckets = power_of_two(functions, BUCKETS_MIN, BUCKETS_MAX);
	struct {
		struct unwind_table table;
		struct unwind_sources sources;
		_Atomic uint64_t cache[];
	} * all;

	*size = sizeof(*all) + cache * sizeof(all->cache[0]) + buckets * sizeof(void *);
	all = map_now(*size);
	if (!all)
		return NULL;
	all->sources = *sources;
	all->sources.buckets = (void *)(all->cache + cache);
	all->sources.bucket_mask = buckets - 1;
	all->table = (struct unwind_table){all->cache, cache - 1, functions, &all->sources};
	return &all->table;
}

static struct unwind_table *make_table(struct module *module)
{
	struct unwind_sources sources;
	const uint32_t functions = find_sources(module, &sources);
	size_t size = 0;
	struct unwind_table *table = NULL;
	void *expected = NULL;

	if (functions)
		table = new_table(module, &sources, functions, &size);
	/* Pairs with the acquire in unwind_table_of(). */
	if (atomic_compare_exchange_strong(&module->unwind, &expected, table ? table : &no_table)) {
		if (table) {
			COUNT(unwind_tables);
			private_memory_keep(size);
		} else {
			COUNT(unwind_tables_failed);
		}
		return table ? table : &no_table;
	}
	if (table)
		private_memory_unmap(table, size);
	return expected;
}

struct unwind_table *unwind_table_of(struct module *module)
{
	struct unwind_table *table = atomic_load_explicit(&module->unwind, memory_order_acquire);

	return __builtin_expect(table != NULL, 1) ? table : make_table(module);
}

/* What compiling a function needs, out of a few for all threads: the stack may
 * be too short for it. */
static struct workshop {
	_Atomic uintptr_t taken; /* lock_self() of the user, or 0 */
	struct eh_frame_function function;
	struct call_frame_machine machine;
	uintptr_t module_start;
	struct function_rows *rows; /* to be filled; NULL: rows are only counted */
	uint32_t count;
	struct unwind_rule last;
} workshops[WORKSHOPS];

static struct workshop *take_workshop(void)
{
	const uintptr_t self = lock_self();

	for (int i = 0; i < WORKSHOPS; i++) {
		uintptr_t user = 0;

		/* What is our own already was left behind by a long jump. */
		if (atomic_compare_exchange_strong(&workshops[i].taken, &user, self) ||
		    user == self)
			return &workshops[i];
	}
	return NULL;
}

void unwind_table_after_fork(void)
{
	for (int i = 0; i < WORKSHOPS; i++)
		atomic_store(&workshops[i].taken, 0);
}

static void add_row(void *context, uintptr_t start, const struct unwind_rule *rule)
{
	struct workshop *work = context;

	if (work->count > 0 && unwind_rule_equal(&work->last, rule))
		return;
	work->last = *rule;
	if (work->rows && work->count < work->rows->count) {
		work->rows->words[work->count] = (uint32_t)(start - work->module_start);
		work->rows->words[work->rows->count + work->count] = unwind_rule_pack(rule);
	}
	work->count++;
}

static bool run_instructions(struct workshop *work, struct function_rows *rows)
{
	work->rows = rows;
	work->count = 0;
	return call_frame_rows(&work->function, &work->machine, add_row, work);
}

static bool count_rows(struct workshop *work, const struct unwind_sources *sources,
		       const struct index_entry *entry)
{
	const uint8_t *fde = (const uint8_t *)(sources->header + entry->fde);

	work->module_start = sources->start;
	return eh_frame_read_function(&sources->bytes, fde, &work->function) &&
	       work->function.start >= sources->start &&
	       work->function.end - sources->start <= UINT32_MAX && run_instructions(work, NULL) &&
	       work->count <= ROWS_MAX;
}

/* NULL when memory is short. */
static struct function_rows *compile_rows(struct workshop *work,
					  const struct unwind_sources *sources, uint32_t i)
{
	const bool is_readable = count_rows(work, sources, &sources->index[i]);
	const uint32_t count = is_readable ? work->count : 0;
	struct function_rows *rows =
		private_memory_alloc(sizeof(*rows) + 2 * count * sizeof(rows->words[0]));

	if (!rows)
		return NULL;
	rows->function = i;
	rows->count = count;
	if (is_readable) {
		rows->end = (uint32_t)(work->function.end - sources->start);
		run_instructions(work, rows);
	}
	return rows;
}

/* The rows of function `i` in the chain before `until`. */
static struct function_rows *find_rows(struct function_rows *rows,
				       const struct function_rows *until, uint32_t i)
{
	while (rows != until && rows->function != i)
		rows = rows->next;
	return rows == until ? NULL : rows;
}

/* NULL when memory is short, or too many threads are compiling. */
static struct function_rows *function_rows_at(const struct unwind_sources *sources, uint32_t i)
{
	_Atomic(struct function_rows *) *bucket = &sources->buckets[i & sources->bucket_mask];
	struct function_rows *head = atomic_load_explicit(bucket, memory_order_acquire);
	struct function_rows *rows = find_rows(head, NULL, i);
	struct workshop *work = rows ? NULL : take_workshop();

	if (!work)
		return rows;
	rows = compile_rows(work, sources, i);
	atomic_store_explicit(&work->taken, 0, memory_order_release);
	if (!rows)
		return NULL;
	rows->next = head;
	/* Pairs with the acquire above. */
	while (!atomic_compare_exchange_strong(bucket, &head, rows)) {
		/* Another thread may have compiled the same: ours are lost, they are few. */
		struct function_rows *other = find_rows(head, rows->next, i);

		if (other)
			return other;
		rows->next = head;
	}
	return rows;
}

/* The number of the last of `count` ascending offsets that is not above `key`,
 * or UINT32_MAX. */
static uint32_t last_not_above(const uint32_t *starts, uint32_t count, uint32_t key)
{
	uint32_t low = 0;

	while (count > 0) {
		const uint32_t half = count / 2;

		if (starts[low + half] <= key) {
			low += half + 1;
			count -= half + 1;
		} else {
			count = half;
		}
	}
	return low - 1;
}

/* The same in the linker's index. */
static uint32_t find_function(const struct unwind_table *table, int64_t key)
{
	const struct index_entry *index = table->sources->index;
	uint32_t low = 0, count = table->function_count;

	while (count > 0) {
		const uint32_t half = count / 2;

		if (index[low + half].function <= key) {
			low += half + 1;
			count -= half + 1;
		} else {
			count = half;
		}
	}
	return low - 1;
}

static uint32_t find_rule(const struct unwind_table *table, uint32_t offset)
{
	const struct unwind_sources *sources = table->sources;

	if (table->function_count == 0)
		return UNWIND_RULE_NONE;

	const uint32_t i =
		find_function(table, (int64_t)(sources->start + offset - sources->header));

	if (i == UINT32_MAX)
		return UNWIND_RULE_NONE;

	const struct function_rows *rows = function_rows_at(sources, i);

	if (!rows)
		return UNWIND_RULE_UNKNOWN;
	if (offset >= rows->end)
		return UNWIND_RULE_NONE;

	const uint32_t row = last_not_above(rows->words, rows->count, offset);

	return row == UINT32_MAX ? UNWIND_RULE_NONE : rows->words[rows->count + row];
}

uint32_t unwind_table_find(struct unwind_table *table, uintptr_t code, uint32_t offset)
{
	const uint32_t rule = find_rule(table, offset);

	if (rule == UNWIND_RULE_UNKNOWN)
		return rule;
	/* Pairs with the acquire in unwind_table_rule(). */
	atomic_store_explicit(&table->cache[code & table->cache_mask],
			      (uint64_t)offset << 32 | rule, memory_order_release);
	return rule;
}
