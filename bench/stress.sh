#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# CPU time of a malloc and its free in loops that allocate in different ways, in
# turn without a library, with one that only forwards, under heaptide and, where
# they are installed, under others that profile the heap. Each cell is the
# median of the rounds. The second "plain" column is the program against itself.
#
# usage: stress.sh [ROUNDS]    (default 7)
set -eu

repository=$(cd "$(dirname "$0")/.." && pwd)
build=${HEAPTIDE_BUILD:-$repository/build}
rounds=${1:-7}
work=$(mktemp -d)
mkdir "$work/times"
trap 'rm -rf "$work"' EXIT
export HEAPTIDE_SEED=1

# run VARIANT WAY NUMBER OPERATIONS: one measurement, or nothing.
run() {
	local variant=$1 loop=("$build/bench/stress" "${@:2}")
	local jemalloc=/usr/lib/x86_64-linux-gnu/libjemalloc.so.2
	local tcmalloc=/usr/lib/x86_64-linux-gnu/libtcmalloc.so.4

	case $variant in
	plain*) "${loop[@]}" ;;
	forward) LD_PRELOAD=$build/bench/forward_plugin.so "${loop[@]}" ;;
	heaptide) HEAPTIDE_DIR=$work LD_PRELOAD=$build/libheaptide.so "${loop[@]}" ;;
	exact) HEAPTIDE_DIR=$work HEAPTIDE_INTERVAL=1 LD_PRELOAD=$build/libheaptide.so "${loop[@]}" ;;
	jemalloc) LD_PRELOAD=$jemalloc "${loop[@]}" ;;
	jemalloc_profile) LD_PRELOAD=$jemalloc MALLOC_CONF=prof:true,lg_prof_sample:19 "${loop[@]}" ;;
	tcmalloc) LD_PRELOAD=$tcmalloc "${loop[@]}" ;;
	tcmalloc_sample) LD_PRELOAD=$tcmalloc TCMALLOC_SAMPLE_PARAMETER=524288 "${loop[@]}" ;;
	tcmalloc_heapprofile) LD_PRELOAD=$tcmalloc HEAPPROFILE=$work/profile "${loop[@]}" ;;
	heaptrack) heaptrack -o "$work/track" "${loop[@]}" | grep -E '^[0-9.]+$' ;;
	esac 2>>"$work/errors"
	rm -f "$work"/*.heaptide "$work"/profile* "$work"/track*
}

median() {
	sort -n "$1" | awk '{ x[NR] = $1 } END { if (NR) printf "%.1f", NR % 2 ? x[(NR + 1) / 2] : (x[NR / 2] + x[NR / 2 + 1]) / 2; else printf "-" }'
}

# row LABEL OPERATIONS WAY NUMBER: variants in turn, `rounds` times.
row() {
	local label=$1 operations=$2 way=$3 number=$4 round variant

	rm -f "$work"/times/*
	for ((round = 0; round < rounds; round++)); do
		for variant in "${variants[@]}"; do
			run "$variant" "$way" "$number" "$operations" >>"$work/times/$variant" || true
		done
	done
	echo -n "| $label |"
	for variant in "${variants[@]}"; do
		echo -n " $(median "$work/times/$variant") |"
	done
	echo
}

table() {
	echo "| |$(printf ' %s |' "${variants[@]//_/ }")"
	echo "|---|$(printf -- '--:|%.0s' "${variants[@]}")"
}

variants=(plain plain_again forward heaptide exact)
echo "## Loops that allocate, in nanoseconds of CPU time per malloc and free"
echo
echo "heaptide is at its default interval of 512 KiB, exact at 1. Median of $rounds rounds in turn."
echo
table
for size in 16 64 256 4096; do
	row "pairs of $size bytes" 2000000 pair $size
done
row "pairs of 64 bytes, 20 calls deep" 1000000 deep 20
row "random frees, 1 000 live" 1000000 random 1000
row "random frees, 100 000 live" 1000000 random 100000
row "random frees, 1 000 000 live" 1000000 random 1000000
for n in 1 2 4 8; do
	row "$n threads" 1000000 threads $n
done
row "one thread allocates, one frees" 1000000 handover 64
row "2 threads exchange blocks" 1000000 exchange 2
for n in 100 1000 10000 100000; do
	row "$n stacks" 500000 stacks $n
done

variants=(plain heaptide exact jemalloc jemalloc_profile tcmalloc tcmalloc_sample tcmalloc_heapprofile heaptrack)
echo
echo "### Beside others"
echo
echo "Each profiler that needs an allocator of its own beside that allocator without profiling. A dash: not"
echo "installed. Only 300 000 operations each, so what a profiler does at the start weighs in."
echo
table
row "pairs of 64 bytes" 300000 pair 64
row "pairs of 64 bytes, 20 calls deep" 300000 deep 20
row "random frees, 100 000 live" 300000 random 100000
row "2 threads" 300000 threads 2
