#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The library's start: settings, and programs that it must leave alone.

load ../test_helper
load preload

@test "a process that allocates nothing leaves nothing" {
	holds start nothing_happens_without_allocations
	[ -z "$(segments)" ]
}

@test "a process that hardly allocates leaves nothing" {
	HEAPTIDE_INTERVAL=1G preloaded sh -c 'echo hello >file; cat file' >output
	[ "$(cat output)" = hello ]
	[ -z "$(segments)" ]
}

@test "the settings of the environment are in force" {
	HEAPTIDE_BUDGET=2m HEAPTIDE_DEPTH=7 HEAPTIDE_UNWINDER=fp HEAPTIDE_SEED=99 \
		interval=3K holds start settings_are_in_the_segment
}

@test "a bad setting leaves the default and is noted, and nothing is printed" {
	interval=12Q holds start a_bad_setting_is_noted
}

@test "a dormant process has a segment and takes no sample" {
	HEAPTIDE_START=off holds start a_dormant_process_has_a_segment
	[ "$(segments | wc -l)" -eq 1 ]
}

@test "a program with its own malloc says so in its segment" {
	holds own_malloc
}

@test "an allocator that is preloaded first is noted" {
	run env HEAPTIDE_INTERVAL=1 LD_PRELOAD="libjemalloc.so.2 $library" \
		"$programs/start" another_preloaded_allocator_first_is_noted
	expect_status 0
}

@test "the stub of an executable at a fixed address is no allocator of its own" {
	holds fixed_address a_stub_is_no_allocator
	holds start a_stub_is_no_allocator
}

@test "a deeply bound library is not seen, and its frees heal" {
	PLUGIN=$programs/plain_plugin.so holds start a_deeply_bound_library_is_not_seen
}

@test "a program with more rights than its user is left alone" {
	need_root
	unshare -m true 2>/dev/null || skip "no mount namespaces here"
	local victim

	# The loader preloads into such a program only what lies in its own
	# directories and has the set-user-ID bit itself.
	victim=$(ldconfig -p | awk '$1 == "libjemalloc.so.2" { print $NF; exit }')
	cp "$library" privileged.so
	cp "$programs/start" privileged
	chown nobody privileged
	chmod 4755 privileged privileged.so
	chmod 755 . "$HEAPTIDE_DIR"
	run unshare -m bash -c '
		mount --bind privileged.so "$1" || exit 99
		LD_PRELOAD=libjemalloc.so.2 HEAPTIDE_INTERVAL=1 \
			exec ./privileged a_privileged_program_is_left_alone' - "$(realpath "$victim")"
	expect_status 0
	[ -z "$output" ]
	[ -z "$(segments)" ]
}
