/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/demangle.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static void assert_name(const char *linkage_name, const char *expected)
{
	char *name = demangle_name(linkage_name);

	ck_assert_str_eq(name, expected);
	free(name);
}

START_TEST(names_of_c_stay_as_they_are)
{
	assert_name("main", "main");
	assert_name("_start", "_start");
	assert_name("__libc_start_main", "__libc_start_main");
	assert_name("", "");
	assert_name("_", "_");
}
END_TEST

START_TEST(overloads_of_cxx_stay_apart)
{
	assert_name("_ZN3foo3barEi", "foo::bar(int)");
	assert_name("_ZN3foo3barEd", "foo::bar(double)");
	assert_name("_ZNKSt6vectorIiSaIiEE4sizeEv",
		    "std::vector<int, std::allocator<int> >::size() const");
}
END_TEST

START_TEST(the_return_type_of_templates_is_left_out)
{
	assert_name("_Z3maxIiET_S0_S0_", "max<int>(int, int)");
}
END_TEST

START_TEST(operators_and_lambdas_have_names)
{
	assert_name("_Znwm", "operator new(unsigned long)");
	assert_name("_ZZ4mainENKUlvE_clEv", "main::{lambda()#1}::operator()() const");
}
END_TEST

START_TEST(strings_are_called_so)
{
	assert_name("_Z3addNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEERKS4_",
		    "add(std::string, std::string const&)");
	assert_name("_ZNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEE6resizeEmc",
		    "std::string::resize(unsigned long, char)");
}
END_TEST

START_TEST(both_manglings_of_rust_are_known)
{
	assert_name("_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write");
	assert_name("_RNvCs1234_7mycrate3foo", "mycrate::foo");
	assert_name("_RNvMs_NtCs1234_7mycrate3fooNtB4_3Bar3baz", "<mycrate::foo::Bar>::baz");
}
END_TEST

START_TEST(parts_and_copies_have_the_name_of_their_function)
{
	assert_name("fill.part.0", "fill");
	assert_name("fill.constprop.0.isra.0", "fill");
	assert_name("fill.isra.0.cold", "fill");
	assert_name("_ZN3foo3barEi.cold", "foo::bar(int)");
	assert_name("fill.llvm.1234567890", "fill");
	assert_name("_ZN3foo3barEi.part.0", "foo::bar(int)");
}
END_TEST

START_TEST(dots_of_a_name_of_its_own_stay)
{
	assert_name("runtime.mallocgc", "runtime.mallocgc");
	assert_name("camlStdlib.1", "camlStdlib.1");
	assert_name(".hidden", ".hidden");
	assert_name("main.main.func1", "main.main.func1");
}
END_TEST

START_TEST(versions_are_taken_off)
{
	assert_name("memcpy@@GLIBC_2.14", "memcpy");
	assert_name("_ZNSi3getEv@GLIBCXX_3.4", "std::istream::get()");
	assert_name("@odd", "@odd");
}
END_TEST

START_TEST(what_is_not_mangled_after_all_stays)
{
	assert_name("_Z", "_Z");
	assert_name("_Zfoo", "_Zfoo");
	assert_name("_R", "_R");
}
END_TEST

START_TEST(a_very_long_name_stays_mangled)
{
	enum { LENGTH = 100000 };
	char *name = malloc(LENGTH + 1);

	memset(name, 'I', LENGTH);
	memcpy(name, "_Z3fooI", 7);
	name[LENGTH] = '\0';
	assert_name(name, name);
	free(name);
}
END_TEST

UNIT_MAIN(names_of_c_stay_as_they_are, overloads_of_cxx_stay_apart,
	  the_return_type_of_templates_is_left_out, operators_and_lambdas_have_names,
	  strings_are_called_so, both_manglings_of_rust_are_known,
	  parts_and_copies_have_the_name_of_their_function, dots_of_a_name_of_its_own_stay,
	  versions_are_taken_off, what_is_not_mangled_after_all_stays,
	  a_very_long_name_stays_mangled)
