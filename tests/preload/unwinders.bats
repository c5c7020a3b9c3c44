#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The unwinders in the library, as the segment tells what they found.

load ../test_helper
load preload

# counter NAME: of the only segment.
counter() {
	"$heaptide" report --format json "$(segments)" | sed 's/.*"counters"//' |
		grep -o "\"$1\":[0-9]*" | cut -d: -f2
}

# profiled COMMAND...: in exact mode; it must do what it does without.
profiled() {
	HEAPTIDE_INTERVAL=1 LD_PRELOAD=$library "$@"
}

@test "stacks of constructors, exceptions and threads all reach their root" {
	profiled "$programs/stack_exceptions"
	[ "$(counter samples)" -ge 1000 ]
	[ "$(counter incomplete_stacks)" -eq 0 ]
}

@test "stacks of handlers, coroutines and jumps all reach their root" {
	profiled "$programs/stack_shapes"
	[ "$(counter samples)" -ge 500 ]
	[ "$(counter incomplete_stacks)" -eq 0 ]
}

@test "libunwind as the unwinder leaves exceptions alone and finds the functions" {
	HEAPTIDE_UNWINDER=libunwind profiled "$programs/stack_exceptions"
	[ "$(counter samples)" -ge 1000 ]
	"$heaptide" report --view alloc "$(segments)" >report.txt
	grep -q descend report.txt
	# libunwind is there, but its _Unwind_* functions are not the program's.
	LD_DEBUG=bindings LD_DEBUG_OUTPUT=$PWD/bindings HEAPTIDE_UNWINDER=libunwind \
		profiled "$programs/stack_exceptions"
	grep -q 'binding file [^ ]*libunwind.so' bindings.*
	grep -q 'to [^ ]*libgcc_s.so.* symbol `_Unwind_RaiseException' bindings.*
	! grep 'to [^ ]*libunwind.so.* symbol `_Unwind_' bindings.* | grep -v 'file [^ ]*libunwind.so'
}

@test "frame pointers as the unwinder find the functions" {
	HEAPTIDE_UNWINDER=fp profiled "$programs/stack_exceptions"
	[ "$(counter samples)" -ge 1000 ]
	[ -n "$("$heaptide" report --view alloc "$(segments)")" ]
}
