/*
 * Reading .eh_frame: the entry of one function (FDE) and the rules that its
 * call frame instructions describe. The format is that of the Linux Standard
 * Base, core generic, section 10.6, and DWARF 5, section 6.4.
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

#include "sampler/unwind_rule.h"

/* Readable bytes: [start, end). */
struct eh_frame_bytes {
	const uint8_t *start, *end;
};

/* An FDE with what its CIE says about it. */
struct eh_frame_function {
	uintptr_t start, end; /* code addresses */
	struct eh_frame_bytes initial, instructions;
	uint64_t code_align;
	int64_t data_align;
	uint8_t pointer_encoding;
	bool is_signal_frame;
};

/* Compilers nest one; a second is rare. */
#define EH_FRAME_REMEMBERED 4

/* What the instructions have said so far. The caller's storage, because the
 * stack may be short. */
struct eh_frame_machine {
	struct unwind_rule now;
	struct unwind_rule initial; /* after the CIE's instructions */
	struct unwind_rule remembered[EH_FRAME_REMEMBERED];
	unsigned remembered_count;
	uintptr_t location;
};

/*
 * Reads the FDE at `fde`. False when it is not one or damaged. *next, if
 * wanted, becomes the start of the entry after it, or NULL at the end, whatever
 * kind of entry this is.
 */
bool eh_frame_read_function(const struct eh_frame_bytes *bytes, const uint8_t *fde,
			    struct eh_frame_function *function, const uint8_t **next);

/*
 * Calls row(context, start, rule) for each stretch of code with one rule, in
 * the order of the instructions, ascending. False when they are damaged; rows that
 * were given until then are not to be used. What *machine holds does not matter.
 */
bool eh_frame_rows(const struct eh_frame_function *function, struct eh_frame_machine *machine,
		   void (*row)(void *context, uintptr_t start, const struct unwind_rule *rule),
		   void *context);

/* Reads a pointer as .eh_frame encodes it (DW_EH_PE_*), relative to its place
 * or to `data`. *p moves behind it. False when it cannot be read. */
bool eh_frame_read_pointer(const struct eh_frame_bytes *bytes, const uint8_t **p, uint8_t encoding,
			   uintptr_t data, uintptr_t *value);

#endif
