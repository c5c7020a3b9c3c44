/*
 * Open addressing with linear probing, kept at most two thirds full. Nothing
 * is ever removed.
 *
 * Invariant: capacity is 0 or a power of two, and at least one entry is unused.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/key_map.h"

#include <errno.h>
#include <stdlib.h>

/* Every bit of the keys reaches the high half of a product by an odd number. */
static uint64_t hash(uint64_t first, uint64_t second)
{
	uint64_t mixed = (first ^ (first >> 32)) * UINT64_C(0x9e3779b97f4a7c15);

	mixed ^= (second ^ (mixed >> 29)) * UINT64_C(0xbf58476d1ce4e5b9);
	return mixed ^ (mixed >> 32);
}

/* The entry of the pair, or the unused one where it would go. */
static struct key_map_entry *slot(const struct key_map *map, uint64_t first, uint64_t second)
{
	size_t i = hash(first, second) & (map->capacity - 1);

	while (map->entries[i].used &&
	       (map->entries[i].first != first || map->entries[i].second != second))
		i = (i + 1) & (map->capacity - 1);
	return &map->entries[i];
}

uint32_t *key_map_find(const struct key_map *map, uint64_t first, uint64_t second)
{
	struct key_map_entry *entry;

	if (map->capacity == 0)
		return NULL;
	entry = slot(map, first, second);
	return entry->used ? &entry->value : NULL;
}

static int grow(struct key_map *map)
{
	struct key_map bigger = {.capacity = map->capacity ? 2 * map->capacity : 64};

	bigger.entries = calloc(bigger.capacity, sizeof(*bigger.entries));
	if (!bigger.entries)
		return -ENOMEM;
	for (size_t i = 0; i < map->capacity; i++) {
		const struct key_map_entry *entry = &map->entries[i];

		if (entry->used)
			*slot(&bigger, entry->first, entry->second) = *entry;
	}
	bigger.count = map->count;
	free(map->entries);
	*map = bigger;
	return 0;
}

int key_map_insert(struct key_map *map, uint64_t first, uint64_t second, uint32_t value)
{
	if (3 * (map->count + 1) > 2 * map->capacity) {
		const int status = grow(map);

		if (status < 0)
			return status;
	}
	*slot(map, first, second) = (struct key_map_entry){first, second, value, true};
	map->count++;
	return 0;
}

void key_map_fini(struct key_map *map)
{
	free(map->entries);
	*map = (struct key_map){0};
}
