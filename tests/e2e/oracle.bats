#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# In the exact mode the sums are those of valgrind, which counts by other means.

load ../test_helper

# by_valgrind COMMAND...: "allocations bytes blocks-in-use bytes-in-use"
by_valgrind() {
	valgrind --run-libc-freeres=no --run-cxx-freeres=no "$@" 2>&1 >/dev/null | tr -d , |
		sed -nE 's/.*in use at exit: ([0-9]+) bytes in ([0-9]+) blocks.*/\2 \1/p
			s/.*total heap usage: ([0-9]+) allocs.* ([0-9]+) bytes allocated.*/\1 \2/p' |
		tac | paste -sd ' '
}

by_heaptide() {
	env HEAPTIDE_INTERVAL=1 LD_PRELOAD="$library" "$@" >/dev/null
	"$heaptide" report --format json "$(segments)" | python3 -c '
import json, sys
totals = json.load(sys.stdin)["totals"]
print(*(totals[view][unit] for view in ("alloc", "inuse") for unit in ("objects", "bytes")))'
}

agree() {
	local expected

	expected=$(by_valgrind "$@")
	[[ $expected =~ ^[0-9]+\ [0-9]+\ [0-9]+\ [0-9]+$ ]] # valgrind could run it
	run by_heaptide "$@"
	expect_status 0
	if [ "$output" != "$expected" ]; then
		echo "heaptide: $output; valgrind: $expected"
		return 1
	fi
}

@test "sqlite3 allocates what valgrind says" {
	need sqlite3 valgrind python3
	agree sqlite3 :memory: "create table t(a, b);
		with recursive c(x) as (select 1 union all select x + 1 from c where x < 3000)
		insert into t select x, hex(x) from c;
		create index i on t(b); select count(*), sum(length(b)) from t;"
}

@test "xz allocates what valgrind says" {
	need xz valgrind python3
	agree xz -1kc "$library"
}
