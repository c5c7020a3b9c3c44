/*
 * A plugin that allocates. The red and the blue one have code of the same size
 * in the same places, so the dynamic linker puts one where the other one was; but
 * their frames have different sizes, so an unwinder must know which it is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

static void *red_keep(size_t size);

void *keep(size_t size)
{
	void *volatile block = red_keep(size);

	return block;
}

static __attribute__((noinline)) void *red_keep(size_t size)
{
	volatile char frame[256];
	void *volatile block = malloc(size);

	frame[0] = 1;
	(void)frame[0];
	return block;
}
