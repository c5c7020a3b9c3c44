/*
 * A hash table from pairs of 64-bit keys to indices, for building tables
 * without duplicates.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_KEY_MAP_H
#define EXPORTER_KEY_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct key_map_entry {
	uint64_t first, second;
	uint32_t value;
	bool used;
};

/* All zero is an empty map. */
struct key_map {
	struct key_map_entry *entries;
	size_t capacity; /* a power of two, or 0 */
	size_t count;
};

/* The value of the pair, or NULL; valid until the next insertion. */
uint32_t *key_map_find(const struct key_map *map, uint64_t first, uint64_t second);

/* Adds a pair that is not there yet. 0 or -ENOMEM. */
int key_map_insert(struct key_map *map, uint64_t first, uint64_t second, uint32_t value);

void key_map_fini(struct key_map *map);

#endif
