# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What every bats file loads: `load ../test_helper`. Finds the build, gives each
# test a segment directory of its own, and cleans up after it. A file that
# defines setup() or teardown() itself calls heaptide_setup, heaptide_teardown.
#
#   $heaptide   the command          $library   libheaptide.so
#   $programs   folder of the built test programs of this file's folder

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
HEAPTIDE_BUILD=${HEAPTIDE_BUILD:-$repository/build}
heaptide=$HEAPTIDE_BUILD/heaptide
library=$HEAPTIDE_BUILD/libheaptide.so
programs=$HEAPTIDE_BUILD/${BATS_TEST_DIRNAME#"$repository"/}

heaptide_setup() {
	local name

	# Settings of the machine's user must not reach the tests.
	for name in "${!HEAPTIDE_@}"; do
		[ "$name" = HEAPTIDE_BUILD ] || unset "$name"
	done
	unset LD_PRELOAD DEBUGINFOD_URLS
	HEAPTIDE_DIR=$(mktemp -d /dev/shm/heaptide-test.XXXXXX)
	# The same samples every time.
	HEAPTIDE_SEED=1
	export HEAPTIDE_DIR HEAPTIDE_BUILD HEAPTIDE_SEED
	cd "$BATS_TEST_TMPDIR" || return
}

heaptide_teardown() {
	local pid

	for pid in $(jobs -p); do
		kill -KILL "$pid" 2>/dev/null || true
	done
	rm -rf "$HEAPTIDE_DIR"
}

setup() {
	heaptide_setup
}

teardown() {
	heaptide_teardown
}

# preloaded COMMAND...: runs it under the library, without the heaptide command.
preloaded() {
	LD_PRELOAD="$library" "$@"
}

# The segment files of this test.
segments() {
	find "$HEAPTIDE_DIR" -name '*.heaptide'
}

# wait_until COMMAND...: until it succeeds; fails after 30 s.
wait_until() {
	local deadline=$((SECONDS + 30))

	until "$@"; do
		if [ $SECONDS -ge $deadline ]; then
			echo "waited in vain for: $*"
			return 1
		fi
		sleep 0.02
	done
}

# need COMMAND...: skips the test when one of them is not installed.
need() {
	local name

	for name in "$@"; do
		command -v "$name" >/dev/null || skip "$name is not installed"
	done
}

need_root() {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
}

# After bats' run: says what came out when it is not what was expected.
expect_status() {
	if [ "$status" -ne "$1" ]; then
		echo "status $status, expected $1; output:"
		echo "$output"
		return 1
	fi
}

# expect_output REGEX: some line of the output matches (grep -E).
expect_output() {
	if ! grep -qE -- "$1" <<<"$output"; then
		echo "no line matches: $1; output:"
		echo "$output"
		return 1
	fi
}

refute_output() {
	if grep -qE -- "$1" <<<"$output"; then
		echo "a line matches: $1; output:"
		echo "$output"
		return 1
	fi
}
