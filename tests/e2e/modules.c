/*
 * Opens and closes plugins and lets them allocate.
 *
 * usage: modules turns COUNT RED BLUE   opens them in turn, in the same place
 *        modules jit RED                puts code of no module in its place
 *        modules all PLUGIN...          opens all of them
 *        modules storm COUNT PLUGIN...  four threads open and close them
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BLOCK_SIZE 1000
#define THREADS 4

typedef void *keep_function(size_t);

static int failed(const char *what)
{
	fprintf(stderr, "modules: %s\n", what);
	return 1;
}

static keep_function *open_plugin(const char *path, void **handle)
{
	*handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	return *handle ? (keep_function *)dlsym(*handle, "keep") : NULL;
}

static __attribute__((noinline)) int turns(int count, char **plugins)
{
	keep_function *place = NULL;

	for (int i = 0; i < 2 * count; i++) {
		void *handle;
		keep_function *keep = open_plugin(plugins[i % 2], &handle);

		if (!keep)
			return failed(dlerror());
		if (place && keep != place)
			return failed("the plugins are in different places");
		place = keep;
		keep(BLOCK_SIZE);
		dlclose(handle);
	}
	return 0;
}

/* Calls the plugin's code, then a copy of it that is in no module at the same
 * address, then the plugin again. */
static int jit(const char *plugin)
{
	static unsigned char copy[16 * 4096];
	struct dl_find_object object;
	void *handle;
	keep_function *keep = open_plugin(plugin, &handle);

	if (!keep)
		return failed(dlerror());
	keep(BLOCK_SIZE);
	if (_dl_find_object((void *)keep, &object) != 0)
		return failed("the plugin is not found");
	void *start = object.dlfo_map_start;
	const size_t size = (size_t)((char *)object.dlfo_map_end - (char *)start);
	if (size > sizeof(copy))
		return failed("the plugin is too large");
	memcpy(copy, start, size);
	dlclose(handle);
	void *code = mmap(start, size, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (code != start)
		return failed("the place is taken");
	memcpy(code, copy, size);
	keep(BLOCK_SIZE);
	munmap(code, size);
	if (open_plugin(plugin, &handle) != keep)
		return failed("the plugin is in another place");
	keep(BLOCK_SIZE);
	return 0;
}

static int all(int count, char **plugins)
{
	for (int i = 0; i < count; i++) {
		void *handle;
		keep_function *keep = open_plugin(plugins[i], &handle);

		if (!keep)
			return failed(dlerror());
		keep(BLOCK_SIZE);
	}
	return 0;
}

struct storm {
	int rounds, count;
	char **plugins;
	unsigned seed;
};

static void *storm(void *argument)
{
	struct storm *of = argument;

	for (int i = 0; i < of->rounds; i++) {
		void *handle;
		/* Each plugin as often as the others, in an order of the thread's own. */
		const int n = (i + (int)of->seed) % of->count;
		keep_function *keep = open_plugin(of->plugins[n], &handle);

		if (!keep)
			return (void *)1;
		free(keep(BLOCK_SIZE));
		dlclose(handle);
	}
	return NULL;
}

static int storms(int rounds, int count, char **plugins)
{
	struct storm storms[THREADS];
	pthread_t threads[THREADS];
	void *result, *any = NULL;

	for (unsigned i = 0; i < THREADS; i++) {
		storms[i] = (struct storm){rounds, count, plugins, i};
		pthread_create(&threads[i], NULL, storm, &storms[i]);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &result);
		any = result ? result : any;
	}
	return any ? failed("a plugin could not be opened") : 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "turns") == 0)
		return turns(atoi(argv[2]), argv + 3);
	if (argc == 3 && strcmp(argv[1], "jit") == 0)
		return jit(argv[2]);
	if (argc > 2 && strcmp(argv[1], "all") == 0)
		return all(argc - 2, argv + 2);
	if (argc > 3 && strcmp(argv[1], "storm") == 0)
		return storms(atoi(argv[2]), argc - 3, argv + 3);
	return failed("wrong arguments");
}
