#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The C library's allocation calls over glibc's allocator.

load ../test_helper
load preload

@test "each call is counted once, and so is its free" {
	holds c_calls each_call_is_counted_once
	holds c_calls pvalloc_is_counted_once
}

@test "a loop is counted to the last block" {
	holds c_calls a_loop_is_counted_to_the_last_block
}

@test "errno is kept by every call that succeeds, and by free" {
	holds c_calls errno_is_kept
}

@test "alignments are kept" {
	holds c_calls alignments_are_kept
}

@test "usable sizes, failures and their errno are the allocator's own" {
	unchanged "$programs/c_calls" sizes_and_errors
	[ "${#output}" -gt 1000 ]
}

@test "what overflows is not counted" {
	holds c_calls what_overflows_is_not_counted
	holds c_calls what_overflows_sets_errno
}

@test "what fails is not counted" {
	holds c_calls what_fails_is_not_counted
}

@test "a resized block is freed and allocated, in place too" {
	holds c_calls a_resized_block_is_freed_and_allocated
}

@test "a failed resize leaves the old block" {
	holds c_calls a_failed_resize_leaves_the_old_block
}

@test "a resize to nothing is a free" {
	holds c_calls a_resize_to_nothing_is_a_free
}

@test "cfree, free_sized and free_aligned_sized are seen" {
	holds c_calls the_other_frees_are_seen
}

@test "dlerror says nothing of what the library did not find" {
	holds c_calls no_loader_error_is_left_behind
}

@test "the first allocation may come while the locale is locked" {
	behind=$programs/early_locale_plugin.so unchanged timeout 20 bash -c 'LC_ALL=C; echo $((1)) | sort'
	behind=$programs/early_locale_plugin.so holds c_calls no_loader_error_is_left_behind
}

@test "wrong frees get the allocator's own verdict" {
	local mistake

	for mistake in double_free wild_free free_in_the_middle wild_realloc; do
		unchanged "$programs/c_calls" $mistake
		[ "$status" -ge 128 ]
	done
}

@test "what is not sampled behaves the same" {
	interval=1T unchanged "$programs/c_calls" sizes_and_errors
	interval=1T unchanged "$programs/c_calls" double_free
}
