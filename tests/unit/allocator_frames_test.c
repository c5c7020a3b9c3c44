/*
 * Which names are allocators'.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/allocator_frames.h"

#include "tests/unit/unit.h"

static const char *const allocators[] = {
	"malloc",
	"__libc_memalign",
	"posix_memalign",
	"operator new(unsigned long)",
	"operator new[](unsigned long, std::align_val_t)",
	"operator delete(void*)",
	"std::allocator<int>::allocate(unsigned long)",
	"__gnu_cxx::new_allocator<std::pair<int, long> >::allocate(unsigned long, void const*)",
	"std::__new_allocator<char>::allocate(unsigned long, void const*)",
	"std::allocator_traits<std::allocator<char> >::allocate(std::allocator<char>&, unsigned "
	"long)",
	"std::_Vector_base<int, std::allocator<int> >::_M_allocate(unsigned long)",
	"int* std::vector<int, std::allocator<int> >::_M_allocate_and_copy<int const*>(unsigned "
	"long)",
	"std::__cxx11::basic_string<char, std::char_traits<char> >::_S_allocate(unsigned long)",
	"__rust_alloc",
	"alloc::alloc::exchange_malloc",
};

static const char *const others[] = {
	"",
	"main",
	"my_malloc",
	"mallocate",
	"pool::allocate(unsigned long)",
	"operator new_thing",
	"xmalloc",
	"strdup",
	"std::vector<int, std::allocator<int> >::resize(unsigned long)",
	"app::Widget<std::allocator<int> >::build()",
	"(anonymous namespace)::allocate(int)",
	"operator<<(std::ostream&, int)",
	"libfoo.so.1+0x1234",
};

START_TEST(allocators_are_known)
{
	for (size_t i = 0; i < sizeof(allocators) / sizeof(allocators[0]); i++)
		ck_assert_msg(allocator_frames_match(allocators[i]), "%s", allocators[i]);
}
END_TEST

START_TEST(other_functions_are_left_alone)
{
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		ck_assert_msg(!allocator_frames_match(others[i]), "%s", others[i]);
}
END_TEST

UNIT_MAIN(allocators_are_known, other_functions_are_left_alone)
