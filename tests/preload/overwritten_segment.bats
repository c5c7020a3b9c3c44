#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The library must not trust what it reads back from the shared file.

load ../test_helper
load preload

survives() {
	interval=$1 holds overwritten_segment "$2" 1000
	# The reader survives what is left, too.
	for segment in $(segments); do
		run "$heaptide" report "$segment"
		[ "$status" -le 2 ]
	done
}

@test "a program survives garbage in its segment, in the exact mode" {
	survives 1 1
	survives 1 2
}

@test "a program survives garbage in its segment, sampling" {
	survives 64 3
	survives 4096 4
}
