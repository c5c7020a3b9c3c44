/*
 * The reads that are more than a comparison.
 *
 * Context: inside malloc, on little stack; no state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/byte_cursor.h"

uint64_t byte_cursor_read_uleb(struct byte_cursor *c)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		const uint64_t byte = byte_cursor_read(c, 1);

		value |= (byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	byte_cursor_fail(c);
	return 0;
}

int64_t byte_cursor_read_sleb(struct byte_cursor *c)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		const uint64_t byte = byte_cursor_read(c, 1);

		value |= (byte & 0x7f) << shift;
		if (byte & 0x80)
			continue;
		if (byte & 0x40 && shift + 7 < 64)
			value |= UINT64_MAX << (shift + 7);
		return (int64_t)value;
	}
	byte_cursor_fail(c);
	return 0;
}

struct byte_cursor byte_cursor_read_block(struct byte_cursor *c)
{
	const uint64_t size = byte_cursor_read_uleb(c);
	struct byte_cursor block = {c->p, c->p, false};

	if (size > (uint64_t)(c->end - c->p)) {
		byte_cursor_fail(c);
		return block;
	}
	c->p += size;
	block.end = c->p;
	return block;
}
