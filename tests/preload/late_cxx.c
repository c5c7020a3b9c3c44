/*
 * A C program that opens a C++ library: there is no C++ runtime at its start.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "tests/preload/own_segment.h"

int main(int argc, char **argv)
{
	CHECK_EQUAL(argc, 3);
	void *plugin = dlopen(argv[2], RTLD_NOW | RTLD_LOCAL);

	CHECK(plugin);
	CHECK(dlsym(RTLD_DEFAULT, "__cxa_throw") == NULL);
	if (strcmp(argv[1], "exceptions_pass") == 0) {
		int (*throws)(void) = (int (*)(void))dlsym(plugin, "throws_bad_alloc");

		CHECK_EQUAL(throws(), 1);
		return 0;
	}
	int (*new_and_delete)(int) = (int (*)(int))dlsym(plugin, "new_and_delete");
	void *(*take)(size_t) = (void *(*)(size_t))dlsym(plugin, "take");

	free(malloc(1));
	const struct own_counts before = own_counts();

	CHECK_EQUAL(new_and_delete(100), 0);
	CHECK_EQUAL(own_counts().samples, before.samples + 400);
	CHECK_EQUAL(own_counts().frees, before.frees + 400);
	CHECK_EQUAL(own_counts().live, before.live);

	void *block = take(54321);

	CHECK_EQUAL(own_live_blocks(54321), 1);
	free(block);
	CHECK_EQUAL(own_live_blocks(54321), 0);
	return 0;
}
