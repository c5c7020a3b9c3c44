#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Hostile programs of ours: they live as they do without the library. What the
# programs in tests/preload do to it already is not repeated here.

load ../test_helper
load torture

# lives CASE: the case ends well without the library and with it.
lives() {
	HEAPTIDE_BUDGET=8M same timeout 100 "$programs/hostile" "$1"
	[ ! -s "$BATS_TEST_TMPDIR/out.plain" ] || { cat "$BATS_TEST_TMPDIR/out.plain"; false; }
}

@test "a fork storm while eight threads allocate" {
	lives a_fork_storm_among_threads
}

@test "exceptions thrown through operator new from eight threads" {
	same timeout 100 "$programs/hostile_throws"
	grep -qx '2000 2000' "$BATS_TEST_TMPDIR/out.1"
}

@test "siglongjmp out of a handler that interrupted malloc" {
	# In the exact mode the segment is there before the first jump.
	intervals=1 behind=$HEAPTIDE_BUILD/tests/preload/bump_plugin.so lives handlers_may_jump_out_of_malloc
}

@test "coroutines of makecontext on small stacks" {
	lives coroutines_on_their_own_stacks
}

# Its kernel forbids even to read the time. A filter is another matter: the
# tests of processes and of sshd have those.
@test "seccomp's strict mode is lived with between samples, not at a sample" {
	run env HEAPTIDE_INTERVAL=1G LD_PRELOAD="$library" "$programs/hostile" seccomp_strict_after_the_start
	expect_status 0
	run env HEAPTIDE_INTERVAL=1 LD_PRELOAD="$library" "$programs/hostile" seccomp_strict_after_the_start
	[ "$status" -gt 128 ]
}

@test "the segment and its folder are removed while the program works" {
	# shellcheck disable=SC2317 # called by same
	removed() {
		HEAPTIDE_DIR=$(mktemp -d "$HEAPTIDE_DIR/XXXXXX") profiled "$programs/hostile" the_segment_may_be_removed
		# A segment that is not removed, to see that there is one.
		profiled bash -c 'echo $(echo x)'
	}
	same removed
}

@test "AddressSanitizer and ThreadSanitizer preloaded before the library" {
	local runtime

	for runtime in libasan.so.8 libtsan.so.2; do
		run env LD_PRELOAD="$runtime" bash -c 'echo $((6 * 7)); exit 5'
		# Some runtimes do not start on some kernels, on their own.
		[ "$status" -eq 5 ] && [ "$output" = 42 ] || continue
		run env HEAPTIDE_INTERVAL=1 LD_PRELOAD="$runtime:$library" bash -c 'echo $((6 * 7)); exit 5'
		expect_status 5
		[ "$output" = 42 ]
	done
}

@test "AddressSanitizer preloaded after the library refuses in its own words" {
	[ -z "$(LD_PRELOAD=libasan.so.8 true 2>&1)" ] || skip "libasan.so.8 is not installed"
	run env LD_PRELOAD="$library:libasan.so.8" true
	[ "$status" -ne 0 ]
	expect_output 'ASan runtime does not come first'
}
