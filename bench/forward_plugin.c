/*
 * A preload that only forwards malloc and free: what being preloaded costs at
 * the least.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>

void *malloc(size_t size);
void free(void *block);

static void *(*real_malloc)(size_t);
static void (*real_free)(void *);

static __attribute__((constructor)) void resolve(void)
{
	real_malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
	real_free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
}

void *malloc(size_t size)
{
	if (!real_malloc)
		resolve();
	return real_malloc(size);
}

void free(void *block)
{
	if (!real_free)
		resolve();
	real_free(block);
}
