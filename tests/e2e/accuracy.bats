#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What is reported for each site of a program of known behaviour, against the
# truth. `make accuracy` does the same with 100 seeds at two intervals.

load ../test_helper

table() {
	"$HEAPTIDE_BUILD/tests/accuracy/accuracy_table" "$HEAPTIDE_BUILD/libheaptide.so" \
		"$HEAPTIDE_BUILD/tests/accuracy/sites" \
		"$HEAPTIDE_BUILD/tests/accuracy/sites_plugin.so" "$@"
}

@test "in exact mode every number of every site equals the truth" {
	run table 1 1
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *"all 7 numbers of 16 sites equal the truth." ]]
}

@test "sampled numbers are unbiased and their errors as stated" {
	run table 65536 12
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *"actual / stated spread"* ]]
}
