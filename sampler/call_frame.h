/*
 * Call frame instructions: what the entry of a function in .eh_frame says about
 * each stretch of its code (DWARF 5, section 6.4.2).
 *
 * Keeps to what a stack walk needs: the CFA, the frame pointer and the return
 * address. Other registers are read over, and a CFA that depends on one of them
 * is unknown.
 *
 * Context: inside malloc, on little stack; no state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_CALL_FRAME_H
#define SAMPLER_CALL_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "sampler/eh_frame.h"
#include "sampler/unwind_rule.h"

/* Compilers nest one; a second is rare. */
#define CALL_FRAME_REMEMBERED 4

/* What the instructions have said so far. The caller's storage, because the
 * stack may be short. */
struct call_frame_machine {
	struct unwind_rule now;
	struct unwind_rule initial; /* after the CIE's instructions */
	struct unwind_rule remembered[CALL_FRAME_REMEMBERED];
	unsigned remembered_count;
	uintptr_t location;
	struct byte_cursor cursor; /* in the list that is being run */
};

/*
 * Calls row(context, start, rule) for each stretch of code with one rule, in
 * the order of the instructions, ascending. False when they are damaged; rows that
 * were given until then are not to be used. What *machine holds does not matter.
 */
bool call_frame_rows(const struct eh_frame_function *function, struct call_frame_machine *machine,
		     void (*row)(void *context, uintptr_t start, const struct unwind_rule *rule),
		     void *context);

#endif
