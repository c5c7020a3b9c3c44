/*
 * Finds modules with _dl_find_object(), which takes no lock, and remembers what
 * it found. A module is what the segment and the unwinder know: an object at an
 * address. A loading is what the dynamic linker knows: a link_map, that now
 * stands for a module. Unloading and loading a library again makes a new
 * loading of the same module.
 *
 * Context: inside malloc, any thread, signal handlers. The loader's lock may be
 * held, by this thread too.
 * Locks: none. Lists only grow, at the head, by compare and swap.
 * Invariant: of the modules that are not buried, no two overlap and name
 * different objects; a buried module's last_epoch is below the first_epoch of
 * whatever was seen in its place.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "sampler/module_table.h"

#include <dlfcn.h>
#include <link.h>
#include <stddef.h>
#include <string.h>

#include "sampler/clock.h"
#include "sampler/free_filter.h"
#include "sampler/module_path.h"
#include "sampler/private_memory.h"
#include "sampler/process.h"
#include "sampler/segment_writer.h"

#define BUCKETS 256	  /* by link_map, and by start */
#define RECENT_PAGES 1024 /* pages of code whose module is at hand */
#define MAX_MODULES 16384 /* ever; the rest is counted and unnamed */
#define PAGE_SHIFT 12
#define PAGE_MASK ((uintptr_t)4095)

enum module_state {
	MODULE_LOADED,
	MODULE_UNLOADED, /* nothing else was seen in its place: may come back */
	MODULE_BURIED,	 /* something else was */
};

struct known_module {
	struct module module;
	struct known_module *next_of_bucket;
	struct known_module *next;
	_Atomic uint32_t state; /* enum module_state; may leave anything but BURIED */
	uint32_t first_epoch;
	_Atomic uint32_t last_epoch; /* UINT32_MAX until it is buried */
	_Atomic uint64_t unloaded_ns;
	uint64_t loaded_ns;
	/* The number of the segment in which it is recorded and its index there,
	 * or PENDING, or SEGMENT_NONE when there was no space. */
	_Atomic uint64_t record;
	_Atomic uint32_t settled; /* the number of that segment, while loaded */
};

struct loading {
	const struct link_map *link_map;
	struct loading *next;
	_Atomic(struct known_module *) module; /* NULL: unloaded */
};

#define PENDING (SEGMENT_NONE - 1)

static _Atomic(struct known_module *) modules;
static _Atomic(struct known_module *) modules_by_start[BUCKETS];
static _Atomic(struct loading *) loadings[BUCKETS];
static _Atomic(struct known_module *) recent[RECENT_PAGES];
static _Atomic uint32_t module_count;
static _Atomic uint32_t epoch;
static _Atomic uint32_t segment_number = 1; /* 0 is none */
/* What unloaded modules have covered together; empty at first. */
static _Atomic uintptr_t unloaded_start = UINTPTR_MAX;
static _Atomic uintptr_t unloaded_end;

_Atomic uint32_t module_table_unloads;

/* ---- the segment's records ------------------------------------------- */

/* The record in the segment of now, or NULL. */
static struct segment_module *record_of(const struct known_module *known)
{
	const uint64_t record = atomic_load(&known->record);
	struct segment_module *first = segment_writer_region(SEGMENT_MODULES);

	if (!first || record >> 32 != atomic_load(&segment_number) || (uint32_t)record >= PENDING)
		return NULL;
	return first + (uint32_t)record;
}

/* Brings the words of the record that can change up to date. Called after
 * every change and after recording, so the last caller leaves the truth. */
static void publish_state(const struct known_module *known)
{
	struct segment_header *header = segment_writer_header();
	struct segment_module *record = record_of(known);

	if (header)
		atomic_store(&header->module_epoch, atomic_load(&epoch));
	if (!record)
		return;
	atomic_store(&record->last_epoch, atomic_load(&known->last_epoch));
	atomic_store(&record->unloaded_monotonic_ns, atomic_load(&known->unloaded_ns));
	/* Pairs with the acquire in snapshot_take(). */
	atomic_store_explicit(&record->state,
			      atomic_load(&known->state) == MODULE_LOADED ? SEGMENT_MODULE_LOADED
									  : SEGMENT_MODULE_UNLOADED,
			      memory_order_release);
}

static void fill_record(struct segment_module *record, const struct known_module *known)
{
	const struct module *module = &known->module;
	const struct elf_image *image = &module->image;

	record->path = segment_writer_string(module->path);
	record->start = module->start;
	record->end = module->end;
	record->load_bias = module->load_bias;
	record->text_start = image->text_start;
	record->text_end = image->text_end;
	record->text_offset = image->text_offset;
	record->loaded_monotonic_ns = known->loaded_ns;
	record->first_epoch = known->first_epoch;
	memcpy(record->build_id, image->build_id, image->build_id_size);
	record->build_id_size = image->build_id_size;
}

/* Records the module in segment `number`, unless it is there or another thread
 * is doing it. */
static void record_module(struct known_module *known, uint32_t number)
{
	uint64_t before = atomic_load(&known->record);
	const uint64_t tag = (uint64_t)number << 32;
	uint64_t index;

	if (before >> 32 == number ||
	    !atomic_compare_exchange_strong(&known->record, &before, tag | PENDING))
		return;
	index = segment_writer_claim(SEGMENT_MODULES, 1);
	if (index == UINT64_MAX) {
		COUNT(dropped_modules);
		index = SEGMENT_NONE;
	} else {
		fill_record((struct segment_module *)segment_writer_region(SEGMENT_MODULES) + index,
			    known);
	}
	atomic_store(&known->record, tag | index);
	publish_state(known);
}

/* ---- life and death of modules --------------------------------------- */

static void move_state(struct known_module *known, uint32_t state)
{
	uint32_t before = atomic_load(&known->state);

	while (before != MODULE_BURIED &&
	       !atomic_compare_exchange_weak(&known->state, &before, state))
		;
}

static void cover_unloaded(const struct module *module)
{
	uintptr_t start = atomic_load(&unloaded_start);
	uintptr_t end = atomic_load(&unloaded_end);

	while (module->start < start &&
	       !atomic_compare_exchange_weak(&unloaded_start, &start, module->start))
		;
	while (module->end > end && !atomic_compare_exchange_weak(&unloaded_end, &end, module->end))
		;
}

/* The object is gone from memory. */
static void unload(struct known_module *known)
{
	atomic_store(&known->settled, 0);
	atomic_store(&known->unloaded_ns, clock_now_ns());
	cover_unloaded(&known->module);
	move_state(known, MODULE_UNLOADED);
	publish_state(known);
	/* Pairs with module_table_generation(): who sees the new generation
	 * finds the module no more. */
	atomic_fetch_add_explicit(&module_table_unloads, 1, memory_order_release);
}

/* The same object is at the same place again. */
static void revive(struct known_module *known)
{
	if (atomic_load(&known->state) == MODULE_LOADED)
		return;
	atomic_store(&known->unloaded_ns, 0);
	move_state(known, MODULE_LOADED);
	publish_state(known);
}

/* Something else was seen in its place: from the next epoch on its addresses
 * are not its own. */
static void bury(struct known_module *known, uint32_t last_epoch)
{
	uint32_t unset = UINT32_MAX;

	if (atomic_load(&known->state) == MODULE_LOADED)
		unload(known); /* its unloading was not seen */
	atomic_compare_exchange_strong(&known->last_epoch, &unset, last_epoch);
	move_state(known, MODULE_BURIED);
	publish_state(known);
}

static bool contains(const struct known_module *known, uintptr_t ip)
{
	return ip - known->module.start < known->module.end - known->module.start;
}

/* The epoch of an address that is in no module now: above that of every module
 * that was there before. A module that is still loaded can be there too, around
 * a gap between its segments. */
static uint32_t epoch_outside_modules(uintptr_t ip)
{
	uint32_t least = 0;

	if (ip < atomic_load_explicit(&unloaded_start, memory_order_relaxed) ||
	    ip >= atomic_load_explicit(&unloaded_end, memory_order_relaxed))
		return 0;
	for (struct known_module *known = atomic_load(&modules); known; known = known->next) {
		if (!contains(known, ip) || atomic_load(&known->state) == MODULE_LOADED)
			continue;
		if (atomic_load(&known->state) != MODULE_BURIED)
			bury(known, atomic_fetch_add(&epoch, 1));
		const uint32_t after = atomic_load(&known->last_epoch) + 1;
		if (after > least)
			least = after;
	}
	return least;
}

static void bury_overlapped(const struct known_module *by)
{
	for (struct known_module *known = atomic_load(&modules); known; known = known->next)
		if (known != by && known->first_epoch < by->first_epoch &&
		    known->module.start < by->module.end && by->module.start < known->module.end &&
		    atomic_load(&known->state) != MODULE_BURIED)
			bury(known, by->first_epoch - 1);
}

/* ---- what an object is ----------------------------------------------- */

static uintptr_t start_of(const struct dl_find_object *object)
{
	return (uintptr_t)object->dlfo_map_start & ~PAGE_MASK;
}

static uintptr_t end_of(const struct dl_find_object *object)
{
	return ((uintptr_t)object->dlfo_map_end + PAGE_MASK) & ~PAGE_MASK;
}

static void describe(const struct dl_find_object *object, struct module_path_scratch *scratch,
		     struct module *module)
{
	module->start = start_of(object);
	module->end = end_of(object);
	module->load_bias = object->dlfo_link_map->l_addr;
	module->eh_frame_hdr = object->dlfo_eh_frame;
	module->path = module_path_find(object->dlfo_link_map, module->start, scratch);
	elf_image_read(module->start, module->end, module->load_bias, &module->image);
	if (module->image.build_id_size == 0)
		module->file_stamp = module_path_stamp(module->path);
}

/* Is it the same object in the same place? Without build ids, as far as the file's
 * inode and times tell. */
static bool is_same(const struct module *a, const struct module *b)
{
	return a->start == b->start && a->end == b->end && a->eh_frame_hdr == b->eh_frame_hdr &&
	       a->image.build_id_size == b->image.build_id_size &&
	       memcmp(a->image.build_id, b->image.build_id, a->image.build_id_size) == 0 &&
	       (a->image.build_id_size > 0 || a->file_stamp != 0) &&
	       a->file_stamp == b->file_stamp && strcmp(a->path, b->path) == 0;
}

static uint32_t bucket_of(uintptr_t key)
{
	return (key * UINT64_C(0x9e3779b97f4a7c15)) >> 56;
}

_Static_assert(BUCKETS == 256, "bucket_of() gives 8 bits");

/* A copy of `described` to keep, or NULL. */
static struct known_module *keep(const struct module *described)
{
	const size_t path_size = strlen(described->path) + 1;
	struct known_module *known;
	char *path;

	if (atomic_fetch_add(&module_count, 1) >= MAX_MODULES) {
		atomic_fetch_sub(&module_count, 1);
		COUNT(dropped_modules);
		return NULL;
	}
	known = private_memory_alloc(sizeof(*known));
	path = private_memory_alloc(path_size);
	if (!known || !path)
		return NULL;
	memcpy(path, described->path, path_size);
	known->module = *described;
	known->module.path = path;
	known->loaded_ns = clock_now_ns();
	atomic_init(&known->last_epoch, UINT32_MAX);
	return known;
}

/* The known module that this is, among those of its bucket before `until`. */
static struct known_module *find_same(struct known_module *from, const struct known_module *until,
				      const struct module *described)
{
	for (struct known_module *known = from; known != until; known = known->next_of_bucket)
		if (atomic_load(&known->state) != MODULE_BURIED &&
		    is_same(&known->module, described))
			return known;
	return NULL;
}

/* What was compiled for the same object when it was here before, buried since, or
 * NULL: plugins that take turns at one address must not cost a table each time. */
static void *unwind_of_twin(const struct known_module *from, const struct module *described)
{
	for (const struct known_module *known = from; known; known = known->next_of_bucket)
		if (is_same(&known->module, described))
			return atomic_load_explicit(&known->module.unwind, memory_order_acquire);
	return NULL;
}

static void add_to_list(struct known_module *known)
{
	known->next = atomic_load(&modules);
	while (!atomic_compare_exchange_weak(&modules, &known->next, known))
		;
}

/* The module for an object that has a new link_map: one that comes back, or a
 * new one. NULL: no space. */
static struct known_module *identify(const struct module *described)
{
	static _Atomic uint32_t last_serial;
	_Atomic(struct known_module *) *bucket = &modules_by_start[bucket_of(described->start)];
	struct known_module *head = atomic_load(bucket);
	struct known_module *known = find_same(head, NULL, described);

	if (known) {
		revive(known);
		return known;
	}
	known = keep(described);
	if (!known)
		return NULL;
	known->module.serial = atomic_fetch_add(&last_serial, 1) + 1;
	atomic_init(&known->module.unwind, unwind_of_twin(head, described));
	known->first_epoch = atomic_fetch_add(&epoch, 1) + 1;
	known->next_of_bucket = head;
	while (!atomic_compare_exchange_weak(bucket, &head, known)) {
		/* Another thread may have added the same module meanwhile. */
		struct known_module *other = find_same(head, known->next_of_bucket, described);

		if (other)
			return other;
		known->next_of_bucket = head;
	}
	add_to_list(known);
	bury_overlapped(known);
	return known;
}

static struct loading *find_loading(const struct link_map *map)
{
	struct loading *loading = atomic_load(&loadings[bucket_of((uintptr_t)map)]);

	while (loading && loading->link_map != map)
		loading = loading->next;
	return loading;
}

/* The loading of a link_map; made when it is a new one. NULL: no memory. */
static struct loading *make_loading(const struct link_map *map)
{
	_Atomic(struct loading *) *bucket = &loadings[bucket_of((uintptr_t)map)];
	struct loading *loading = find_loading(map);
	struct loading *fresh;

	if (loading)
		return loading;
	fresh = private_memory_alloc(sizeof(*fresh));
	if (!fresh)
		return NULL;
	fresh->link_map = map;
	fresh->next = atomic_load(bucket);
	while (!atomic_compare_exchange_weak(bucket, &fresh->next, fresh)) {
		/* Another thread may have added the same one meanwhile. */
		loading = find_loading(map);
		if (loading)
			return loading;
	}
	return fresh;
}

/* First sight of an object, or of another one in its place. The scratch memory
 * is not on the stack: of that there may be little. */
static __attribute__((noinline)) struct known_module *learn(const struct dl_find_object *object)
{
	struct loading *loading = make_loading(object->dlfo_link_map);
	struct module_path_scratch *scratch = private_memory_map(sizeof(*scratch));
	struct known_module *known = NULL;
	struct module described = {0};

	if (loading && scratch) {
		describe(object, scratch, &described);
		known = identify(&described);
		if (known && !atomic_exchange(&loading->module, known))
			free_filter_add(loading->link_map);
	}
	if (scratch)
		private_memory_unmap(scratch, sizeof(*scratch));
	return known;
}

/* Does the module stand where the dynamic linker says the object is? */
static bool matches(const struct known_module *known, const struct dl_find_object *object)
{
	return known->module.start == start_of(object) && known->module.end == end_of(object) &&
	       known->module.eh_frame_hdr == object->dlfo_eh_frame &&
	       atomic_load(&known->state) == MODULE_LOADED;
}

/* As _dl_find_object(); but of an executable with gaps between its segments,
 * that gives only the one that holds `ip`, and this gives all of it. */
static bool find_object(uintptr_t ip, struct dl_find_object *object)
{
	uintptr_t start, end;

	if (_dl_find_object((void *)ip, object) != 0)
		return false;
	if (elf_image_find_executable(object->dlfo_link_map->l_addr, &start, &end) && ip >= start &&
	    ip < end) {
		object->dlfo_map_start = (void *)start;
		object->dlfo_map_end = (void *)end;
	}
	return true;
}

static struct known_module *look_up(uintptr_t ip)
{
	_Atomic(struct known_module *) *at_hand = &recent[(ip >> PAGE_SHIFT) % RECENT_PAGES];
	struct known_module *known = atomic_load_explicit(at_hand, memory_order_acquire);
	struct dl_find_object object;

	if (known && contains(known, ip) &&
	    atomic_load_explicit(&known->state, memory_order_acquire) == MODULE_LOADED)
		return known;
	if (!find_object(ip, &object))
		return NULL;
	const struct loading *loading = find_loading(object.dlfo_link_map);
	known = loading ? atomic_load(&loading->module) : NULL;
	if (!known || !matches(known, &object))
		known = learn(&object);
	if (known)
		atomic_store_explicit(at_hand, known, memory_order_release);
	return known;
}

/* ---- public ---------------------------------------------------------- */

struct module *module_table_find(uintptr_t ip)
{
	struct known_module *known = look_up(ip);

	return known ? &known->module : NULL;
}

/* The module of `ip`, recorded; NULL when it is in none. */
static __attribute__((noinline)) struct known_module *settle(uintptr_t ip, uint32_t number)
{
	struct known_module *known = look_up(ip);

	if (known) {
		record_module(known, number);
		atomic_store(&known->settled, number);
	}
	return known;
}

uint32_t module_table_record(const uint64_t *frames, unsigned depth)
{
	const uint32_t number = atomic_load_explicit(&segment_number, memory_order_acquire);
	const struct known_module *known = NULL;
	uint32_t highest = 0;

	for (unsigned i = 0; i < depth; i++) {
		const uintptr_t ip = frames[i] - 1;

		if (known && contains(known, ip))
			continue;
		known = atomic_load_explicit(&recent[(ip >> PAGE_SHIFT) % RECENT_PAGES],
					     memory_order_acquire);
		if (!known || !contains(known, ip) ||
		    atomic_load_explicit(&known->settled, memory_order_relaxed) != number)
			known = settle(ip, number);
		const uint32_t least = known ? known->first_epoch : epoch_outside_modules(ip);
		if (least > highest)
			highest = least;
	}
	return highest;
}

void module_table_on_free(const void *block)
{
	struct loading *loading = find_loading(block);
	struct known_module *known = loading ? atomic_exchange(&loading->module, NULL) : NULL;

	if (!known)
		return;
	free_filter_remove(block);
	unload(known);
}

void module_table_new_segment(void)
{
	atomic_fetch_add(&segment_number, 1);
}

void module_table_refill_filter(void)
{
	for (int i = 0; i < BUCKETS; i++)
		for (struct loading *loading = atomic_load(&loadings[i]); loading;
		     loading = loading->next)
			if (atomic_load(&loading->module))
				free_filter_add(loading->link_map);
}
