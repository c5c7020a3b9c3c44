/*
 * The machine that runs call frame instructions.
 *
 * Context: inside malloc, on little stack; no state but the machine's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/call_frame.h"

#include <stddef.h>
#include <string.h>

#include "sampler/byte_cursor.h"
#include "sampler/stack_arch.h"

/* Rarely called, and not to take part of the stack of what is. */
#define COLD __attribute__((noinline, cold))

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

static int32_t small(struct byte_cursor *c, int64_t value)
{
	if (value < INT32_MIN || value > INT32_MAX)
		byte_cursor_fail(c);
	return (int32_t)value;
}

/* Unsigned numbers above INT64_MAX are too large as well. */
static int32_t read_small(struct byte_cursor *c)
{
	const uint64_t value = byte_cursor_read_uleb(c);

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
static bool read_register_offset(struct byte_cursor *c, uint8_t *reg, int32_t *offset)
{
	const uint8_t operation = byte_cursor_read(c, 1);

	if (operation < OP_BREG0 || operation > OP_BREG31)
		return false;
	*reg = operation - OP_BREG0;
	*offset = small(c, byte_cursor_read_sleb(c));
	return !c->bad && (*reg == STACK_ARCH_DWARF_SP || *reg == STACK_ARCH_DWARF_FP);
}

/* The expression that linkers write for a PLT on x86-64: sp + 8, and 8 more
 * once the entry has pushed its number, which is told by the address. */
static bool is_plt_expression(const struct byte_cursor *c)
{
	static const uint8_t plt[] = {0x77, 0x08, 0x80, 0x00, 0x3f, 0x1a,
				      0x3b, 0x2a, 0x33, 0x24, 0x22};

	return STACK_ARCH_DWARF_SP == 7 && c->end - c->p == sizeof(plt) &&
	       memcmp(c->p, plt, sizeof(plt)) == 0;
}

/* The forms found in practice: register + offset, dereferenced or not, and a
 * constant added (realigned stacks, signal frames, hand-written assembly). */
static COLD void define_cfa_expression(struct unwind_rule *rule, struct byte_cursor *instructions)
{
	struct byte_cursor c = byte_cursor_read_block(instructions);
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
		if (byte_cursor_read(&c, 1) != OP_DEREF)
			return;
		cfa = of_sp ? UNWIND_CFA_AT_SP : UNWIND_CFA_AT_FP;
		if (c.p < c.end) {
			if (byte_cursor_read(&c, 1) != OP_PLUS_UCONST)
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
					 struct byte_cursor *instructions)
{
	struct byte_cursor c = byte_cursor_read_block(instructions);
	uint8_t base;
	int32_t offset;

	if (read_register_offset(&c, &base, &offset) && c.p == c.end)
		set_register(rule, reg, base == STACK_ARCH_DWARF_SP ? UNWIND_AT_SP : UNWIND_AT_FP,
			     offset);
	else
		set_register(rule, reg, UNWIND_LOST, 0);
}

static void restore_register(struct call_frame_machine *m, uint64_t reg)
{
	if (reg == STACK_ARCH_DWARF_FP)
		set_register(&m->now, reg, m->initial.fp, m->initial.fp_offset);
	else
		set_register(&m->now, reg, m->initial.ra, m->initial.ra_offset);
}

/* The instructions that set one register's rule. */
static bool run_register_instruction(struct call_frame_machine *m, struct byte_cursor *c,
				     uint8_t code, const struct eh_frame_function *f)
{
	struct unwind_rule *now = &m->now;
	const uint64_t reg = byte_cursor_read_uleb(c);

	switch (code) {
	case CFA_OFFSET_EXTENDED:
		set_register(now, reg, UNWIND_AT_CFA,
			     small(c, scaled(byte_cursor_read_uleb(c), f)));
		return true;
	case CFA_OFFSET_EXTENDED_SF:
		set_register(now, reg, UNWIND_AT_CFA,
			     small(c, scaled((uint64_t)byte_cursor_read_sleb(c), f)));
		return true;
	case CFA_NEGATIVE_OFFSET_EXTENDED:
		set_register(now, reg, UNWIND_AT_CFA,
			     small(c, scaled(-byte_cursor_read_uleb(c), f)));
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
		byte_cursor_read_uleb(c);
		set_register(now, reg, UNWIND_LOST, 0);
		return true;
	case CFA_EXPRESSION:
		set_register_expression(now, reg, c);
		return true;
	case CFA_VAL_EXPRESSION:
		byte_cursor_read_block(c);
		set_register(now, reg, UNWIND_LOST, 0);
		return true;
	default:
		return false;
	}
}

/* The instructions that set the CFA's rule. */
static bool run_cfa_instruction(struct call_frame_machine *m, struct byte_cursor *c, uint8_t code,
				const struct eh_frame_function *f)
{
	struct unwind_rule *now = &m->now;

	switch (code) {
	case CFA_DEF_CFA:
		define_cfa_register(now, byte_cursor_read_uleb(c));
		now->cfa_offset = read_small(c);
		return true;
	case CFA_DEF_CFA_SF:
		define_cfa_register(now, byte_cursor_read_uleb(c));
		now->cfa_offset = small(c, scaled((uint64_t)byte_cursor_read_sleb(c), f));
		return true;
	case CFA_DEF_CFA_REGISTER:
		define_cfa_register(now, byte_cursor_read_uleb(c));
		return true;
	case CFA_DEF_CFA_OFFSET:
		now->cfa_offset = read_small(c);
		return true;
	case CFA_DEF_CFA_OFFSET_SF:
		now->cfa_offset = small(c, scaled((uint64_t)byte_cursor_read_sleb(c), f));
		return true;
	case CFA_DEF_CFA_EXPRESSION:
		define_cfa_expression(now, c);
		return true;
	default:
		return false;
	}
}

static bool run_state_instruction(struct call_frame_machine *m, struct byte_cursor *c, uint8_t code)
{
	switch (code) {
	case CFA_NOP:
	case CFA_WINDOW_SAVE:
		return true;
	case CFA_ARGS_SIZE:
		byte_cursor_read_uleb(c);
		return true;
	case CFA_REMEMBER_STATE:
		if (m->remembered_count == CALL_FRAME_REMEMBERED)
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
static uintptr_t next_location(const struct call_frame_machine *m, struct byte_cursor *c,
			       uint8_t code, const struct eh_frame_function *f)
{
	if ((code & CFA_HIGH_BITS) == CFA_ADVANCE_LOC)
		return m->location + (code & 0x3f) * f->code_align;
	switch (code) {
	case CFA_SET_LOC:
		return eh_frame_read_pointer(c, f->pointer_encoding, 0);
	case CFA_ADVANCE_LOC1:
		return m->location + byte_cursor_read(c, 1) * f->code_align;
	case CFA_ADVANCE_LOC2:
		return m->location + byte_cursor_read(c, 2) * f->code_align;
	case CFA_ADVANCE_LOC4:
		return m->location + byte_cursor_read(c, 4) * f->code_align;
	default:
		return 0;
	}
}

static bool run_one(struct call_frame_machine *m, struct byte_cursor *c, uint8_t code,
		    const struct eh_frame_function *f)
{
	switch (code & CFA_HIGH_BITS) {
	case CFA_OFFSET:
		set_register(&m->now, code & 0x3f, UNWIND_AT_CFA,
			     small(c, scaled(byte_cursor_read_uleb(c), f)));
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
static bool run(struct call_frame_machine *m, const struct byte_cursor *list,
		const struct eh_frame_function *f,
		void (*row)(void *context, uintptr_t start, const struct unwind_rule *rule),
		void *context)
{
	struct byte_cursor *c = &m->cursor;

	*c = *list;

	while (c->p < c->end) {
		const uint8_t code = byte_cursor_read(c, 1);
		const uintptr_t next = next_location(m, c, code, f);

		if (next) {
			if (next < m->location || c->bad)
				return false;
			if (next > m->location && row)
				row(context, m->location, &m->now);
			m->location = next;
		} else if (!run_one(m, c, code, f)) {
			return false;
		}
	}
	return !c->bad;
}

bool call_frame_rows(const struct eh_frame_function *function, struct call_frame_machine *machine,
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
