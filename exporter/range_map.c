/*
 * A sorted array. Walking back from an address stops where no earlier range
 * reaches it, which the running maximum of the ends tells.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/range_map.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_CAPACITY 256

int range_map_add(struct range_map *map, uint64_t start, uint64_t end, uint32_t id)
{
	if (end <= start)
		return 0;
	if (map->count == map->capacity) {
		const size_t capacity = map->capacity ? 2 * map->capacity : FIRST_CAPACITY;
		struct range *ranges = reallocarray(map->ranges, capacity, sizeof(*ranges));

		if (!ranges)
			return -ENOMEM;
		map->ranges = ranges;
		map->capacity = capacity;
	}
	map->ranges[map->count++] = (struct range){
		.start = start,
		.size = end - start < UINT32_MAX ? (uint32_t)(end - start) : UINT32_MAX,
		.id = id,
	};
	return 0;
}

static int compare(const void *left, const void *right)
{
	const struct range *a = left, *b = right;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

/* Gives back what doubling took in advance; failing to is no error. */
static void shrink(struct range_map *map)
{
	struct range *ranges = reallocarray(map->ranges, map->count, sizeof(*ranges));

	if (ranges) {
		map->ranges = ranges;
		map->capacity = map->count;
	}
}

int range_map_sort(struct range_map *map)
{
	uint64_t furthest = 0;

	if (map->count == 0)
		return 0;
	shrink(map);
	free(map->furthest);
	map->furthest = reallocarray(NULL, map->count, sizeof(*map->furthest));
	if (!map->furthest)
		return -ENOMEM;
	qsort(map->ranges, map->count, sizeof(*map->ranges), compare);
	for (size_t i = 0; i < map->count; i++) {
		const uint64_t end = map->ranges[i].start + map->ranges[i].size;

		if (end > furthest)
			furthest = end;
		map->furthest[i] = furthest;
	}
	return 0;
}

/* How many ranges start at or before the address. */
static size_t count_before(const struct range_map *map, uint64_t address)
{
	size_t low = 0, high = map->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (map->ranges[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct range *range_map_next(const struct range_map *map, uint64_t address, size_t *position)
{
	size_t i = *position == SIZE_MAX ? count_before(map, address) : *position;

	while (i-- > 0 && map->furthest[i] > address) {
		const struct range *range = &map->ranges[i];

		if (address - range->start < range->size) {
			*position = i;
			return range;
		}
	}
	*position = 0;
	return NULL;
}

void range_map_fini(struct range_map *map)
{
	free(map->ranges);
	free(map->furthest);
	*map = (struct range_map){0};
}
