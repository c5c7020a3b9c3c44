/*
 * The signal frame and the call instructions of x86-64.
 *
 * Context: inside malloc; no state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/stack_arch.h"

#include <stddef.h>
#include <ucontext.h>

/* What is looked at as if it were code may be anything that can be read. */
#define UNCHECKED __attribute__((no_sanitize("address")))

/* When the handler has returned, sp points at the ucontext. */
#define SAVED(reg) (int32_t)(offsetof(ucontext_t, uc_mcontext.gregs) + (reg) * sizeof(greg_t))

enum { SAVED_RBP = 10, SAVED_RSP = 15, SAVED_RIP = 16 };

const struct unwind_rule stack_arch_signal_rule = {
	.cfa = UNWIND_CFA_AT_SP,
	.cfa_offset = SAVED(SAVED_RSP),
	.fp = UNWIND_AT_SP,
	.fp_offset = SAVED(SAVED_RBP),
	.ra = UNWIND_AT_SP,
	.ra_offset = SAVED(SAVED_RIP),
	.signal = 1,
};

/* Opcode 0xff with 2 in the middle bits of its ModRM byte is an indirect call;
 * how long it is depends on the other bits and prefixes. */
UNCHECKED static bool is_indirect_call(const uint8_t *at, unsigned length)
{
	const uint8_t modrm = at[1], mode = modrm >> 6, base = modrm & 7;
	const bool has_sib = mode != 3 && base == 4;
	unsigned expected = 2 + has_sib;

	if (at[0] != 0xff || (modrm >> 3 & 7) != 2)
		return false;
	if (mode == 1)
		expected += 1;
	else if (mode == 2 || (mode == 0 && base == 5) ||
		 (mode == 0 && has_sib && (at[2] & 7) == 5))
		expected += 4;
	return expected == length;
}

UNCHECKED bool stack_arch_follows_call(const uint8_t *address)
{
	if (address[-5] == 0xe8)
		return true;
	for (unsigned length = 2; length <= 7; length++) {
		if (is_indirect_call(address - length, length))
			return true;
	}
	return false;
}
