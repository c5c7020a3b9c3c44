#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# How many instructions the library adds to a malloc(64) + free pair, counted by
# callgrind: exact, and the same on every machine. Two lengths of the loop are
# run with and without the library, so that what happens once falls out.
#
# usage: pair_instructions.sh [INTERVAL...]    (default: 512K, and 1T for no sample at all)
set -eu

repository=$(cd "$(dirname "$0")/.." && pwd)
build=${HEAPTIDE_BUILD:-$repository/build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
short=20000 long=420000

# instructions PAIRS [NAME=VALUE...]: how many the whole program executes.
instructions() {
	env HEAPTIDE_DIR="$work" HEAPTIDE_SEED=1 "${@:2}" \
		valgrind --tool=callgrind --callgrind-out-file=/dev/null \
		"$build/bench/pair_loop" "$1" 2>&1 | sed -n 's/.*Collected : //p'
}

# per_pair [NAME=VALUE...]: instructions of one pair, in thousandths.
per_pair() {
	local few many

	few=$(instructions $short "$@") many=$(instructions $long "$@")
	echo $(((many - few) * 1000 / (long - short)))
}

plain=$(per_pair)
echo "## Instructions per malloc(64) + free pair"
echo
echo "| sampling interval | without the library | added by it |"
echo "|---|---|---|"
[ $# -gt 0 ] || set -- 512K 1T
for interval in "$@"; do
	with=$(per_pair LD_PRELOAD="$build/libheaptide.so" HEAPTIDE_INTERVAL="$interval")
	awk -v interval="$interval" -v plain="$plain" -v with="$with" \
		'BEGIN { printf "| %s | %.2f | %.2f |\n", interval, plain / 1000, (with - plain) / 1000 }'
done
