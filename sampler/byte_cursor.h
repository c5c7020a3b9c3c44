/*
 * Reading bytes that may be damaged: a cursor that never passes its end.
 *
 * Context: any; no state but the cursor's.
 * Invariant: p is never behind end. After a failed read the cursor is bad, at
 * its end, and all later reads give 0.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_BYTE_CURSOR_H
#define SAMPLER_BYTE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct byte_cursor {
	const uint8_t *p, *end;
	bool bad;
};

static inline void byte_cursor_fail(struct byte_cursor *c)
{
	c->bad = true;
	c->p = c->end;
}

/* A number of up to 8 bytes, little endian as both architectures are. Inline, so
 * that for a constant size it is one instruction. */
static inline uint64_t byte_cursor_read(struct byte_cursor *c, size_t size)
{
	uint64_t value = 0;

	if ((size_t)(c->end - c->p) < size) {
		byte_cursor_fail(c);
		return 0;
	}
	memcpy(&value, c->p, size);
	c->p += size;
	return value;
}

/* Numbers of as many bytes as they need (DWARF 5, section 7.6). */
uint64_t byte_cursor_read_uleb(struct byte_cursor *c);
int64_t byte_cursor_read_sleb(struct byte_cursor *c);

/* A block: its length, then its bytes. Empty when it is longer than what is there. */
struct byte_cursor byte_cursor_read_block(struct byte_cursor *c);

#endif
