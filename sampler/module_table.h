/*
 * The loaded objects of the process: found by address without the loader's
 * lock, remembered with their build id, and written to the segment when a stack
 * first names them, so that addresses can be named after the process is gone.
 *
 * Context: inside malloc, in any thread, in signal handlers; lock-free. Never
 * calls dl_iterate_phdr, dladdr or dlsym.
 *
 * How unloading is noticed: the dynamic linker frees an object's link_map with
 * the program's free() when it unloads it. The table puts the link_map of every
 * module it knows into the free filter, and sampler_on_free() hands each address
 * it gets to module_table_on_free(). So a known module is valid until
 * module_table_generation() moves, and nothing need be checked per frame.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_MODULE_TABLE_H
#define SAMPLER_MODULE_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sampler/elf_image.h"

/* An object as it was mapped. Lives as long as the process, also when the object
 * is unloaded; the unwinder hangs its compiled table on it. */
struct module {
	uintptr_t start, end; /* mapped range, page aligned */
	uintptr_t load_bias;
	const void *eh_frame_hdr; /* in memory, or NULL */
	const char *path;	  /* private copy; "" when unknown */
	struct elf_image image;
	uint64_t file_stamp;	/* of a file without a build id, else 0 */
	uint32_t serial;	/* 1, 2, ...: never reused, not even for the same address */
	_Atomic(void *) unwind; /* owned by unwind_table.c */
};

/*
 * The module that holds `ip` now, or NULL (JIT code, no module, table full).
 * A library unloaded and another one loaded in its place is another struct
 * module with another serial; the same library (path and build id) loaded again
 * at the same address is the same struct module.
 */
struct module *module_table_find(uintptr_t ip);

extern _Atomic uint32_t module_table_unloads __attribute__((visibility("hidden")));

/* Moves when a known module was unloaded. Whatever was remembered per
 * instruction address under another generation is to be forgotten. */
static inline uint32_t module_table_generation(void)
{
	return atomic_load_explicit(&module_table_unloads, memory_order_acquire);
}

/*
 * Makes sure that the modules of these frames (return addresses of a stack that
 * is still running) are in the segment, and returns the module epoch under which
 * they are to be understood. Cheap enough for every sample: about a nanosecond
 * per frame when everything is known.
 *
 * The epoch depends on nothing but the modules, so equal stacks get equal epochs,
 * and the same addresses get another one when they belong to another module (or
 * to JIT code) now: the key of a stack is its frames and its epoch. A module's
 * first_epoch is a number of its own; the epoch of a stack is the largest of its
 * modules. JIT code counts 0, or more where modules were before.
 */
uint32_t module_table_record(const uint64_t *frames, unsigned depth);

/* The program frees `block`, which the free filter may contain. */
void module_table_on_free(const void *block);

/* The segment of this process is a new one (first use, or a forked child):
 * nothing is recorded in it yet. */
void module_table_new_segment(void);

/* The free filter was cleared: puts the known link_maps into it again. Only where
 * no other thread can run. */
void module_table_refill_filter(void);

#endif
