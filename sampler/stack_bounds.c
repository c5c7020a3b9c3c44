/*
 * Finding a stack's bounds without the help of libpthread, which would allocate
 * and lock.
 *
 * The main stack lies below the auxiliary vector's random bytes, and the kernel
 * keeps the space that the limit allows it free of everything else. A
 * thread's own stack ends at its thread descriptor, to which the thread pointer
 * points; its pages are asked for once, as the thread goes deeper. Whatever is
 * on neither is asked for page by page, anew in each capture, because such
 * stacks come and go.
 *
 * Context: inside malloc, signal handlers, on any stack.
 * Invariant: from thread_state.stack_low to the thread pointer everything can
 * be read, as long as this thread lives.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/stack_bounds.h"

#include <sys/auxv.h>
#include <sys/resource.h>

#include "sampler/memory_probe.h"
#include "sampler/thread_state.h"

/* Linux, mm/util.c: mmap_base() leaves to the stack what its limit says, and this
 * much where that is more. */
#define MAIN_STACK_MAX (UINT64_C(128) << 20)
/* How far the known part of a thread's stack is extended at a time. */
#define EXTENSION_MAX (UINT64_C(1) << 20)
/* Functions may keep registers this far below their stack pointer. */
#define RED_ZONE 128

static uintptr_t main_top, main_size;
static uintptr_t main_thread_pointer;

static uintptr_t thread_pointer(void)
{
	return (uintptr_t)__builtin_thread_pointer();
}

void stack_bounds_init(void)
{
	struct rlimit limit;

	main_top = getauxval(AT_RANDOM) & ~(uintptr_t)7;
	main_size = MAIN_STACK_MAX;
	if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur < main_size)
		main_size = limit.rlim_cur;
	main_thread_pointer = thread_pointer();
}

/* Makes sure that the thread's own stack is known to be readable from `sp` on. */
static bool extend_own_stack(uintptr_t sp, uintptr_t top)
{
	const uintptr_t known = thread_state.stack_low ? thread_state.stack_low : top;

	/* The main thread's descriptor is not on a stack. */
	if (known == UINTPTR_MAX || thread_pointer() == main_thread_pointer)
		return false;
	if (known - sp > EXTENSION_MAX)
		return false;
	if (!memory_probe_range(sp, known)) {
		thread_state.stack_low = UINTPTR_MAX;
		return false;
	}
	thread_state.stack_low = sp & ~(MEMORY_PROBE_PAGE - 1);
	return true;
}

static bool is_own_stack(uintptr_t sp, uintptr_t top)
{
	const uintptr_t low = thread_state.stack_low;

	if (sp >= top)
		return false;
	return (low != 0 && sp >= low) || extend_own_stack(sp, top);
}

void stack_bounds_find(struct stack_bounds *bounds, uintptr_t sp)
{
	const uintptr_t own_top = thread_pointer() & ~(uintptr_t)7;

	*bounds = (struct stack_bounds){.low = sp};
	if (main_top - sp < main_size)
		bounds->size = main_top - sp;
	else if (is_own_stack(sp, own_top))
		bounds->size = own_top - sp;
	else
		bounds->grows = true;
}

bool stack_bounds_extend(struct stack_bounds *bounds, uintptr_t address)
{
	const uintptr_t page = address & ~(MEMORY_PROBE_PAGE - 1);

	if (address % sizeof(uintptr_t))
		return false;
	if (!bounds->grows)
		return bounds->low - address <= RED_ZONE && memory_probe_page(page);
	if (!memory_probe_page(page))
		return false;
	if (page == bounds->low + bounds->size && bounds->size != 0)
		bounds->size += MEMORY_PROBE_PAGE;
	else
		*bounds = (struct stack_bounds){page, MEMORY_PROBE_PAGE, true};
	return true;
}
