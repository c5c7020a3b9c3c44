/*
 * Loads two libraries in turn and allocates in frames below theirs. Prints how
 * often one was loaded exactly where the other one had been.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static __attribute__((noinline)) void allocate(void)
{
	free(malloc(100));
}

static void *load_and_call(const char *path)
{
	void *library = dlopen(path, RTLD_NOW);
	void (*call_back)(void (*)(void)) = NULL;

	if (library)
		*(void **)&call_back = dlsym(library, "call_back");
	if (!call_back)
		abort();
	call_back(allocate);
	dlclose(library);
	return *(void **)&call_back;
}

int main(int argc, char **argv)
{
	int same_place = 0;

	if (argc != 3)
		return 2;
	for (int i = 0; i < 100; i++)
		same_place += load_and_call(argv[1]) == load_and_call(argv[2]);
	printf("%d\n", same_place);
	return 0;
}
