/*
 * The stack walkers: by compiled unwind tables, and by frame pointers. The
 * tables tell how to leave nearly every frame. Where they end, in code that was
 * compiled at run time or in assembly without unwind information, one step by
 * the frame pointer may lead to a frame that they know.
 *
 * Context: inside malloc of somebody else's program, see the header. What a
 * sound stack leads through cannot be unloaded meanwhile; nothing guards against
 * a made-up address in a library that another thread unloads at that moment.
 * Invariant: the stack pointer rises with every step, except from one stack to
 * another; nothing on a stack is read but through stack_bounds_load().
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/stack_capture.h"

#include <stddef.h>

#include "sampler/memory_probe.h"
#include "sampler/module_table.h"
#include "sampler/stack_arch.h"
#include "sampler/stack_bounds.h"
#include "sampler/stack_libunwind.h"
#include "sampler/stack_trail.h"
#include "sampler/unwind_table.h"

/* Not "cold": the compiler would think the same of a loop that ends there. */
#define RARE __attribute__((noinline))
#define WORD sizeof(uintptr_t)
/* A frame pointer that leads nowhere, and is not the zero of an outermost frame. */
#define LOST ((uintptr_t)1)
/* No code lies below; it is not mapped for programs. */
#define LOWEST_CODE UINT64_C(0x1000)

/*
 * Where a walk is. `ip` is a return address, or the address of an interrupted
 * instruction + 1; so ip - 1 is always inside the right instruction.
 */
struct frame {
	uintptr_t ip, sp, bp;
};

enum step { STEP_MADE, STEP_OUTERMOST, STEP_IMPOSSIBLE };

struct walk {
	struct stack_bounds bounds;
	uintptr_t module_start, module_size;
	struct unwind_table *table; /* of that module */
};

static enum segment_unwinder walker;

bool stack_capture_init(enum segment_unwinder unwinder)
{
	stack_bounds_init();
	if (unwinder == SEGMENT_UNWIND_LIBUNWIND && !stack_libunwind_open()) {
		walker = SEGMENT_UNWIND_TABLES;
		return false;
	}
	walker = unwinder;
	return true;
}

void stack_capture_after_fork(void)
{
	unwind_table_after_fork();
	if (walker == SEGMENT_UNWIND_LIBUNWIND)
		walker = SEGMENT_UNWIND_TABLES;
}

static bool load(struct walk *walk, uintptr_t address, uintptr_t *word)
{
	return address % WORD == 0 && stack_bounds_load(&walk->bounds, address, word);
}

/* Whether the bytes before `ip`, in no module, can be read and are a call. */
static bool follows_call_anywhere(uintptr_t ip)
{
	return ip > LOWEST_CODE && memory_probe_range(ip - STACK_ARCH_CALL_MAX, ip) &&
	       stack_arch_follows_call((const uint8_t *)ip);
}

/*
 * What was found by a guess must be in code, behind a call; or in code and with
 * no frame pointer, by which the outermost frame is marked. From one function
 * that was made at run time to the next, it is taken on trust: asking costs a
 * system call.
 */
static bool is_likely_caller(const struct frame *frame, bool is_from_module)
{
	const struct module *module = module_table_find(frame->ip - 1);
	const struct elf_image *image = module ? &module->image : NULL;

	if (!module)
		return is_from_module ? follows_call_anywhere(frame->ip) : frame->ip > LOWEST_CODE;
	return frame->ip >= image->text_start + STACK_ARCH_CALL_MAX &&
	       frame->ip <= image->text_end &&
	       (frame->bp == 0 || stack_arch_follows_call((const uint8_t *)frame->ip));
}

static enum step step_by_frame_pointer(struct walk *walk, struct frame *frame)
{
	uintptr_t bp, ip;

	if (frame->bp < frame->sp || !load(walk, frame->bp, &bp) ||
	    !load(walk, frame->bp + WORD, &ip))
		return STEP_IMPOSSIBLE;
	*frame = (struct frame){stack_arch_code_address(ip), frame->bp + 2 * WORD, bp};
	return STEP_MADE;
}

/* The frame pointer may lead from a thread's own stack to one that the program
 * made: Go calls C on the thread's stack, and runs on its own ones. */
static void follow_to_other_stack(struct walk *walk, struct frame *frame)
{
	struct stack_bounds other;

	if (walk->bounds.grows || frame->bp - walk->bounds.low < walk->bounds.size)
		return;
	stack_bounds_find(&other, frame->bp);
	if (!other.grows)
		return;
	walk->bounds = other;
	frame->sp = frame->bp;
}

/* A step by a guess: what it leads to must look like a caller. */
static enum step step_without_rule(struct walk *walk, struct frame *frame)
{
	const bool is_from_module = frame->ip - 1 - walk->module_start < walk->module_size;

	follow_to_other_stack(walk, frame);
	if (step_by_frame_pointer(walk, frame) != STEP_MADE ||
	    !is_likely_caller(frame, is_from_module))
		return STEP_IMPOSSIBLE;
	return STEP_MADE;
}

static bool find_cfa(struct walk *walk, const struct frame *frame, const struct unwind_rule *rule,
		     uintptr_t *cfa)
{
	const bool of_fp = rule->cfa == UNWIND_CFA_FP || rule->cfa == UNWIND_CFA_AT_FP;
	const uintptr_t place = (of_fp ? frame->bp : frame->sp) + (uintptr_t)rule->cfa_offset;

	switch (rule->cfa) {
	case UNWIND_CFA_SP:
	case UNWIND_CFA_FP:
		*cfa = place;
		return true;
	case UNWIND_CFA_AT_SP:
	case UNWIND_CFA_AT_FP:
		if (!load(walk, place, cfa))
			return false;
		*cfa += (uintptr_t)rule->cfa_addend;
		return true;
	case UNWIND_CFA_PLT:
		*cfa = frame->sp + WORD + (((frame->ip - 1) & 15) >= 11 ? WORD : 0);
		return true;
	default:
		return false;
	}
}

static bool find_register(struct walk *walk, const struct frame *frame, uintptr_t cfa,
			  uint8_t where, int32_t offset, uintptr_t *value)
{
	switch (where) {
	case UNWIND_SAME:
		return true;
	case UNWIND_AT_CFA:
		return load(walk, cfa + (uintptr_t)offset, value);
	case UNWIND_AT_SP:
		return load(walk, frame->sp + (uintptr_t)offset, value);
	case UNWIND_AT_FP:
		return load(walk, frame->bp + (uintptr_t)offset, value);
	default:
		*value = LOST;
		return true;
	}
}

static enum step step_by_full_rule(struct walk *walk, struct frame *frame,
				   const struct unwind_rule *rule)
{
	struct frame caller = *frame;

	if (!find_cfa(walk, frame, rule, &caller.sp) || caller.sp % WORD ||
	    (caller.sp <= frame->sp && !rule->signal) ||
	    !find_register(walk, frame, caller.sp, rule->fp, rule->fp_offset, &caller.bp) ||
	    !find_register(walk, frame, caller.sp, rule->ra, rule->ra_offset, &caller.ip))
		return STEP_IMPOSSIBLE;
	caller.ip = stack_arch_code_address(caller.ip);
	if (rule->signal) {
		caller.ip++;
		stack_bounds_find(&walk->bounds, caller.sp);
	}
	*frame = caller;
	return STEP_MADE;
}

/*
 * Frames without unwind information that are nevertheless the outermost: where
 * the frame pointer is zero, by which the ABI marks them (the dynamic linker's
 * entry, around constructors), and where a return address is the beginning of a
 * function and behind no call: makecontext() puts one there by hand to catch a
 * coroutine's last return.
 */
static bool is_marked_outermost(const struct walk *walk, const struct frame *frame)
{
	const uintptr_t offset = frame->ip - walk->module_start;

	return offset < walk->module_size &&
	       (frame->bp == 0 ||
		unwind_table_rule(walk->table, frame->ip, (uint32_t)offset) != UNWIND_RULE_NONE);
}

/* The step out of a frame without a common rule. */
static RARE enum step step_otherwise(struct walk *walk, struct frame *frame, uint32_t packed)
{
	const struct unwind_rule *rule = unwind_rule_other(packed);

	if (packed == UNWIND_RULE_END)
		return STEP_OUTERMOST;
	if (rule)
		return step_by_full_rule(walk, frame, rule);
	if (is_marked_outermost(walk, frame))
		return STEP_OUTERMOST;
	if (packed == UNWIND_RULE_UNKNOWN)
		return STEP_IMPOSSIBLE;
	return step_without_rule(walk, frame);
}

/* Makes the module that holds `code` the current one; false when there is none. */
static RARE bool enter_module(struct walk *walk, uintptr_t code)
{
	struct module *module = module_table_find(code);

	walk->module_size = 0;
	if (!module || module->end - module->start > UINT32_MAX)
		return false;
	walk->module_start = module->start;
	walk->module_size = module->end - module->start;
	walk->table = unwind_table_of(module);
	return true;
}

static __attribute__((noinline)) unsigned walk_by_tables(const struct stack_start *start,
							 struct stack_trail *trail,
							 uint64_t *frames, unsigned max_depth,
							 uint16_t *flags)
{
	struct walk walk = {.module_size = 0};
	uintptr_t ip = start->ip, sp = start->sp, bp = start->bp, below = 0;
	bool is_unlike = true;
	unsigned depth = 0;

	stack_bounds_find(&walk.bounds, sp);
	for (;;) {
		uint32_t rule = UNWIND_RULE_NONE;

		frames[depth] = ip;
		if (trail) {
			struct stack_step at = {ip, sp, bp, (uint32_t)below, is_unlike};

			if (stack_trail_meets(trail, depth, &at)) {
				if (stack_trail_follow(trail, &walk.bounds, frames, &depth, &at,
						       flags))
					return depth;
				ip = at.ip;
				sp = at.sp;
				bp = at.bp;
			}
		}
		depth++;
		if (ip - 1 - walk.module_start < walk.module_size || enter_module(&walk, ip - 1))
			rule = unwind_table_rule(walk.table, ip - 1,
						 (uint32_t)(ip - 1 - walk.module_start));
		if (__builtin_expect(unwind_rule_kind(rule) == UNWIND_KIND_OTHER, 0)) {
			struct frame frame = {ip, sp, bp};
			const enum step step = step_otherwise(&walk, &frame, rule);

			if (step == STEP_IMPOSSIBLE)
				*flags |= SEGMENT_STACK_INCOMPLETE;
			if (step != STEP_MADE)
				return depth;
			ip = frame.ip;
			sp = frame.sp;
			bp = frame.bp;
			is_unlike = true;
		} else {
			const uintptr_t base = unwind_rule_kind(rule) == UNWIND_KIND_SP ? sp : bp;
			const uintptr_t cfa = base + unwind_rule_cfa_offset(rule);

			below = unwind_rule_fp_below_cfa(rule);
			if (cfa <= sp || cfa % WORD ||
			    !stack_bounds_load(&walk.bounds, stack_arch_ra_place(cfa, cfa - below),
					       &ip) ||
			    (below && !stack_bounds_load(&walk.bounds, cfa - below, &bp))) {
				*flags |= SEGMENT_STACK_INCOMPLETE;
				return depth;
			}
			ip = stack_arch_code_address(ip);
			sp = cfa;
			is_unlike = false;
		}
		if (ip == 0)
			return depth;
		if (depth == max_depth) {
			*flags |= SEGMENT_STACK_TRUNCATED;
			return depth;
		}
	}
}

static __attribute__((noinline)) unsigned walk_by_frame_pointers(const struct stack_start *start,
								 uint64_t *frames,
								 unsigned max_depth,
								 uint16_t *flags)
{
	struct walk walk = {.module_size = 0};
	struct frame frame = {start->ip, start->sp, start->bp};
	unsigned depth = 0;

	stack_bounds_find(&walk.bounds, frame.sp);
	frames[depth++] = frame.ip;
	for (;;) {
		if (frame.bp == 0)
			return depth;
		if (step_by_frame_pointer(&walk, &frame) != STEP_MADE || frame.ip <= LOWEST_CODE) {
			*flags |= SEGMENT_STACK_INCOMPLETE;
			return depth;
		}
		if (depth == max_depth) {
			*flags |= SEGMENT_STACK_TRUNCATED;
			return depth;
		}
		frames[depth++] = frame.ip;
	}
}

unsigned stack_capture(const struct stack_start *start, uint64_t *frames, unsigned max_depth,
		       uint16_t *flags)
{
	if (start->sp % WORD) {
		frames[0] = start->ip;
		*flags |= SEGMENT_STACK_INCOMPLETE;
		return 1;
	}
	switch (walker) {
	case SEGMENT_UNWIND_FP:
		return walk_by_frame_pointers(start, frames, max_depth, flags);
	case SEGMENT_UNWIND_LIBUNWIND:
		return stack_libunwind_walk(start, frames, max_depth, flags);
	default:
		return walk_by_tables(start, NULL, frames, max_depth, flags);
	}
}

unsigned stack_capture_by_trail(const struct stack_start *start, struct stack_trail *trail,
				uint64_t *frames, unsigned max_depth, uint16_t *flags)
{
	if (walker != SEGMENT_UNWIND_TABLES || start->sp % WORD) {
		trail->is_repeated = false;
		return stack_capture(start, frames, max_depth, flags);
	}
	*flags = 0;
	stack_trail_begin(trail, max_depth);
	const unsigned depth = walk_by_tables(start, trail, frames, max_depth, flags);
	if (trail->generation == 0) /* it did not end by meeting the last walk */
		stack_trail_end(trail, depth, *flags);
	return depth;
}
