#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# C++'s operators, over libstdc++'s and over none.

load ../test_helper
load preload

@test "each operator is counted once, and so is its delete" {
	holds cxx_operators each_operator_is_counted_once
}

@test "aligned operators align" {
	holds cxx_operators aligned_operators_align
}

@test "malloc and delete, new and free may be mixed" {
	holds cxx_operators mixed_frees_are_seen
}

@test "bad_alloc passes through, and nothrow gives nothing" {
	holds cxx_operators exceptions_pass
	interval=1T holds cxx_operators exceptions_pass
}

@test "the new handler is the program's" {
	holds cxx_operators the_new_handler_is_called
}

@test "the first allocation of the process is seen, before any constructor of ours" {
	holds cxx_operators the_first_allocation_of_the_process_is_seen
}

@test "a C++ library opened by a C program is counted once" {
	holds late_cxx operators_are_counted "$programs/late_cxx_plugin.so"
}

@test "a C++ library opened by a C program throws and catches bad_alloc" {
	holds late_cxx exceptions_pass "$programs/late_cxx_plugin.so"
	interval=1T holds late_cxx exceptions_pass "$programs/late_cxx_plugin.so"
}

@test "a C++ extension works in python3" {
	need /usr/bin/python3
	local script='
import ctypes, sys
plugin = ctypes.CDLL(sys.argv[1])
assert plugin.new_and_delete(1000) == 0
assert plugin.throws_bad_alloc() == 1
print("both")
'
	unchanged /usr/bin/python3 -c "$script" "$programs/late_cxx_plugin.so"
	expect_output '^both$'
}
