/*
 * Packing unwind rules, and the list of those that do not fit. It is one for
 * the whole process, because a program has few different ones: realigned
 * stacks, signal frames, PLTs.
 *
 * Context: inside malloc, any thread, signal handlers; lock-free.
 * Invariant: an entry whose ready flag is set never changes again, and every
 * packed rule that was handed out names such an entry.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/unwind_rule.h"

#include <stdatomic.h>
#include <stddef.h>

#include "sampler/stack_arch.h"

#define OTHER_RULES 1024
#define FIRST_OTHER (UNWIND_RULE_UNKNOWN + 1)

struct other_rule {
	struct unwind_rule rule;
	_Atomic uint32_t ready;
};

static struct other_rule others[OTHER_RULES];
static _Atomic uint32_t other_count; /* may pass OTHER_RULES */

bool unwind_rule_equal(const struct unwind_rule *a, const struct unwind_rule *b)
{
	return a->cfa == b->cfa && a->fp == b->fp && a->ra == b->ra && a->signal == b->signal &&
	       a->cfa_offset == b->cfa_offset && a->cfa_addend == b->cfa_addend &&
	       a->fp_offset == b->fp_offset && a->ra_offset == b->ra_offset;
}

static uint32_t packed_other(uint32_t index)
{
	return index + FIRST_OTHER;
}

/* Two threads that add the same rule at once both find room for it: harmless. */
static uint32_t pack_other(const struct unwind_rule *rule)
{
	uint32_t count = atomic_load_explicit(&other_count, memory_order_relaxed);

	for (uint32_t i = 0; i < count && i < OTHER_RULES; i++) {
		/* Pairs with the release below: a ready entry is complete. */
		if (atomic_load_explicit(&others[i].ready, memory_order_acquire) &&
		    unwind_rule_equal(&others[i].rule, rule))
			return packed_other(i);
	}
	if (count >= OTHER_RULES)
		return UNWIND_RULE_NONE;
	count = atomic_fetch_add_explicit(&other_count, 1, memory_order_relaxed);
	if (count >= OTHER_RULES)
		return UNWIND_RULE_NONE;
	others[count].rule = *rule;
	atomic_store_explicit(&others[count].ready, 1, memory_order_release);
	return packed_other(count);
}

static bool fits_common_form(const struct unwind_rule *rule)
{
	const int32_t word = sizeof(uintptr_t);
	const int32_t fp_offset = rule->fp == UNWIND_SAME ? 0 : rule->fp_offset;

	if (rule->cfa != UNWIND_CFA_SP && rule->cfa != UNWIND_CFA_FP)
		return false;
	if (rule->cfa_offset < 0 || rule->cfa_offset % word || rule->cfa_offset / word > 0xffff)
		return false;
	if (rule->ra != UNWIND_AT_CFA ||
	    (uintptr_t)rule->ra_offset != stack_arch_ra_place(0, (uintptr_t)fp_offset))
		return false;
	if (rule->fp == UNWIND_SAME)
		return true;
	return rule->fp == UNWIND_AT_CFA && fp_offset < 0 && fp_offset % word == 0 &&
	       -(int64_t)fp_offset / word <= 0x3fff;
}

uint32_t unwind_rule_pack(const struct unwind_rule *rule)
{
	const uint32_t word = sizeof(uintptr_t);

	if (rule->signal)
		return pack_other(&stack_arch_signal_rule);
	if (rule->ra == UNWIND_UNDEFINED)
		return UNWIND_RULE_END;
	if (rule->cfa == UNWIND_CFA_UNKNOWN || rule->ra == UNWIND_LOST || rule->ra == UNWIND_SAME)
		return UNWIND_RULE_NONE;
	if (!fits_common_form(rule))
		return pack_other(rule);

	const uint32_t kind = rule->cfa == UNWIND_CFA_SP ? UNWIND_KIND_SP : UNWIND_KIND_FP;
	const uint32_t below = rule->fp == UNWIND_SAME ? 0 : (uint32_t)-rule->fp_offset / word;

	return kind << 30 | below << 16 | (uint32_t)rule->cfa_offset / word;
}

const struct unwind_rule *unwind_rule_other(uint32_t packed)
{
	const uint32_t index = packed - FIRST_OTHER;

	return index < OTHER_RULES ? &others[index].rule : NULL;
}
