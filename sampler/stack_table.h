/*
 * The distinct stacks, interned: a stack is stored once and named by its index
 * in SEGMENT_STACKS. Stacks are never removed.
 *
 * Context: inside malloc, guarded against re-entry by the caller.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_STACK_TABLE_H
#define SAMPLER_STACK_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sampler/segment_layout.h"

/* Makes the private index for this process's new segment, and the overflow
 * stack. False when there is no memory for it. Not thread-safe. */
bool stack_table_new_segment(void);

/* A captured stack: return addresses, innermost first. */
struct stack_table_key {
	const uint64_t *frames;
	uint32_t module_epoch;
	uint16_t depth;
	uint16_t flags; /* enum segment_stack_flag */
};

/*
 * The index of the stack, added when it is new. SEGMENT_OVERFLOW_STACK when
 * there is no space for it.
 */
uint32_t stack_table_intern(const struct stack_table_key *key);

/* The record of a stack that stack_table_intern() named. */
struct segment_stack *stack_table_record(uint32_t stack);

/* Bytes of the private index that are in use, about. */
size_t stack_table_index_bytes(void);

/* Whether more than that part of the table's records, or of the space for their
 * frames, is in use. */
bool stack_table_is_fuller_than(unsigned percent);

#endif
