#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What the library costs whole programs at the default interval. Each round runs
# a program plain, preloaded and plain again, in an order that turns with the
# rounds, and gives two ratios of CPU time (user + system): preloaded / plain,
# and plain / plain, the same program against itself, which shows what a
# difference on this machine means. The table has the median ratio and the
# range that holds the median with at least 95 % (order statistics).
#
# usage: whole_program.sh [ROUNDS]    (default 15)
set -eu

repository=$(cd "$(dirname "$0")/.." && pwd)
build=${HEAPTIDE_BUILD:-$repository/build}
rounds=${1:-15}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HEAPTIDE_DIR=$work/segments

sqlite3_fills_and_sorts_a_table() {
	sqlite3 :memory: "
		create table t(id integer primary key, name text, n integer);
		with recursive c(i) as (select 1 union all select i + 1 from c where i < 400000)
			insert into t select i, printf('name %d', (i * 7919) % 400000), i % 1000 from c;
		create index by_name on t(name);
		select count(*), sum(n) from (select * from t order by name, n);" >/dev/null
}

cc1_compiles_a_file() {
	"$(gcc -print-prog-name=cc1)" -quiet -O2 -g "$work/unit.i" -o "$work/unit.s"
}

python3_builds_dictionaries() {
	python3 -c '
import json
for turn in range(12):
    made = [{"name": str(i), "square": i * i} for i in range(20000)]
    json.loads(json.dumps(made))
'
}

# cpu_ms FUNCTION: runs it, prints user + system milliseconds.
cpu_ms() {
	local TIMEFORMAT='%3U %3S'

	{ time "$1" 2>"$work/errors"; } 2>&1 | awk '{ printf "%d\n", ($1 + $2) * 1000 }'
}

plain() {
	cpu_ms "$1"
}

preloaded() {
	LD_PRELOAD=$build/libheaptide.so cpu_ms "$1"
}

# summary FILE of ratios: "median | low - high".
summary() {
	sort -n "$1" | awk '
		{ ratio[NR] = $1 }
		END {
			# The largest k with P(Binomial(n, 1/2) < k) <= 0.025.
			below = 0; term = 0.5 ^ NR; k = 0
			while (below + term <= 0.025) {
				below += term; k++; term = term * (NR - k + 1) / k
			}
			if (k < 1) k = 1
			middle = NR % 2 ? ratio[(NR + 1) / 2] : (ratio[NR / 2] + ratio[NR / 2 + 1]) / 2
			printf "%.3f | %.3f - %.3f", middle, ratio[k], ratio[NR + 1 - k]
		}'
}

measure() {
	local program=$1 round first second loaded

	"$program" # warms the caches
	: >"$work/loaded"
	: >"$work/itself"
	for ((round = 0; round < rounds; round++)); do
		case $((round % 3)) in
		0) first=$(plain "$program"); loaded=$(preloaded "$program"); second=$(plain "$program") ;;
		1) loaded=$(preloaded "$program"); second=$(plain "$program"); first=$(plain "$program") ;;
		2) second=$(plain "$program"); first=$(plain "$program"); loaded=$(preloaded "$program") ;;
		esac
		awk -v a="$loaded" -v b="$first" 'BEGIN { printf "%.5f\n", a / b }' >>"$work/loaded"
		awk -v a="$second" -v b="$first" 'BEGIN { printf "%.5f\n", a / b }' >>"$work/itself"
	done
	echo "| ${program//_/ } | $(summary "$work/loaded") | $(summary "$work/itself") |"
}

# A file with enough functions to keep the compiler busy for a while.
awk 'BEGIN {
	for (i = 0; i < 150; i++)
		printf "int f%d(int *a, int n) { int s = %d; for (int i = 0; i < n; i++) " \
			"{ if (a[i] %% %d) s += a[i] * i; else a[i] = s; } return s; }\n", i, i, i + 2
}' >"$work/unit.i"
echo "## Whole programs, interval 512 KiB, $rounds rounds, CPU time"
echo
echo "| program | preloaded / plain | 95 % range | plain / plain | 95 % range |"
echo "|---|---|---|---|---|"
for program in sqlite3_fills_and_sorts_a_table cc1_compiles_a_file python3_builds_dictionaries; do
	measure "$program"
done
