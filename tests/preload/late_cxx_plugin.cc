/*
 * A C++ library that a C program opens with dlopen(RTLD_LOCAL), as python's
 * extensions are: its operators are bound to whatever comes first in the program.
 * Build with: -fsized-deallocation
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <cstddef>
#include <new>
#include <string>
#include <vector>

static void *volatile sink;

/* `count` blocks of each form, deleted again. */
extern "C" int new_and_delete(int count)
{
	for (int i = 0; i < count; i++) {
		int *one = new int(i);
		int *many = new int[100];
		void *aligned = operator new(300, std::align_val_t(128));
		void *perhaps = operator new(10, std::nothrow);

		sink = one, sink = many;
		if ((uintptr_t)aligned % 128 != 0 || !perhaps)
			return 1;
		delete one;
		delete[] many;
		operator delete(aligned, std::align_val_t(128));
		operator delete(perhaps, 10);
	}
	return 0;
}

extern "C" void *take(size_t size)
{
	return operator new(size);
}

static int handler_calls;

extern "C" int throws_bad_alloc()
{
	std::set_new_handler([] {
		if (++handler_calls == 2)
			std::set_new_handler(nullptr);
	});
	try {
		sink = operator new((size_t)1 << 60);
	} catch (const std::bad_alloc &) {
		if (operator new[]((size_t)1 << 60, std::nothrow))
			return 0;
		try {
			std::vector<std::string> strings((size_t)1 << 50, "x");
		} catch (const std::bad_alloc &) {
			return handler_calls == 2;
		}
	}
	return 0;
}
