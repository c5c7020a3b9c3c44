#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The same programs over other allocators, preloaded after the library or
# linked to the program.

load ../test_helper
load preload

allocators='libjemalloc.so.2 libtcmalloc_minimal.so.4 libmimalloc.so.2'

# over_each CASE...: every case of c_calls over every allocator.
over_each() {
	local behind case

	for behind in $allocators; do
		for case in "$@"; do
			echo "$behind: $case"
			holds c_calls "$case"
		done
	done
}

@test "every call is counted once over jemalloc, tcmalloc and mimalloc" {
	over_each each_call_is_counted_once a_resized_block_is_freed_and_allocated
}

@test "a loop is counted to the last block over jemalloc, tcmalloc and mimalloc" {
	over_each a_loop_is_counted_to_the_last_block
}

@test "what overflows is not counted over jemalloc, tcmalloc and mimalloc" {
	over_each what_overflows_is_not_counted
}

@test "alignments are kept over jemalloc and tcmalloc" {
	# mimalloc 2.0.9 does not keep all of them, with or without the library.
	allocators='libjemalloc.so.2 libtcmalloc_minimal.so.4' over_each alignments_are_kept
}

@test "a resize to nothing is counted as the other allocators do it" {
	over_each a_resize_to_nothing_is_a_free
}

@test "C++ operators of the other allocators are counted once" {
	local behind

	for behind in $allocators; do
		echo "$behind"
		holds cxx_operators each_operator_is_counted_once
		holds cxx_operators mixed_frees_are_seen
		# mimalloc's new aborts, with or without the library.
		[ $behind = libmimalloc.so.2 ] || holds cxx_operators exceptions_pass
	done
}

@test "jemalloc linked to the program is counted, with its extended calls" {
	holds jemalloc_calls
}

@test "the segment names the allocator" {
	local behind=libjemalloc.so.2

	holds c_calls a_resize_to_nothing_is_a_free
	grep -qa 'libjemalloc\.so\.2' "$(segments)"
}

@test "tcmalloc and mimalloc linked to the program are counted" {
	local program case

	for program in tcmalloc_calls mimalloc_calls; do
		for case in each_call_is_counted_once a_loop_is_counted_to_the_last_block \
			a_resized_block_is_freed_and_allocated; do
			echo $program: $case
			holds $program $case
		done
	done
	grep -rqa 'libtcmalloc_minimal\.so\.4' "$HEAPTIDE_DIR"
	grep -rqa 'libmimalloc\.so\.2' "$HEAPTIDE_DIR"
}
