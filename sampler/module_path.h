/*
 * The path of a loaded object: what the dynamic linker calls it, made
 * absolute, so that it can still be found when the process is gone.
 *
 * Context: inside malloc, any thread, signal handlers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_MODULE_PATH_H
#define SAMPLER_MODULE_PATH_H

#include <link.h>
#include <stdint.h>

/* What module_path_find() needs: it lives on stacks that may be short. */
struct module_path_scratch {
	char path[4096];
	char text[4096];
};

/* The path of the object mapped at `start`, "[vdso]", or "" when unknown; valid
 * as long as the link_map and the scratch are. */
const char *module_path_find(const struct link_map *map, uintptr_t start,
			     struct module_path_scratch *scratch);

/* A number that changes when there is another file at the path or the file is
 * written to; 0 when there is none. */
uint64_t module_path_stamp(const char *path);

#endif
