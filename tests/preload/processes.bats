#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# fork and its relatives, and processes that give up rights and resources.

load ../test_helper
load preload

setup() {
	heaptide_setup
	# Every child makes a segment.
	export HEAPTIDE_BUDGET=8M
}

@test "a forked child has its own segment and leaves the parent's alone" {
	holds processes a_child_has_its_own_segment
	[ "$(segments | wc -l)" -eq 2 ]
}

@test "a child of raw clone has its own segment" {
	holds processes a_raw_clone_has_its_own_segment
	[ "$(segments | wc -l)" -eq 2 ]
}

@test "a child that allocates nothing leaves nothing" {
	holds processes a_child_that_allocates_nothing_leaves_nothing
	[ "$(segments | wc -l)" -eq 1 ]
}

@test "threads may allocate while another one forks" {
	holds processes threads_may_allocate_while_another_forks
	[ "$(segments | wc -l)" -eq 41 ]
}

@test "grandchildren have their own segments" {
	holds processes grandchildren_too
	[ "$(segments | wc -l)" -eq 3 ]
}

@test "a vfork child does not disturb its parent" {
	holds processes a_vfork_child_does_not_disturb
	holds processes a_vfork_child_may_come_first
	[ "$(segments | wc -l)" -eq 2 ]
}

@test "a spawned program has its own segment" {
	holds processes spawned_programs_have_their_own
	[ "$(segments | wc -l)" -eq 11 ]
}

@test "exec begins a new segment" {
	holds processes exec_begins_anew
	[ "$(segments | wc -l)" -eq 2 ]
}

@test "no descriptor stays open" {
	holds processes no_descriptor_stays_open
}

@test "a daemon may close every descriptor" {
	holds processes a_daemon_may_close_every_descriptor
}

@test "a server may chroot and drop its privileges" {
	need_root
	holds processes a_server_may_chroot_and_drop_privileges
	[ "$(segments | wc -l)" -eq 1 ]
	holds processes a_server_may_chroot_before_the_first_sample
	[ "$(segments | wc -l)" -eq 1 ]
}

@test "without descriptors there are no samples, or no more samples' files" {
	holds processes no_descriptor_may_be_had
	[ -z "$(segments)" ]
	holds processes no_descriptor_may_be_had_later
}

@test "system calls may be forbidden with seccomp, before or after the start" {
	holds processes everything_else_may_be_forbidden_later
	holds processes everything_may_be_forbidden_from_the_start
	holds processes a_strict_filter_may_come_later
}

@test "exit handlers may allocate, and the end is recorded after them" {
	holds processes exit_handlers_may_allocate
}

# The limits are for the program alone.
limited() {
	(
		ulimit "$@"
		holds processes only_frees_and_mallocs
	)
}

@test "limits of files and address space are kept" {
	limited -f 0
	limited -f 100
	limited -n 3
	limited -v 20000
	limited -v 100000
	limited -v 1000000
}

@test "a missing, unwritable or foreign directory costs only the samples" {
	HEAPTIDE_DIR=/nowhere/at/all holds processes only_frees_and_mallocs
	HEAPTIDE_DIR=/proc holds processes only_frees_and_mallocs
	HEAPTIDE_DIR=/dev/null holds processes only_frees_and_mallocs
	[ -z "$(segments)" ]
}

@test "a read-only or full file system costs only the samples" {
	need_root
	unshare -m true 2>/dev/null || skip "no mount namespaces here"
	local options

	for options in ro,size=10M size=16k size=400k size=2M; do
		run unshare -m bash -c '
			mount -t tmpfs -o "$1" none "$HEAPTIDE_DIR" || exit 99
			LD_PRELOAD=$2 HEAPTIDE_INTERVAL=1 exec "$3" only_frees_and_mallocs' \
			- $options "$library" "$programs/processes"
		expect_status 0
		[ -z "$output" ]
	done
}
