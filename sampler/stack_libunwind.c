/*
 * The only file that knows libunwind, and that by two names only.
 *
 * Context: inside malloc; what libunwind does there, see the header.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/stack_libunwind.h"

#include <dlfcn.h>
#include <string.h>

#include "sampler/module_table.h"
#include "sampler/unwind_table.h"

static int (*libunwind_backtrace)(void **frames, int max_depth);

bool stack_libunwind_open(void)
{
	void *library = dlopen("libunwind.so.8", RTLD_LOCAL | RTLD_NOW);

	if (library)
		libunwind_backtrace = (int (*)(void **, int))dlsym(library, "unw_backtrace");
	return libunwind_backtrace != NULL;
}

/* What a signal interrupted is told apart from what made a call; libunwind's
 * fast way does not, so the code to which handlers return is looked for. */
static void mark_interrupted_frames(uint64_t *frames, unsigned depth)
{
	for (unsigned i = 0; i + 1 < depth; i++) {
		struct module *module = module_table_find(frames[i] - 1);
		const struct unwind_rule *rule = NULL;

		if (module)
			rule = unwind_rule_other(
				unwind_table_rule(unwind_table_of(module), frames[i] - 1,
						  (uint32_t)(frames[i] - 1 - module->start)));
		if (rule && rule->signal)
			frames[i + 1]++;
	}
}

/* libunwind starts at its caller: the frames of the library come first, take
 * room and are cut off. */
unsigned stack_libunwind_walk(const struct stack_start *start, uint64_t *frames, unsigned max_depth,
			      uint16_t *flags)
{
	const int found = libunwind_backtrace((void **)frames, (int)max_depth);
	const unsigned depth = found > 0 ? (unsigned)found : 0;
	unsigned own = 0;

	while (own < depth && frames[own] != start->ip)
		own++;
	if (own == depth) {
		frames[0] = start->ip;
		*flags |= SEGMENT_STACK_INCOMPLETE;
		return 1;
	}
	if (depth == max_depth)
		*flags |= SEGMENT_STACK_TRUNCATED;
	memmove(frames, frames + own, (depth - own) * sizeof(frames[0]));
	mark_interrupted_frames(frames, depth - own);
	return depth - own;
}
