/*
 * The loaded objects of the process: found by address without the loader's
 * lock, remembered with their build id, and written to the segment when a stack
 * first names them, so that addresses can be named after the process is gone.
 *
 * Context: inside malloc; never calls dl_iterate_phdr, dladdr or dlsym.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_MODULE_TABLE_H
#define SAMPLER_MODULE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

/* An object as it is mapped now. Lives as long as the process; the unwinder
 * hangs its compiled table on it. */
struct module {
	uintptr_t start, end; /* mapped range */
	uintptr_t load_bias;
	uintptr_t text_start, text_end; /* first executable segment */
	uint64_t text_offset;
	const void *eh_frame_hdr; /* in memory, or NULL */
	const void *link_map;	  /* identity, with start and build id; may dangle */
	const char *path;	  /* private copy; "" when unknown */
	uint8_t build_id[32];
	uint32_t build_id_size;
	uint32_t serial;	   /* 1, 2, ...: never reused, not even for the same address */
	_Atomic uint32_t segment_index; /* record in this process's segment, or SEGMENT_NONE */
	_Atomic(void *) unwind;	   /* owned by unwind_table.c */
};

/*
 * The module that holds `ip` now, or NULL (JIT code, no module, table full,
 * or another thread is adding it at this moment). Lock-free for known modules.
 * A library unloaded and another one loaded in its place is noticed here: the
 * new one is another struct module with another serial.
 */
struct module *module_table_find(uintptr_t ip);

/*
 * Makes sure that the modules of these frames are in the segment and returns
 * the module epoch under which the frames are to be understood: it moves when
 * an address range that was recorded before belongs to another module now.
 */
uint32_t module_table_record(const uint64_t *frames, unsigned depth);

/* The segment of this process is a new one (first use, or a forked child):
 * nothing is recorded in it yet; locks held by vanished threads are forgotten. */
void module_table_new_segment(void);

#endif
