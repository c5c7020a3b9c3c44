/*
 * Two generations. What is found in the old one moves to the young one; when that
 * has grown to half of the bound, the old one is thrown away and takes its place.
 *
 * Invariant: the two together take no more than the bound, but for one entry.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/symbol_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/key_map.h"
#include "exporter/string_table.h"

/* What an entry takes beside its strings: it, its place in the map, and slack. */
#define ENTRY_BYTES 128

struct names {
	uint32_t function, system_name; /* in the generation's strings; 0: no name */
};

struct generation {
	struct key_map known; /* (address, build id) -> names */
	struct names *names;
	size_t count, capacity;
	struct string_table strings; /* [0] is "" */
	size_t bytes;
};

struct symbol_cache {
	pthread_mutex_t lock;
	size_t bytes_max;
	struct generation young, old; /* guarded by the lock */
};

struct symbol_cache *symbol_cache_new(size_t bytes)
{
	struct symbol_cache *const cache = calloc(1, sizeof(*cache));

	if (!cache)
		return NULL;
	pthread_mutex_init(&cache->lock, NULL);
	cache->bytes_max = bytes;
	return cache;
}

static void clear(struct generation *generation)
{
	key_map_fini(&generation->known);
	string_table_fini(&generation->strings);
	free(generation->names);
	*generation = (struct generation){0};
}

void symbol_cache_free(struct symbol_cache *cache)
{
	if (!cache)
		return;
	clear(&cache->young);
	clear(&cache->old);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

/* Build ids are hashes already; they only must fit. */
static uint64_t key_of(const struct snapshot_module *module)
{
	uint64_t key = module->build_id_size;

	for (uint32_t i = 0; i < module->build_id_size; i++)
		key = (key ^ module->build_id[i]) * UINT64_C(0x100000001b3);
	return key;
}

static uint32_t add_string(struct generation *generation, const char *text)
{
	const size_t before = generation->strings.count;
	uint32_t index = 0;

	if (string_table_add(&generation->strings, text, &index) != 0)
		return 0;
	if (generation->strings.count > before)
		generation->bytes += strlen(text) + ENTRY_BYTES / 2;
	return index;
}

static bool has_room(struct generation *generation)
{
	const size_t wanted = generation->capacity ? 2 * generation->capacity : 256;
	struct names *bigger;

	if (generation->count < generation->capacity)
		return true;
	bigger = reallocarray(generation->names, wanted, sizeof(*bigger));
	if (!bigger)
		return false;
	generation->names = bigger;
	generation->capacity = wanted;
	return true;
}

static void insert(struct symbol_cache *cache, uint64_t address, uint64_t key, const char *function,
		   const char *system_name)
{
	struct generation *const young = &cache->young;

	if (young->bytes >= cache->bytes_max / 2) {
		clear(&cache->old);
		cache->old = *young;
		*young = (struct generation){0};
	}
	add_string(young, "");
	if (!has_room(young) ||
	    key_map_insert(&young->known, address, key, (uint32_t)young->count) != 0)
		return;
	young->names[young->count++] = (struct names){
		.function = add_string(young, function),
		.system_name = add_string(young, system_name),
	};
	young->bytes += ENTRY_BYTES;
}

/* Where the address is known, or NULL. */
static const struct names *find(const struct generation *generation, uint64_t address, uint64_t key)
{
	const uint32_t *const known = key_map_find(&generation->known, address, key);

	return known ? &generation->names[*known] : NULL;
}

bool symbol_cache_find(struct symbol_cache *cache, const struct snapshot_module *module,
		       uint64_t elf_address,
		       void (*found)(void *context, const char *function, const char *system_name),
		       void *context)
{
	const uint64_t key = key_of(module);
	const struct generation *generation = &cache->young;
	const struct names *names;

	pthread_mutex_lock(&cache->lock);
	names = find(generation, elf_address, key);
	if (!names) {
		generation = &cache->old;
		names = find(generation, elf_address, key);
	}
	if (names) {
		const char *const function = generation->strings.strings[names->function];
		const char *const system_name = generation->strings.strings[names->system_name];

		if (names->function != 0)
			found(context, function, system_name);
		/* The young generation only becomes the old one when it has grown far
		 * beyond one entry, so the strings are still there to be copied. */
		if (generation == &cache->old && cache->young.bytes < cache->bytes_max / 2)
			insert(cache, elf_address, key, function, system_name);
	}
	pthread_mutex_unlock(&cache->lock);
	return names != NULL;
}

void symbol_cache_add(struct symbol_cache *cache, const struct snapshot_module *module,
		      uint64_t elf_address, const struct symbols_line *line)
{
	pthread_mutex_lock(&cache->lock);
	insert(cache, elf_address, key_of(module), line ? line->function : "",
	       line ? line->system_name : "");
	pthread_mutex_unlock(&cache->lock);
}

size_t symbol_cache_bytes(struct symbol_cache *cache)
{
	size_t bytes;

	pthread_mutex_lock(&cache->lock);
	bytes = cache->young.bytes + cache->old.bytes;
	pthread_mutex_unlock(&cache->lock);
	return bytes;
}
