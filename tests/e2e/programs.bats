#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Real programs, exactly recorded and sampled: they print what they print without
# the library, and their reports and profiles name the functions that allocate.

bats_require_minimum_version 1.5.0
load ../test_helper

# same PROGRAM...: output and status are those of the program alone, at T = 1 and
# at T = 512 KiB; leaves the exact profile in 1.pb.gz.
same() {
	local interval status=0 with

	"$@" </dev/null >alone || status=$?
	for interval in 1 512K; do
		with=0
		"$heaptide" run -q --interval "$interval" -o "$interval.pb.gz" -- "$@" </dev/null \
			>"with_$interval" || with=$?
		[ "$with" -eq "$status" ]
		cmp alone "with_$interval"
	done
	[ -s alone ]
}

# names COMMAND FUNCTION: the exact segment of COMMAND has FUNCTION, with as many
# bytes allocated as `go tool pprof` reads from its profile.
names() {
	local segment reported

	segment=$("$heaptide" ps --format json | python3 -c '
import json, sys
rows = [r for r in json.load(sys.stdin) if r["command"] == sys.argv[1]]
print(max((r for r in rows if r["interval_bytes"] == 1), key=lambda r: r["samples"])["segment"])
' "$1")
	reported=$("$heaptide" report "$segment" --view alloc --top 100000 --format json |
		python3 -c '
import json, sys
rows = json.load(sys.stdin)["tables"][0]["rows"]
print(next(r["cumulative"]["bytes"] for r in rows if r["name"] == sys.argv[1]))
' "$2")
	[ "$reported" -gt 0 ]
	"$heaptide" export "$segment" -o named.pb.gz
	run --separate-stderr go tool pprof -top -cum -unit=B -nodefraction=0 -nodecount=100000 \
		-sample_index=alloc_space named.pb.gz
	expect_status 0
	[ "$(sed -n "s/.* \([0-9]*\)B  *[0-9.]*%  $2\$/\1/p" <<<"$output")" = "$reported" ]
}

@test "python3 prints the same and its functions are named" {
	need python3 go
	local python

	# The program itself: a launcher of several Pythons has processes of its own.
	python=$(python3 -c 'import sys; print(sys.executable)')
	same "$python" -c 'print(sum(len(str(i) * 9) for i in {j: str(j) for j in range(20000)}))'
	names "$(basename "$python")" PyEval_EvalCode
}

@test "sqlite3 prints the same and its functions are named" {
	need sqlite3 python3 go
	same sqlite3 :memory: 'create table t(a, b);
		with recursive c(x) as (select 1 union all select x + 1 from c where x < 3000)
		insert into t select x, hex(x) from c;
		select count(*), sum(length(b)) from t; select b from t order by b desc limit 9;'
	names sqlite3 sqlite3_exec
}

@test "git prints the same and its functions are named" {
	need git python3 go
	git init -q repository
	for i in 1 2 3 4 5; do
		seq $((i * 1000)) >repository/file
		git -C repository add file
		git -C repository -c user.name=n -c user.email=e commit -qm "$i"
	done
	same git -C repository log --stat -p
	names git inflateInit2_
}

@test "node prints the same and its functions are named" {
	need node python3 go
	same node -e 'const a = []; for (let i = 0; i < 5000; i++) a.push({ x: i, s: "k" + i });
		console.log(JSON.stringify(a).length, Buffer.alloc(1 << 20).length)'
	names node CRYPTO_zalloc
}

# serve [LAUNCHER...]: a server under load; its answers are in the file answers.
serve() {
	rm -f redis.sock
	"$@" redis-server --port 0 --unixsocket "$PWD/redis.sock" --save '' >server.log &
	wait_until redis-cli -s redis.sock ping >pong
	redis-benchmark -s redis.sock -n 2000 -q -t set,lpush,hset >speed
	redis-cli -s redis.sock eval 'for i = 1, 500 do redis.call("set", "k" .. i, i) end
		return redis.call("get", "k77")' 0 >answers
	redis-cli -s redis.sock dbsize >>answers
	redis-cli -s redis.sock llen mylist >>answers
	redis-cli -s redis.sock shutdown nosave
	wait $!
}

@test "redis-server answers the same under load and its functions are named" {
	need redis-server redis-benchmark redis-cli python3 go
	local interval

	serve
	mv answers alone
	for interval in 1 512K; do
		serve "$heaptide" run -q --interval "$interval" -o "$interval.pb.gz" --
		cmp alone answers
	done
	names redis-server processCommand
}
