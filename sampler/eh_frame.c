/*
 * A reader of .eh_frame that keeps to what a stack walk needs: the rules for
 * the CFA, the frame pointer and the return address. Other registers are read
 * over, and a CFA that depends on one of them is unknown.
 *
 * Context: inside malloc, on little stack; no state.
 * Invariant: a cursor never passes its end; after a failed read it is bad and
 * all later reads give 0.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/eh_frame.h"

#include <stddef.h>
#include <string.h>

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

enum instruction {
	CFA_NOP = 0x00,
	CFA_SET_LOC = 0x01,
	CFA_ADVANCE_LOC1 = 0x02,
	CFA_ADVANCE_LOC2 = 0x03,
	CFA_ADVANCE_LOC4 = 0x04,
	CFA_OFFSET_EXTENDED = 0x05,
	CFA_RESTORE_EXTENDED = 0x06,
	CFA_UNDEFINED = 0x07,
	CFA_SAME_VALUE = 0x08,
	CFA_REGISTER = 0x09,
	CFA_REMEMBER_STATE = 0x0a,
	CFA_RESTORE_STATE = 0x0b,
	CFA_DEF_CFA = 0x0c,
	CFA_DEF_CFA_REGISTER = 0x0d,
	CFA_DEF_CFA_OFFSET = 0x0e,
	CFA_DEF_CFA_EXPRESSION = 0x0f,
	CFA_EXPRESSION = 0x10,
	CFA_OFFSET_EXTENDED_SF = 0x11,
	CFA_DEF_CFA_SF = 0x12,
	CFA_DEF_CFA_OFFSET_SF = 0x13,
	CFA_VAL_OFFSET = 0x14,
	CFA_VAL_OFFSET_SF = 0x15,
	CFA_VAL_EXPRESSION = 0x16,
	CFA_WINDOW_SAVE = 0x2d, /* on aarch64: the return address is signed from here on */
	CFA_ARGS_SIZE = 0x2e,
	CFA_NEGATIVE_OFFSET_EXTENDED = 0x2f,
	CFA_ADVANCE_LOC = 0x40,
	CFA_OFFSET = 0x80,
	CFA_RESTORE = 0xc0,
	CFA_HIGH_BITS = 0xc0,
};

enum operation {
	OP_DEREF = 0x06,
	OP_PLUS_UCONST = 0x23,
	OP_BREG0 = 0x70,
	OP_BREG31 = 0x8f,
};

/* Rarely called, and not to take part of the stack of what is. */
#define COLD __attribute__((noinline, cold))

struct cursor {
	const uint8_t *p, *end;
	bool bad;
};

static void fail(struct cursor *c)
{
	c->bad = true;
	c->p = c->end;
}

/* `size` little-endian bytes; both architectures are. */
static uint64_t read_bytes(struct cursor *c, size_t size)
{
	uint64_t value = 0;

	if ((size_t)(c->end - c->p) < size) {
		fail(c);
		return 0;
	}
	memcpy(&value, c->p, size);
	c->p += size;
	return value;
}

static uint64_t read_uleb(struct cursor *c)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		const uint64_t byte = read_bytes(c, 1);

		value |= (byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	fail(c);
	return 0;
}

static int64_t read_sleb(struct cursor *c)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		const uint64_t byte = read_bytes(c, 1);

		value |= (byte & 0x7f) << shift;
		if (byte & 0x80)
			continue;
		if (byte & 0x40 && shift + 7 < 64)
			value |= UINT64_MAX << (shift + 7);
		return (int64_t)value;
	}
	fail(c);
	return 0;
}

static COLD struct cursor read_block(struct cursor *c)
{
	const uint64_t size = read_uleb(c);
	struct cursor block = {c->p, c->p, false};

	if (size > (uint64_t)(c->end - c->p)) {
		fail(c);
		return block;
	}
	c->p += size;
	block.end = c->p;
	return block;
}

static uint64_t read_encoded_number(struct cursor *c, uint8_t encoding)
{
	switch (encoding & PE_FORMAT) {
	case PE_ABSPTR:
	case PE_UDATA8:
	case PE_SDATA8:
		return read_bytes(c, 8);
	case PE_UDATA2:
		return read_bytes(c, 2);
	case PE_UDATA4:
		return read_bytes(c, 4);
	case PE_SDATA2:
		return (uint64_t)(int16_t)read_bytes(c, 2);
	case PE_SDATA4:
		return (uint64_t)(int32_t)read_bytes(c, 4);
	default:
		fail(c);
		return 0;
	}
}

static uintptr_t read_pointer(struct cursor *c, uint8_t encoding, uintptr_t data)
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
		fail(c);
		return 0;
	}
}

bool eh_frame_read_pointer(const struct eh_frame_bytes *bytes, const uint8_t **p, uint8_t encoding,
			   uintptr_t data, uintptr_t *value)
{
	struct cursor c = {*p, bytes->end, *p < bytes->start || *p > bytes->end};

	if (c.bad)
		return false;
	*value = read_pointer(&c, encoding, data);
	*p = c.p;
	return !c.bad;
}

/* The body of the entry at `p`, or a bad cursor; at the terminator and behind
 * the last byte too. */
static struct cursor open_entry(const struct eh_frame_bytes *bytes, const uint8_t *p)
{
	struct cursor c = {p, bytes->end, false};

	if (p < bytes->start || p > bytes->end) {
		fail(&c);
		return c;
	}

	uint64_t length = read_bytes(&c, 4);

	if (length == UINT32_MAX)
		length = read_bytes(&c, 8);
	if (length == 0 || length > (uint64_t)(c.end - c.p))
		fail(&c);
	else
		c.end = c.p + length;
	return c;
}

static void read_augmentation(struct cursor *c, const char *letters, struct eh_frame_function *f)
{
	struct cursor data = read_block(c);

	for (; *letters && !data.bad; letters++) {
		switch (*letters) {
		case 'R':
			f->pointer_encoding = read_bytes(&data, 1);
			break;
		case 'P': {
			const uint8_t encoding = read_bytes(&data, 1);

			read_encoded_number(&data, encoding);
			break;
		}
		case 'L':
			read_bytes(&data, 1);
			break;
		case 'S':
			f->is_signal_frame = true;
			break;
		case 'B': /* aarch64: the return address is signed with key B */
			break;
		default:
			fail(c);
			return;
		}
	}
	if (data.bad)
		fail(c);
}

/* Returns whether the FDEs of this CIE have augmentation data, in *augmented. */
static bool read_cie(const struct eh_frame_bytes *bytes, const uint8_t *cie,
		     struct eh_frame_function *f, bool *augmented)
{
	struct cursor c = open_entry(bytes, cie);

	if (read_bytes(&c, 4) != 0)
		return false; /* an FDE */

	const uint8_t version = read_bytes(&c, 1);
	const char *letters = (const char *)c.p;

	while (read_bytes(&c, 1) != 0)
		;
	if (c.bad || (version != 1 && version != 3))
		return false;
	f->code_align = read_uleb(&c);
	f->data_align = read_sleb(&c);

	const uint64_t return_register = version == 1 ? read_bytes(&c, 1) : read_uleb(&c);

	*augmented = *letters == 'z';
	if (*augmented)
		read_augmentation(&c, letters + 1, f);
	else if (*letters)
		return false;
	f->initial = (struct eh_frame_bytes){c.p, c.end};
	return !c.bad && return_register == STACK_ARCH_DWARF_RA;
}

bool eh_frame_read_function(const struct eh_frame_bytes *bytes, const uint8_t *fde,
			    struct eh_frame_function *function, const uint8_t **next)
{
	struct cursor c = open_entry(bytes, fde);
	const uint8_t *place = c.p;
	bool augmented;

	if (next)
		*next = c.bad ? NULL : c.end;

	const uint64_t cie_distance = read_bytes(&c, 4);

	if (c.bad || cie_distance == 0 || cie_distance > (uint64_t)(place - bytes->start))
		return false;
	*function = (struct eh_frame_function){.pointer_encoding = PE_ABSPTR};
	if (!read_cie(bytes, place - cie_distance, function, &augmented))
		return false;
	function->start = read_pointer(&c, function->pointer_encoding, 0);
	function->end =
		function->start + read_encoded_number(&c, function->pointer_encoding & PE_FORMAT);
	if (augmented)
		read_block(&c);
	function->instructions = (struct eh_frame_bytes){c.p, c.end};
	return !c.bad && function->start < function->end;
}

static int32_t small(struct cursor *c, int64_t value)
{
	if (value < INT32_MIN || value > INT32_MAX)
		fail(c);
	return (int32_t)value;
}

/* Unsigned numbers above INT64_MAX are too large as well. */
static int32_t read_small(struct cursor *c)
{
	const uint64_t value = read_uleb(c);

	return small(c, value > INT32_MAX ? INT64_MAX : (int64_t)value);
}

/* Products wrap instead of overflowing; small() finds out. */
static int64_t scaled(uint64_t factor, const struct eh_frame_function *f)
{
	return (int64_t)(factor * (uint64_t)f->data_align);
}

static void define_cfa_register(struct unwind_rule *rule, uint64_t reg)
{
	rule->cfa = reg == STACK_ARCH_DWARF_SP	 ? UNWIND_CFA_SP
		    : reg == STACK_ARCH_DWARF_FP ? UNWIND_CFA_FP
						 : UNWIND_CFA_UNKNOWN;
	rule->cfa_addend = 0;
}

/* Reads "register + offset"; false when it is another operation or register. */
static bool read_register_offset(struct cursor *c, uint8_t *reg, int32_t *offset)
{
	const uint8_t operation = read_bytes(c, 1);

	if (operation < OP_BREG0 || operation > OP_BREG31)
		return false;
	*reg = operation - OP_BREG0;
	*offset = small(c, read_sleb(c));
	return !c->bad && (*reg == STACK_ARCH_DWARF_SP || *reg == STACK_ARCH_DWARF_FP);
}

/* The expression that linkers write for a PLT on x86-64: sp + 8, and 8 more
 * once the entry has pushed its number, which is told by the address. */
static bool is_plt_expression(const struct cursor *c)
{
	static const uint8_t plt[] = {0x77, 0x08, 0x80, 0x00, 0x3f, 0x1a,
				      0x3b, 0x2a, 0x33, 0x24, 0x22};

	return STACK_ARCH_DWARF_SP == 7 && c->end - c->p == sizeof(plt) &&
	       memcmp(c->p, plt, sizeof(plt)) == 0;
}

/* The forms found in practice: register + offset, dereferenced or not, and a
 * constant added (realigned stacks, signal frames, hand-written assembly). */
static COLD void define_cfa_expression(struct unwind_rule *rule, struct cursor *instructions)
{
	struct cursor c = read_block(instructions);
	uint8_t reg;

	rule->cfa = UNWIND_CFA_UNKNOWN;
	rule->cfa_addend = 0;
	if (is_plt_expression(&c)) {
		rule->cfa = UNWIND_CFA_PLT;
		return;
	}
	if (!read_register_offset(&c, &reg, &rule->cfa_offset))
		return;

	const bool of_sp = reg == STACK_ARCH_DWARF_SP;
	uint8_t cfa = of_sp ? UNWIND_CFA_SP : UNWIND_CFA_FP;

	if (c.p < c.end) {
		if (read_bytes(&c, 1) != OP_DEREF)
			return;
		cfa = of_sp ? UNWIND_CFA_AT_SP : UNWIND_CFA_AT_FP;
		if (c.p < c.end) {
			if (read_bytes(&c, 1) != OP_PLUS_UCONST)
				return;
			rule->cfa_addend = read_small(&c);
		}
	}
	if (!c.bad && c.p == c.end)
		rule->cfa = cfa;
}

static void set_register(struct unwind_rule *rule, uint64_t reg, uint8_t where, int32_t offset)
{
	if (reg == STACK_ARCH_DWARF_FP) {
		rule->fp = where;
		rule->fp_offset = offset;
	} else if (reg == STACK_ARCH_DWARF_RA) {
		rule->ra = where;
		rule->ra_offset = offset;
	}
}

static COLD void set_register_expression(struct unwind_rule *rule, uint64_t reg,
					 struct cursor *instructions)
{
	struct cursor c = read_block(instructions);
	uint8_t base;
	int32_t offset;

	if (read_register_offset(&c, &base, &offset) && c.p == c.end)
		set_register(rule, reg, base == STACK_ARCH_DWARF_SP ? UNWIND_AT_SP : UNWIND_AT_FP,
			     offset);
	else
		set_register(rule, reg, UNWIND_LOST, 0);
}

static void restore_register(struct eh_frame_machine *m, uint64_t reg)
{
	if (reg == STACK_ARCH_DWARF_FP)
		set_register(&m->now, reg, m->initial.fp, m->initial.fp_offset);
	else
		set_register(&m->now, reg, m->initial.ra, m->initial.ra_offset);
}

/* The instructions that set one register's rule. */
static bool run_register_instruction(struct eh_frame_machine *m, struct cursor *c, uint8_t code,
				     const struct eh_frame_function *f)
{
	struct unwind_rule *now = &m->now;
	const uint64_t reg = read_uleb(c);

	switch (code) {
	case CFA_OFFSET_EXTENDED:
		set_register(now, reg, UNWIND_AT_CFA, small(c, scaled(read_uleb(c), f)));
		return true;
	case CFA_OFFSET_EXTENDED_SF:
		set_register(now, reg, UNWIND_AT_CFA, small(c, scaled((uint64_t)read_sleb(c), f)));
		return true;
	case CFA_NEGATIVE_OFFSET_EXTENDED:
		set_register(now, reg, UNWIND_AT_CFA, small(c, scaled(-read_uleb(c), f)));
		return true;
	case CFA_RESTORE_EXTENDED:
		restore_register(m, reg);
		return true;
	case CFA_UNDEFINED:
		set_register(now, reg, UNWIND_UNDEFINED, 0);
		return true;
	case CFA_SAME_VALUE:
		set_register(now, reg, UNWIND_SAME, 0);
		return true;
	case CFA_REGISTER:
	case CFA_VAL_OFFSET:
	case CFA_VAL_OFFSET_SF:
		read_uleb(c);
		set_register(now, reg, UNWIND_LOST, 0);
		return true;
	case CFA_EXPRESSION:
		set_register_expression(now, reg, c);
		return true;
	case CFA_VAL_EXPRESSION:
		read_block(c);
		set_register(now, reg, UNWIND_LOST, 0);
		return true;
	default:
		return false;
	}
}

/* The instructions that set the CFA's rule. */
static bool run_cfa_instruction(struct eh_frame_machine *m, struct cursor *c, uint8_t code,
				const struct eh_frame_function *f)
{
	struct unwind_rule *now = &m->now;

	switch (code) {
	case CFA_DEF_CFA:
		define_cfa_register(now, read_uleb(c));
		now->cfa_offset = read_small(c);
		return true;
	case CFA_DEF_CFA_SF:
		define_cfa_register(now, read_uleb(c));
		now->cfa_offset = small(c, scaled((uint64_t)read_sleb(c), f));
		return true;
	case CFA_DEF_CFA_REGISTER:
		define_cfa_register(now, read_uleb(c));
		return true;
	case CFA_DEF_CFA_OFFSET:
		now->cfa_offset = read_small(c);
		return true;
	case CFA_DEF_CFA_OFFSET_SF:
		now->cfa_offset = small(c, scaled((uint64_t)read_sleb(c), f));
		return true;
	case CFA_DEF_CFA_EXPRESSION:
		define_cfa_expression(now, c);
		return true;
	default:
		return false;
	}
}

static bool run_state_instruction(struct eh_frame_machine *m, struct cursor *c, uint8_t code)
{
	switch (code) {
	case CFA_NOP:
	case CFA_WINDOW_SAVE:
		return true;
	case CFA_ARGS_SIZE:
		read_uleb(c);
		return true;
	case CFA_REMEMBER_STATE:
		if (m->remembered_count == EH_FRAME_REMEMBERED)
			return false;
		m->remembered[m->remembered_count++] = m->now;
		return true;
	case CFA_RESTORE_STATE:
		if (m->remembered_count == 0)
			return false;
		m->now = m->remembered[--m->remembered_count];
		return true;
	default:
		return false;
	}
}

/* Where the next row starts, when `code` begins one; else 0. */
static uintptr_t next_location(const struct eh_frame_machine *m, struct cursor *c, uint8_t code,
			       const struct eh_frame_function *f)
{
	if ((code & CFA_HIGH_BITS) == CFA_ADVANCE_LOC)
		return m->location + (code & 0x3f) * f->code_align;
	switch (code) {
	case CFA_SET_LOC:
		return read_pointer(c, f->pointer_encoding, 0);
	case CFA_ADVANCE_LOC1:
		return m->location + read_bytes(c, 1) * f->code_align;
	case CFA_ADVANCE_LOC2:
		return m->location + read_bytes(c, 2) * f->code_align;
	case CFA_ADVANCE_LOC4:
		return m->location + read_bytes(c, 4) * f->code_align;
	default:
		return 0;
	}
}

static bool run_one(struct eh_frame_machine *m, struct cursor *c, uint8_t code,
		    const struct eh_frame_function *f)
{
	switch (code & CFA_HIGH_BITS) {
	case CFA_OFFSET:
		set_register(&m->now, code & 0x3f, UNWIND_AT_CFA,
			     small(c, scaled(read_uleb(c), f)));
		return true;
	case CFA_RESTORE:
		restore_register(m, code & 0x3f);
		return true;
	default:
		break;
	}
	if (run_state_instruction(m, c, code) || run_cfa_instruction(m, c, code, f))
		return true;
	return run_register_instruction(m, c, code, f);
}

/* Runs a list of instructions; gives a row to `row`, unless it is NULL, for
 * each stretch that the list ends by moving the location. */
static bool run(struct eh_frame_machine *m, const struct eh_frame_bytes *list,
		const struct eh_frame_function *f,
		void (*row)(void *context, uintptr_t start, const struct unwind_rule *rule),
		void *context)
{
	struct cursor c = {list->start, list->end, false};

	while (c.p < c.end) {
		const uint8_t code = read_bytes(&c, 1);
		const uintptr_t next = next_location(m, &c, code, f);

		if (next) {
			if (next < m->location || c.bad)
				return false;
			if (next > m->location && row)
				row(context, m->location, &m->now);
			m->location = next;
		} else if (!run_one(m, &c, code, f)) {
			return false;
		}
	}
	return !c.bad;
}

bool eh_frame_rows(const struct eh_frame_function *function, struct eh_frame_machine *machine,
		   void (*row)(void *context, uintptr_t start, const struct unwind_rule *rule),
		   void *context)
{
	memset(machine, 0, sizeof(*machine));
	machine->location = function->start;
	if (!run(machine, &function->initial, function, NULL, NULL))
		return false;
	machine->now.signal = function->is_signal_frame;
	machine->initial = machine->now;
	machine->location = function->start;
	if (!run(machine, &function->instructions, function, row, context))
		return false;
	if (machine->location < function->end)
		row(context, machine->location, &machine->now);
	return true;
}
