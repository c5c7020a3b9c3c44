#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Every stack that the unwinder finds in real programs is, frame by frame, the
# one that libunwind finds step by step from the same point. stack_oracle_plugin
# takes both at allocations of the program and compares.

load ../test_helper
load preload

# consult EVERY COMMAND...: compares at every EVERYth allocation of each process.
consult() {
	local every=$1

	shift
	ORACLE_OUT=$BATS_TEST_TMPDIR/oracle ORACLE_EVERY=$every \
		LD_PRELOAD=$programs/stack_oracle_plugin.so "$@"
}

# sum FIELD: over all processes. Fields: 1 stacks, 2 equal, 3 frames, 4 different,
# 5 ours goes on where libunwind's ends, 6 the other way round.
sum() {
	find "$BATS_TEST_TMPDIR" -name 'oracle.*' ! -name '*.txt' -size +0 -exec cat {} + |
		od -An -v -w48 -t u8 | awk -v field="$1" '{ sum += $field } END { print sum + 0 }'
}

# agree MINIMUM [ENDS]: at least so many stacks were compared, and all were equal,
# but for ENDS of which one goes on where the other ends.
agree() {
	echo "$(sum 1) stacks, $(sum 3) frames: $(sum 2) equal, $(sum 4) different," \
		"$(sum 5) longer, $(sum 6) shorter than libunwind's"
	find "$BATS_TEST_TMPDIR" -name 'oracle.*.txt' -exec head -60 {} +
	[ "$(sum 1)" -ge "$1" ]
	[ "$(sum 4)" -eq 0 ]
	[ $(($(sum 5) + $(sum 6))) -le "${2:-0}" ]
	[ $(($(sum 2) + $(sum 5) + $(sum 6))) -eq "$(sum 1)" ]
}

@test "stacks in python3 are libunwind's" {
	need python3
	consult 4 python3 -c '
import json, re, sqlite3, threading
def work():
    for i in range(200):
        re.compile("a%d(b|c)*" % i)
        json.loads(json.dumps({"a": list(range(50))}))
threads = [threading.Thread(target=work) for _ in range(4)]
[t.start() for t in threads]
[t.join() for t in threads]
db = sqlite3.connect(":memory:")
db.execute("create table t(a, b)")
db.executemany("insert into t values (?, ?)", [(i, str(i)) for i in range(2000)])
print(db.execute("select count(*) from t group by a % 7").fetchall())'
	agree 3000
}

@test "stacks in perl are libunwind's" {
	need perl
	consult 20 perl -e 'for $i (1 .. 20000) { $h{"k$i"} = [1 .. 3] }
		@s = sort { $a cmp $b } keys %h; s/(\d+)/sprintf("%x", $1)/ge for @s; print "@s[0..3]\n"'
	agree 3000
}

@test "stacks in sqlite3 are libunwind's" {
	need sqlite3
	consult 10 sqlite3 :memory: 'create table t(a, b);
		with recursive c(x) as (select 1 union all select x + 1 from c where x < 20000)
		insert into t select x, hex(randomblob(20)) from c;
		create index i on t(b); select count(*), max(b) from t group by a % 10;'
	agree 3000
}

@test "stacks in git and its children are libunwind's" {
	need git
	git init -q source
	for i in $(seq 200); do echo "line $i" >"source/file$i"; done
	git -C source add .
	git -C source -c user.name=test -c user.email=test@localhost commit -qm all
	consult 1 git clone -q --no-local source copy
	consult 1 git -C copy log --stat -p >/dev/null
	agree 3000
}

@test "stacks in redis-server are libunwind's" {
	local port

	need redis-server redis-cli
	port=$((20000 + RANDOM % 20000))
	consult 10 redis-server --port $port --bind 127.0.0.1 --save '' --appendonly no >redis.log &
	wait_until redis-cli -p $port ping >/dev/null 2>&1
	seq 6000 | sed 's/.*/set key& value&\nlpush list& a b c\nhset hash& f&/' |
		redis-cli -p $port >/dev/null
	redis-cli -p $port shutdown nosave || true
	wait
	agree 3000
}

# Enough C for a compiler to think about.
write_source() {
	echo '#include <stdio.h>'
	for i in $(seq 150); do
		echo "struct s$i { int a, b[$i]; };
int f$i(struct s$i *s, int n) {
	int sum = 0;
	for (int i = 0; i < n && i < $i; i++) { sum += s->b[i] * (i ^ n); if (sum > n) printf(\"%d\", sum); }
	return sum / (n + 1);
}"
	done
}

@test "stacks in gcc's cc1 are libunwind's" {
	need gcc
	write_source >source.c
	consult 5 gcc -O2 -c -o source.o source.c
	agree 3000
}

@test "stacks in clang are libunwind's" {
	need clang
	write_source >source.c
	consult 20 clang -O2 -c -o source.o source.c
	agree 3000
}

@test "stacks in node are libunwind's, through its own code made at run time" {
	need node
	consult 12 node -e '
const objects = [];
for (let i = 0; i < 100000; i++) objects.push({x: i, s: "k" + i});
const text = JSON.stringify(objects);
require("zlib").gzipSync(text);
for (let i = 0; i < 1000; i++) require("crypto").createHash("sha256").update("x" + i).digest("hex");
console.log(text.length);'
	# While V8 throws optimised code away, its frame pointer is of neither frame;
	# both have to guess there, and guess differently once in thousands.
	agree 3000 3
}

@test "stacks of callbacks, handlers, threads, coroutines and jumps are libunwind's" {
	consult 1 "$programs/stack_shapes"
	agree 500
}

@test "stacks of destructors and handlers of C++ exceptions are libunwind's" {
	consult 1 "$programs/stack_exceptions"
	agree 1000
}

@test "stacks are right when another library is loaded where one was" {
	run consult 1 "$programs/stack_reload" "$programs/stack_narrow_plugin.so" \
		"$programs/stack_wide_plugin.so"
	[ "$status" -eq 0 ]
	[ "$output" -ge 50 ] # times that one was loaded in the other's place
	agree 200
}
