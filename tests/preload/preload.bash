# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# For the bats files of this folder, after test_helper.

# holds PROGRAM CASE: the case passes in exact mode, and nothing is printed.
holds() {
	run env HEAPTIDE_INTERVAL="${interval:-1}" LD_PRELOAD="$library${behind:+ $behind}" \
		"$programs/$1" "${@:2}"
	expect_status 0
	[ -z "$output" ] || { echo "$output"; false; }
}

# unchanged COMMAND...: output and exit status are the same with the library as without.
unchanged() {
	local expected_status expected_output

	run env ${behind:+LD_PRELOAD="$behind"} "$@"
	expected_status=$status expected_output=$output
	[ "$status" -ne 127 ]
	run env HEAPTIDE_INTERVAL="${interval:-1}" LD_PRELOAD="$library${behind:+ $behind}" "$@"
	diff <(echo "$expected_output") <(echo "$output")
	expect_status "$expected_status"
}
