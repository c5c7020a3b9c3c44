#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Where resident memory is, as ps shows it.

load ../test_helper

# holds MIB ENVIRONMENT...: a program that holds so much, under an allocator.
holds() {
	local size=$1

	shift
	mkfifo in out
	env HEAPTIDE_INTERVAL=16384 "$@" "$programs/holder" "$size" <in >out 3>&- &
	exec {in}>in {out}<out
	read -r -t 30 -u "$out" _
}

# Holds 64 MiB, of which nearly all is the allocator's, and other memory is elsewhere.
check_ledger() {
	run "$heaptide" ps --long --format json
	expect_status 0
	jq -e '.[0] | .allocator_resident_bytes + .other_resident_bytes == .resident_bytes and
		.allocator_resident_bytes >= 64 * 1048576 and .allocator_resident_bytes < 72 * 1048576 and
		.other_resident_bytes > 1048576 and .other_resident_bytes < 16 * 1048576 and
		.proportional_bytes <= .resident_bytes' <<<"$output"
}

@test "the heap is found where glibc has it" {
	need jq
	holds 64 LD_PRELOAD="$library"
	check_ledger
	run "$heaptide" ps --long
	expect_output '^ *PID +COMMAND +STATE +HEAP +ALLOCATOR +OTHER +RSS +PSS +SWAP$'
}

@test "the heap is found where jemalloc has it" {
	need jq
	holds 64 LD_PRELOAD="$library:libjemalloc.so.2"
	check_ledger
}

@test "the heap is found where tcmalloc has it" {
	need jq
	holds 64 LD_PRELOAD="$library:libtcmalloc_minimal.so.4"
	check_ledger
}

@test "a process that has ended has no resident memory" {
	HEAPTIDE_INTERVAL=1 preloaded "$programs/keeper"
	run "$heaptide" ps --long
	expect_status 0
	expect_output ' keeper +dead .* -  *-  *-  *-  *-$'
}
