#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Fuzzes the reader with libFuzzer under AddressSanitizer and UBSan and prints
# TAP. An input that breaks it is left in the build folder (fuzz/crash-*); once
# fixed, add it to tests/fuzz/corpus, which every run begins with.
#
# usage: tests/fuzz/run.sh [SECONDS]     (60, for all targets together)
set -u
seconds=${1:-60}
targets=(snapshot output)
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(realpath -m "${HEAPTIDE_BUILD:-$root/build}")/fuzz
cd "$root" || exit 1

echo "1..$((2 * ${#targets[@]}))"
if ! command -v clang >/dev/null; then
	for i in $(seq $((2 * ${#targets[@]}))); do
		echo "ok $i # SKIP clang is not installed"
	done
	exit 0
fi

sanitize=fuzzer-no-link,address,undefined
reader=build-clang-${sanitize//,/-}
# shellcheck disable=SC2016
libraries=$(make -s --eval='print-libraries: ; @echo $(READER_LIBS)' print-libraries)
make -s CC=clang SANITIZE=$sanitize "$reader/tests/libreader.a" || exit 1
mkdir -p "$build"

number=0
report() { # name, status, log
	number=$((number + 1))
	if [ "$2" = 0 ]; then
		echo "ok $number - $1"
	else
		sed 's/^/# /' "$3" | tail -40
		echo "not ok $number - $1"
	fi
}

for target in "${targets[@]}"; do
	program=$build/${target}_fuzz
	log=$build/$target.log
	# shellcheck disable=SC2086
	clang -std=gnu11 -O1 -g -I. -I"$reader/exporter/proto" -Wall -Wextra -Werror \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o "$program" \
		"tests/fuzz/${target}_fuzz.c" "$reader/tests/libreader.a" $libraries || exit 1
	mkdir -p "$build/$target"
	"$program" -runs=0 tests/fuzz/corpus >"$log" 2>&1
	report "$target: the reader survives the corpus" $? "$log"
	"$program" -max_total_time=$((seconds / ${#targets[@]})) -max_len=8192 -timeout=20 \
		-artifact_prefix="$build/" "$build/$target" tests/fuzz/corpus >"$log" 2>&1
	report "$target: the reader survives $((seconds / ${#targets[@]})) s of fuzzing" $? "$log"
	sed -n 's/^Done /# /p' "$log"
done
