/*
 * Reading .eh_frame: the entry of one function (FDE) and what it shares with
 * others (CIE). The format is that of the Linux Standard Base, core generic,
 * section 10.6.
 *
 * Believes nothing: the bytes may be damaged or made up. Every read is checked
 * against the range they were given with, and what cannot be understood makes
 * the function unusable, not the process.
 *
 * Context: inside malloc, on little stack; no state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_EH_FRAME_H
#define SAMPLER_EH_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "sampler/byte_cursor.h"

/* Readable bytes: [start, end). */
struct eh_frame_bytes {
	const uint8_t *start, *end;
};

/* An FDE with what its CIE says about it. The cursors are at the instructions. */
struct eh_frame_function {
	uintptr_t start, end; /* code addresses */
	struct byte_cursor initial, instructions;
	uint64_t code_align;
	int64_t data_align;
	uint8_t pointer_encoding;
	bool is_signal_frame;
};

/* Reads the FDE at `fde`; false when it is not one or damaged. */
bool eh_frame_read_function(const struct eh_frame_bytes *bytes, const uint8_t *fde,
			    struct eh_frame_function *function);

/* Reads a pointer as .eh_frame encodes it (DW_EH_PE_*), relative to its place or
 * to `data`. */
uintptr_t eh_frame_read_pointer(struct byte_cursor *c, uint8_t encoding, uintptr_t data);

#endif
