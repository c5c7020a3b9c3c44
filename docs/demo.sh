#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Profiles a real program from start to end: redis-server while redis-benchmark
# fills it, or python3 where there is no redis. Leaves profile.pb.gz in the
# current folder and the segment in build/demo; no process and no socket.
set -eu

build=$(realpath "$(dirname "$0")/../build")
heaptide=$build/heaptide
export HEAPTIDE_DIR=$build/demo
work=$(mktemp -d)
profiled=

clean_up() {
	if [ -n "$profiled" ] && kill -0 "$profiled" 2>/dev/null; then
		kill "$profiled" 2>/dev/null || true
		wait "$profiled" 2>/dev/null || true
	fi
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

profile_redis() {
	local socket=$work/redis.sock

	echo "+ heaptide run -o profile.pb.gz -- redis-server, while redis-benchmark fills it"
	"$heaptide" run -o profile.pb.gz -- redis-server --port 0 --unixsocket "$socket" \
		--dir "$work" --save '' >"$work/redis.log" &
	profiled=$!
	until redis-cli -s "$socket" ping >/dev/null 2>&1; do
		if ! kill -0 $profiled 2>/dev/null; then
			cat "$work/redis.log" >&2
			exit 1
		fi
		sleep 0.05
	done
	redis-benchmark -s "$socket" -q -n 200000 -r 200000 -d 300 -t set,lpush,hset |
		tr '\r' '\n' | grep 'requests per second'
	redis-cli -s "$socket" shutdown nosave
	wait $profiled
	profiled=
}

profile_python() {
	echo "+ heaptide run -o profile.pb.gz -- python3, building and dropping dictionaries"
	# Python's own pools of small objects come from mmap: do without them.
	PYTHONMALLOC=malloc "$heaptide" run -o profile.pb.gz -- python3 -c '
kept = []
for turn in range(40):
    made = [{"name": str(i), "square": i * i} for i in range(20000)]
    kept.append(made[::20])
'
}

rm -rf "$HEAPTIDE_DIR"
if command -v redis-server >/dev/null && command -v redis-benchmark >/dev/null; then
	profile_redis
else
	profile_python
fi

echo
echo "+ heaptide report"
"$heaptide" report
echo
ls -l profile.pb.gz
