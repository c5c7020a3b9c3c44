/*
 * Raising and lowering the cells of the free filter.
 *
 * Context: any thread, signal handlers; lock-free.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/free_filter.h"

#define STUCK 255 /* a cell that came this far no longer knows its count */

uint8_t free_filter_cells[FREE_FILTER_CELLS];

static void move_cell(const void *block, int step)
{
	uint8_t *cell = &free_filter_cells[free_filter_cell(block)];
	uint8_t before = __atomic_load_n(cell, __ATOMIC_RELAXED);

	while (before != STUCK && !__atomic_compare_exchange_n(cell, &before, before + step, true,
							       __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

void free_filter_add(const void *block)
{
	move_cell(block, 1);
}

void free_filter_remove(const void *block)
{
	move_cell(block, -1);
}

void free_filter_add_for_good(const void *block)
{
	__atomic_store_n(&free_filter_cells[free_filter_cell(block)], STUCK, __ATOMIC_RELAXED);
}

void free_filter_clear(void)
{
	for (unsigned i = 0; i < FREE_FILTER_CELLS; i++)
		if (free_filter_cells[i] != STUCK)
			free_filter_cells[i] = 0;
}
