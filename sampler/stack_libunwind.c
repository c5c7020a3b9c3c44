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

static int (*libunwind_backtrace)(void **frames, int max_depth);

bool stack_libunwind_open(void)
{
	void *library = dlopen("libunwind.so.8", RTLD_LOCAL | RTLD_NOW);

	if (library)
		libunwind_backtrace = (int (*)(void **, int))dlsym(library, "unw_backtrace");
	return libunwind_backtrace != NULL;
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
	return depth - own;
}
