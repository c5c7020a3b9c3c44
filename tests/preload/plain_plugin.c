/*
 * A library that allocates while the loader holds its lock, and on demand.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

static void *kept;

static __attribute__((constructor)) void begin(void)
{
	kept = malloc(500);
}

static __attribute__((destructor)) void end(void)
{
	free(kept);
}

void *take(size_t size)
{
	return malloc(size);
}

void give_back(void *block)
{
	free(block);
}
