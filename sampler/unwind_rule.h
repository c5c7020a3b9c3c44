/*
 * How to get from one frame to its caller: where the canonical frame address
 * (CFA: the stack pointer just before the call), the caller's frame pointer and
 * the return address are found.
 *
 * Nearly every rule fits into 32 bits, which is what the tables hold; the few
 * others are kept once per process and named by their index. The terms are
 * those of DWARF 5, section 6.4.
 *
 * Context: inside malloc; lock-free.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_UNWIND_RULE_H
#define SAMPLER_UNWIND_RULE_H

#include <stdbool.h>
#include <stdint.h>

enum unwind_cfa {
	UNWIND_CFA_UNKNOWN, /* depends on a register that is not followed */
	UNWIND_CFA_SP,	    /* sp + cfa_offset */
	UNWIND_CFA_FP,	    /* fp + cfa_offset */
	UNWIND_CFA_AT_SP,   /* word at (sp + cfa_offset), + cfa_addend */
	UNWIND_CFA_AT_FP,   /* word at (fp + cfa_offset), + cfa_addend */
	UNWIND_CFA_PLT,	    /* sp + 8, + 8 in the last 5 bytes of a 16-byte PLT entry */
};

enum unwind_register {
	UNWIND_SAME,	  /* as it is in this frame */
	UNWIND_LOST,	  /* in a place that is not followed */
	UNWIND_UNDEFINED, /* nowhere; without a return address this is the outermost frame */
	UNWIND_AT_CFA,	  /* word at (CFA + offset) */
	UNWIND_AT_SP,	  /* word at (sp + offset) */
	UNWIND_AT_FP,	  /* word at (fp + offset) */
};

struct unwind_rule {
	uint8_t cfa;	/* enum unwind_cfa */
	uint8_t fp;	/* enum unwind_register */
	uint8_t ra;	/* enum unwind_register */
	uint8_t signal; /* 1: the caller was interrupted by a signal, not left by a call */
	int32_t cfa_offset, cfa_addend, fp_offset, ra_offset;
};

/*
 * The packed form: bits 30-31 are the kind. For SP and FP, bits 0-15 are
 * cfa_offset in words, and bits 16-29 tell how many words below the CFA the
 * caller's frame pointer is (0: unchanged); the return address is where the
 * architecture puts it. For OTHER, the bits are one of three constants or, above
 * them, an index.
 */
enum unwind_kind { UNWIND_KIND_OTHER, UNWIND_KIND_SP, UNWIND_KIND_FP };

#define UNWIND_RULE_NONE UINT32_C(0)	/* the tables know no way on */
#define UNWIND_RULE_END UINT32_C(1)	/* this is the outermost frame */
#define UNWIND_RULE_UNKNOWN UINT32_C(2) /* cannot be told now: memory is short */

static inline enum unwind_kind unwind_rule_kind(uint32_t packed)
{
	return (enum unwind_kind)(packed >> 30);
}

static inline uintptr_t unwind_rule_cfa_offset(uint32_t packed)
{
	return (uint16_t)packed * sizeof(uintptr_t);
}

static inline uintptr_t unwind_rule_fp_below_cfa(uint32_t packed)
{
	return (packed >> 16 & 0x3fff) * sizeof(uintptr_t);
}

bool unwind_rule_equal(const struct unwind_rule *a, const struct unwind_rule *b);

/* The packed form of a rule; UNWIND_RULE_NONE when there is no room for it. */
uint32_t unwind_rule_pack(const struct unwind_rule *rule);

/* The rule that a packed form names, valid for good; NULL when it is one of the
 * constants or says all itself. */
const struct unwind_rule *unwind_rule_other(uint32_t packed);

#endif
