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

# damaged SEED FILE: a copy of the plugin with bytes of its unwind information changed.
damaged() {
	local plugin=$programs/stack_wide_plugin.so

	objcopy --dump-section .eh_frame=frame --dump-section .eh_frame_hdr=header "$plugin" whole.so
	perl -e 'srand(shift); for my $name (@ARGV) {
		open(my $file, "+<:raw", $name); read($file, my $bytes, 1 << 20);
		substr($bytes, int(rand(length $bytes)), 1) = chr(int(rand(256))) for 1 .. 1 + rand(40);
		seek($file, 0, 0); print $file $bytes; }' "$1" frame header
	objcopy --update-section .eh_frame=frame --update-section .eh_frame_hdr=header "$plugin" "$2"
}

@test "a library with damaged unwind information does no harm" {
	local seed

	need objcopy perl
	for seed in $(seq 25); do
		damaged "$seed" damaged.so
		run profiled "$programs/stack_reload" "$PWD/damaged.so" "$programs/stack_narrow_plugin.so"
		[ "$status" -eq 0 ]
	done
}
