/*
 * Reads the entries of .eh_frame. What the instructions in them say is for
 * call_frame.c.
 *
 * Context: inside malloc, on little stack; no state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/eh_frame.h"

#include <stddef.h>

#include "sampler/stack_arch.h"

enum pointer_encoding {
	PE_ABSPTR = 0x00,
	PE_UDATA2 = 0x02,
	PE_UDATA4 = 0x03,
	PE_UDATA8 = 0x04,
	PE_SDATA2 = 0x0a,
	PE_SDATA4 = 0x0b,
	PE_SDATA8 = 0x0c,
	PE_FORMAT = 0x0f,
	PE_PCREL = 0x10,
	PE_DATAREL = 0x30,
	PE_RELATIVE = 0x70,
	PE_INDIRECT = 0x80,
};

static uint64_t read_encoded_number(struct byte_cursor *c, uint8_t encoding)
{
	switch (encoding & PE_FORMAT) {
	case PE_ABSPTR:
	case PE_UDATA8:
	case PE_SDATA8:
		return byte_cursor_read(c, 8);
	case PE_UDATA2:
		return byte_cursor_read(c, 2);
	case PE_UDATA4:
		return byte_cursor_read(c, 4);
	case PE_SDATA2:
		return (uint64_t)(int16_t)byte_cursor_read(c, 2);
	case PE_SDATA4:
		return (uint64_t)(int32_t)byte_cursor_read(c, 4);
	default:
		byte_cursor_fail(c);
		return 0;
	}
}

uintptr_t eh_frame_read_pointer(struct byte_cursor *c, uint8_t encoding, uintptr_t data)
{
	const uintptr_t place = (uintptr_t)c->p;
	const uintptr_t number = read_encoded_number(c, encoding);

	switch (encoding & (PE_RELATIVE | PE_INDIRECT)) {
	case 0:
		return number;
	case PE_PCREL:
		return place + number;
	case PE_DATAREL:
		return data + number;
	default:
		byte_cursor_fail(c);
		return 0;
	}
}

/* Sets the cursor to the body of the entry at `p`, or makes it bad; at the
 * terminator and behind the last byte too. */
static void open_entry(struct byte_cursor *c, const struct eh_frame_bytes *bytes, const uint8_t *p)
{
	uint64_t length;

	*c = (struct byte_cursor){p, bytes->end, false};
	if (p < bytes->start || p > bytes->end) {
		byte_cursor_fail(c);
		return;
	}
	length = byte_cursor_read(c, 4);
	if (length == UINT32_MAX)
		length = byte_cursor_read(c, 8);
	if (length == 0 || length > (uint64_t)(c->end - c->p))
		byte_cursor_fail(c);
	else
		c->end = c->p + length;
}

static void read_augmentation(struct byte_cursor *c, const char *letters,
			      struct eh_frame_function *f)
{
	struct byte_cursor data = byte_cursor_read_block(c);

	for (; *letters && !data.bad; letters++) {
		switch (*letters) {
		case 'R':
			f->pointer_encoding = byte_cursor_read(&data, 1);
			break;
		case 'P': {
			const uint8_t encoding = byte_cursor_read(&data, 1);

			read_encoded_number(&data, encoding);
			break;
		}
		case 'L':
			byte_cursor_read(&data, 1);
			break;
		case 'S':
			f->is_signal_frame = true;
			break;
		case 'B': /* aarch64: the return address is signed with key B */
			break;
		default:
			byte_cursor_fail(c);
			return;
		}
	}
	if (data.bad)
		byte_cursor_fail(c);
}

/* Returns whether the FDEs of this CIE have augmentation data, in *augmented. */
static bool read_cie(const struct eh_frame_bytes *bytes, const uint8_t *cie,
		     struct eh_frame_function *f, bool *augmented)
{
	struct byte_cursor *c = &f->initial;

	open_entry(c, bytes, cie);
	if (byte_cursor_read(c, 4) != 0)
		return false; /* an FDE */

	const uint8_t version = byte_cursor_read(c, 1);
	const char *letters = (const char *)c->p;

	while (byte_cursor_read(c, 1) != 0)
		;
	if (c->bad || (version != 1 && version != 3))
		return false;
	f->code_align = byte_cursor_read_uleb(c);
	f->data_align = byte_cursor_read_sleb(c);

	const uint64_t return_register =
		version == 1 ? byte_cursor_read(c, 1) : byte_cursor_read_uleb(c);

	*augmented = *letters == 'z';
	if (*augmented)
		read_augmentation(c, letters + 1, f);
	else if (*letters)
		return false;
	return !c->bad && return_register == STACK_ARCH_DWARF_RA;
}

bool eh_frame_read_function(const struct eh_frame_bytes *bytes, const uint8_t *fde,
			    struct eh_frame_function *function)
{
	struct byte_cursor *c = &function->instructions;
	bool augmented;

	function->pointer_encoding = PE_ABSPTR;
	function->is_signal_frame = false;
	open_entry(c, bytes, fde);

	const uint8_t *place = c->p;
	const uint64_t cie_distance = byte_cursor_read(c, 4);

	if (c->bad || cie_distance == 0 || cie_distance > (uint64_t)(place - bytes->start) ||
	    !read_cie(bytes, place - cie_distance, function, &augmented))
		return false;
	function->start = eh_frame_read_pointer(c, function->pointer_encoding, 0);
	function->end =
		function->start + read_encoded_number(c, function->pointer_encoding & PE_FORMAT);
	if (augmented)
		byte_cursor_read_block(c);
	return !c->bad && function->start < function->end;
}
