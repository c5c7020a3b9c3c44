#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Fuzzes the reader with libFuzzer under AddressSanitizer and UBSan and prints
# TAP. An input that breaks it is left in $HEAPTIDE_BUILD/fuzz/crash-*; once
# fixed, add it to tests/fuzz/corpus, which every run begins with.
#
# usage: tests/fuzz/run.sh [SECONDS]     (60)
set -u
seconds=${1:-60}
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(realpath -m "${HEAPTIDE_BUILD:-$root/build}")/fuzz
target=$build/snapshot_fuzz

echo 1..2
if ! command -v clang >/dev/null; then
	echo "ok 1 # SKIP clang is not installed"
	echo "ok 2 # SKIP clang is not installed"
	exit 0
fi
mkdir -p "$build/found"
cd "$root" || exit 1
clang -std=gnu11 -O1 -g -I. -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
	-o "$target" tests/fuzz/snapshot_fuzz.c sampler/snapshot*.c leakcheck/*.c -lm || exit 1

report() { # number, name, status, log
	if [ "$3" = 0 ]; then
		echo "ok $1 - $2"
	else
		sed 's/^/# /' "$4" | tail -40
		echo "not ok $1 - $2"
	fi
}

"$target" -runs=0 tests/fuzz/corpus >"$build/corpus.log" 2>&1
report 1 "the reader survives the corpus" $? "$build/corpus.log"
"$target" -max_total_time="$seconds" -max_len=8192 -timeout=10 -artifact_prefix="$build/" \
	"$build/found" tests/fuzz/corpus >"$build/fuzz.log" 2>&1
report 2 "the reader survives $seconds s of fuzzing" $? "$build/fuzz.log"
sed -n 's/^Done /# /p' "$build/fuzz.log"
