/*
 * A library that is loaded, allocates, and is unloaded while its blocks live on.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

void *site_plugin(size_t size);

__attribute__((noinline)) void *site_plugin(size_t size)
{
	void *volatile block = malloc(size);

	return block;
}
