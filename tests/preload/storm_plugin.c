/*
 * A library that allocates while the loader holds its lock, to be opened and
 * closed again and again.
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
