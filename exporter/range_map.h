/*
 * Address ranges that may nest and overlap, and the search for those that
 * hold an address. 24 bytes per range, so that an index of every function of a
 * 100 MB binary stays small.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_RANGE_MAP_H
#define EXPORTER_RANGE_MAP_H

#include <stddef.h>
#include <stdint.h>

struct range {
	uint64_t start;
	uint32_t size; /* longer ranges are cut to UINT32_MAX */
	uint32_t id;
};

/* All zero is an empty map. */
struct range_map {
	struct range *ranges;
	uint64_t *furthest; /* the largest end of ranges [0 .. i], once sorted */
	size_t count, capacity;
};

/* Adds [start, end); empty ranges are left out. 0 or -ENOMEM. */
int range_map_add(struct range_map *map, uint64_t start, uint64_t end, uint32_t id);

/* Sorts by start, then by id. To be called between the last add and the
 * first search, and after ranges were cut. 0 or -ENOMEM. */
int range_map_sort(struct range_map *map);

/*
 * Walks through the ranges that hold `address`, from the one that starts last
 * to the one that starts first: *position is SIZE_MAX at first. NULL at the end.
 */
const struct range *range_map_next(const struct range_map *map, uint64_t address, size_t *position);

void range_map_fini(struct range_map *map);

#endif
