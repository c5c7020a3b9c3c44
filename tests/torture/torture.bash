# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# For the bats files of this folder, after test_helper. A row of the matrix is a
# program, or a function of the test that starts some, that must do the same with
# the library as without it, at each of three intervals.
#
# TORTURE=long    the loads of `make torture`, and the programs that are heavy

intervals='1 65536 524288'

is_long() {
	[ "${TORTURE:-}" = long ]
}

only_long() {
	is_long || skip "runs in make torture only"
}

# load_of SHORT LONG: how much there is to do.
load_of() {
	if is_long; then echo "$2"; else echo "$1"; fi
}

# Of two programs of this name, the one that Debian brought.
debian() {
	local PATH=/usr/bin:/usr/sbin:/bin:/sbin

	command -v "$1"
}

# profiled COMMAND...: under the library, or plain while `same` makes its reference.
profiled() {
	(serve "$@")
}

# The same instead of this shell: `serve COMMAND... &` makes $! the program's.
serve() {
	if [ -n "$interval" ]; then
		exec env HEAPTIDE_INTERVAL="$interval" LD_PRELOAD="$library${behind:+:$behind}" "$@"
	else
		exec env LD_PRELOAD="$behind" "$@"
	fi
}

# Runs a command or function in a new folder of the same name each time.
attempt() {
	local folder=$BATS_TEST_TMPDIR/run

	rm -rf "$folder"
	mkdir -p "$folder"
	(
		# A server must not outlive a story that went wrong.
		trap 'kill $(jobs -p) 2>/dev/null' EXIT
		cd "$folder" || exit 99
		if [ "$(type -t "$1")" = function ]; then "$@"; else profiled "$@"; fi
	) >"$BATS_TEST_TMPDIR/out.${interval:-plain}" 2>&1 </dev/null
}

# Each segment that a run left is good, and is removed.
check_segments() {
	local segment

	[ -n "$(find "$HEAPTIDE_DIR" -maxdepth 1 -name '*.heaptide')" ] || return 0
	"$heaptide" ps >"$BATS_TEST_TMPDIR/ps" 2>"$BATS_TEST_TMPDIR/bad" && ! [ -s "$BATS_TEST_TMPDIR/bad" ] || {
		cat "$BATS_TEST_TMPDIR/bad"
		return 1
	}
	while read -r segment; do
		rm -f "$segment"
	done < <(segments)
}

# same COMMAND...: output and exit status are those of the plain run, and at the
# interval of 1 there is a segment.
same() {
	local interval plain status=0

	interval=''
	attempt "$@" || status=$?
	plain=$status
	if [ "$plain" -eq 99 ] || [ "$plain" -eq 127 ]; then
		cat "$BATS_TEST_TMPDIR/out.plain"
		return 1
	fi
	for interval in $intervals; do
		status=0
		attempt "$@" || status=$?
		if [ "$status" -ne "$plain" ] ||
			! diff "$BATS_TEST_TMPDIR/out.plain" "$BATS_TEST_TMPDIR/out.$interval"; then
			echo "interval $interval: status $status, was $plain"
			return 1
		fi
		[ "$interval" -ne 1 ] || [ -n "$(segments)" ]
		check_segments
	done
}
