#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What the library costs whole programs at the default interval, in two ways.
#
# CPU time (user + system): each round runs a program plain, preloaded and plain
# again, in an order that turns with the rounds, and gives two ratios:
# preloaded / plain, and plain / plain, the same program against itself, which
# shows what a difference on this machine means. The table has the median ratio
# and the range that holds the median with at least 95 % (order statistics).
#
# Instructions, counted by callgrind on a tenth of the work: hardly any noise, but
# not time.
#
# usage: whole_program.sh [ROUNDS]    (default 15)
set -eu

repository=$(cd "$(dirname "$0")/.." && pwd)
build=${HEAPTIDE_BUILD:-$repository/build}
rounds=${1:-15}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HEAPTIDE_DIR=$work/segments HEAPTIDE_SEED=1 PYTHONHASHSEED=1

# The programs: `program NAME SCALE [RUNNER...]`, SCALE in tenths of the work.
program() {
	local name=$1 scale=$2

	shift 2
	case $name in
	sqlite3*)
		"$@" sqlite3 :memory: "
			create table t(id integer primary key, name text, n integer);
			with recursive c(i) as (select 1 union all select i + 1 from c where i < $((scale * 40000)))
				insert into t select i, printf('name %d', (i * 7919) % 400000), i % 1000 from c;
			create index by_name on t(name);
			select count(*), sum(n) from (select * from t order by name, n);"
		;;
	cc1*)
		head -n $((scale * 15)) "$work/unit.i" >"$work/part.i"
		"$@" "$(gcc -print-prog-name=cc1)" -quiet -O2 -g "$work/part.i" -o "$work/part.s"
		;;
	python3*)
		"$@" /usr/bin/python3 -c "
import json
for turn in range(12):
    made = [{'name': str(i), 'square': i * i} for i in range($((scale * 2000)))]
    json.loads(json.dumps(made))
"
		;;
	esac >/dev/null
}

# cpu_ms NAME [RUNNER...]: user + system milliseconds.
cpu_ms() {
	local TIMEFORMAT='%3U %3S'

	{ time program "$1" 10 "${@:2}" 2>"$work/errors"; } 2>&1 |
		awk '{ printf "%d\n", ($1 + $2) * 1000 }'
}

instructions() {
	program "$1" 1 "${@:2}" valgrind --tool=callgrind --callgrind-out-file=/dev/null \
		2>"$work/callgrind"
	sed -n 's/.*Collected : //p' "$work/callgrind"
}

preload=(env LD_PRELOAD="$build/libheaptide.so")

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

quotient() {
	awk -v a="$1" -v b="$2" 'BEGIN { printf "%.5f\n", a / b }'
}

measure() {
	local name=$1 round first second loaded

	program "$name" 10 # warms the caches
	: >"$work/loaded"
	: >"$work/itself"
	for ((round = 0; round < rounds; round++)); do
		case $((round % 3)) in
		0) first=$(cpu_ms "$name"); loaded=$(cpu_ms "$name" "${preload[@]}"); second=$(cpu_ms "$name") ;;
		1) loaded=$(cpu_ms "$name" "${preload[@]}"); second=$(cpu_ms "$name"); first=$(cpu_ms "$name") ;;
		2) second=$(cpu_ms "$name"); first=$(cpu_ms "$name"); loaded=$(cpu_ms "$name" "${preload[@]}") ;;
		esac
		quotient "$loaded" "$first" >>"$work/loaded"
		quotient "$second" "$first" >>"$work/itself"
	done
	echo "| ${name//_/ } | $(summary "$work/loaded") | $(summary "$work/itself")" \
		"| $(quotient "$(instructions "$name" "${preload[@]}")" "$(instructions "$name")") |"
}

awk 'BEGIN {
	for (i = 0; i < 150; i++)
		printf "int f%d(int *a, int n) { int s = %d; for (int i = 0; i < n; i++) " \
			"{ if (a[i] %% %d) s += a[i] * i; else a[i] = s; } return s; }\n", i, i, i + 2
}' >"$work/unit.i"
echo "## Whole programs, interval 512 KiB"
echo
echo "CPU time of $rounds rounds, and instructions of a tenth of the work."
echo
echo "| program | preloaded / plain | 95 % range | plain / plain | 95 % range | instructions, preloaded / plain |"
echo "|---|---|---|---|---|---|"
for name in sqlite3_fills_and_sorts_a_table cc1_compiles_a_file python3_builds_dictionaries; do
	measure "$name"
done
