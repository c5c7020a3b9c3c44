/*
 * The signal frame and the call instructions of aarch64.
 *
 * Context: inside malloc; no state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/stack_arch.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <ucontext.h>

/* What is looked at as if it were code may be anything that can be read. */
#define UNCHECKED __attribute__((no_sanitize("address")))

/* sp points at a siginfo with the ucontext behind it. */
#define SAVED(field) (int32_t)(sizeof(siginfo_t) + offsetof(ucontext_t, uc_mcontext.field))

const struct unwind_rule stack_arch_signal_rule = {
	.cfa = UNWIND_CFA_AT_SP,
	.cfa_offset = SAVED(sp),
	.fp = UNWIND_AT_SP,
	.fp_offset = SAVED(regs) + STACK_ARCH_DWARF_FP * 8,
	.ra = UNWIND_AT_SP,
	.ra_offset = SAVED(pc),
	.signal = 1,
};

UNCHECKED bool stack_arch_follows_call(const uint8_t *address)
{
	uint32_t instruction;

	memcpy(&instruction, address - sizeof(instruction), sizeof(instruction));
	/* BL; BLR and its forms with pointer authentication. */
	return instruction >> 26 == 0x25 || (instruction & 0xfefff000) == 0xd63f0000;
}
