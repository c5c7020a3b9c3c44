#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The local history: what the agent keeps, and what report, diff, export and
# history answer from it. Every allocation is recorded, so that there is one right
# answer, unless a test says otherwise.
load ../test_helper

setup() {
	heaptide_setup
	export HEAPTIDE_INTERVAL=1
	history=$BATS_TEST_TMPDIR/state/history.db
}

# start_grower: the program, told through tell().
start_grower() {
	coproc GROWER { LD_PRELOAD=$library exec "$programs/grower"; }
	grower=$GROWER_PID
	to_grower=${GROWER[1]} from_grower=${GROWER[0]}
	tell "red 1"
}

# tell LINE: and wait until it is done.
tell() {
	local answer

	echo "$1" >&"$to_grower"
	read -r answer <&"$from_grower"
	[ "$answer" = "$1" ]
}

start_agent() {
	"$heaptide" agent --state "$BATS_TEST_TMPDIR/state" --every 100ms 2>agent.log &
	agent=$!
}

stop_agent() {
	kill -TERM "$agent"
	wait "$agent"
}

# The largest value that a member of the timeline has had.
most() {
	"$heaptide" history grower --history "$history" --format json 2>/dev/null |
		jq "[.[].$1] | max // 0"
}

# reaches MEMBER NUMBER: the timeline has it.
reaches() {
	[ "$(most "$1")" -ge "$2" ]
}

# Bytes of a function in a report of the history.
bytes_of() {
	local view=$1 name=$2

	shift 2
	"$heaptide" report grower --history "$history" --format json --view "$view" "$@" |
		jq --arg name "$name" '[.tables[0].rows[] | select(.name == $name).flat.bytes] | add // 0'
}

# The real time, as --at takes it, not before the last row of the timeline.
last_time() {
	"$heaptide" history grower --history "$history" --format json | jq '.[-1].time_ns / 1e9 | ceil'
}

@test "the agent alone keeps a history that reports answer from" {
	start_grower
	tell "red 99"
	start_agent
	wait_until reaches heap_bytes 102400
	stop_agent
	run "$heaptide" report grower --history "$history" --at now
	expect_status 0
	expect_output '^grower \(pid [0-9]+\), as it was at '
	expect_output '100 KiB.*keep_red'
	[ "$(bytes_of inuse keep_red --at now)" -eq 102400 ]
	[ "$(bytes_of alloc keep_red --from '-1h')" -eq 102400 ]
}

@test "an agent that is killed and started anew keeps every allocation once" {
	local i

	start_grower
	for i in 1 2 3 4 5 6 7 8 9 10; do
		start_agent
		tell "blue 10"
		wait_until reaches allocated_bytes $((i * 10 * 1024))
		kill -KILL "$agent"
		wait "$agent" || true
	done
	start_agent
	tell "blue 100"
	wait_until reaches allocated_bytes $((200 * 1024))
	stop_agent
	[ "$(bytes_of alloc keep_blue --from '-1h')" -le $((200 * 1024)) ]
	# The interval in progress may be lost with each kill, and no more.
	[ "$(bytes_of alloc keep_blue --from '-1h')" -ge $((100 * 1024)) ]
	[ "$(bytes_of inuse keep_blue --at now)" -eq $((200 * 1024)) ]
}

@test "a process that has ended is in the history" {
	start_grower
	start_agent
	tell "red 9"
	wait_until reaches heap_bytes 10240
	kill -KILL "$grower"
	wait_until sh -c "'$heaptide' history --history '$history' --format json | jq -e '.[0].end == \"killed\"'"
	stop_agent
	[ "$(bytes_of inuse keep_red --at now)" -eq 10240 ]
}

@test "a difference of two times names what grew and is sure of it" {
	local before

	start_grower
	start_agent
	tell "red 50"
	wait_until reaches heap_bytes $((51 * 1024))
	before=$(last_time)
	# Times are told apart by the second.
	wait_until sh -c "[ \$(date +%s) -gt $((before + 1)) ]"
	tell "blue 300"
	tell "free"
	wait_until reaches heap_bytes $((300 * 1024))
	wait_until sh -c "'$heaptide' history grower --history '$history' -f json | jq -e '.[-1].heap_bytes < 330000'"
	stop_agent
	run "$heaptide" diff grower --history "$history" --at "@$before" --at now
	expect_status 0
	expect_output '\+300 KiB .*sure.* keep_blue'
	expect_output '-51.0 KiB .*sure.* keep_red'
	run "$heaptide" diff grower --history "$history" --at "@$before" --format json
	expect_status 0
	[ "$(jq '.tables[0].rows[0] | select(.name == "keep_blue").flat.change_bytes' <<<"$output")" -eq 307200 ]
	[ "$(jq -r '.tables[1].rows[0].frames[0:2] | join(" ")' <<<"$output")" = "keep_blue main" ]
}

@test "two segments and two exported files have the same difference" {
	local one other

	printf 'red 10\nblue 10\n' | preloaded "$programs/grower"
	one=$(segments)
	printf 'red 30\n' | preloaded "$programs/grower"
	other=$(segments | grep -vF "$one")
	"$heaptide" export "$one" -o one.pb.gz
	"$heaptide" export "$other" -o other.pb.gz
	"$heaptide" diff "$one" "$other" --format json | jq .tables >segments.json
	"$heaptide" diff one.pb.gz other.pb.gz --format json | jq .tables >files.json
	diff segments.json files.json
	jq -r '.[0].rows[] | "\(.name) \(.flat.change_bytes) \(.certainty // .flat.certainty)"' files.json >rows
	grep -qx 'keep_red 20480 sure' rows
	grep -qx 'keep_blue -10240 sure' rows
}

@test "equal profiles have no difference" {
	printf 'red 10\n' | preloaded "$programs/grower"
	run "$heaptide" diff "$(segments)" "$(segments)"
	expect_status 0
	expect_output '^Nothing has changed'
}

@test "a change that may be chance is said to be within the error" {
	export HEAPTIDE_INTERVAL=64K

	printf 'red 10000\n' | preloaded "$programs/grower"
	HEAPTIDE_SEED=2 preloaded "$programs/grower" <<<"red 10000"
	# shellcheck disable=SC2046
	run "$heaptide" diff $(segments)
	expect_status 0
	expect_output 'within error'
	refute_output ': sure'
}

@test "the history lists processes and their time" {
	start_grower
	start_agent
	wait_until reaches heap_bytes 1024
	stop_agent
	run "$heaptide" history --history "$history"
	expect_status 0
	expect_output "^ *$grower  grower "
	run "$heaptide" history grower --history "$history"
	expect_status 0
	expect_output 'KiB/s|B/s'
}

@test "a profile of the history can be exported" {
	need go
	start_grower
	tell "red 9"
	start_agent
	wait_until reaches heap_bytes 10240
	stop_agent
	"$heaptide" export grower --history "$history" --at now -o then.pb.gz
	run go tool pprof -top -unit kb then.pb.gz
	expect_status 0
	expect_output '10kB.*keep_red'
}

@test "without a history there is nothing to answer from" {
	start_grower
	run "$heaptide" report grower --history "$history" --at now
	expect_status 2
	expect_output 'no local history'
	[ ! -e "$history" ]
	run "$heaptide" agent --state "$BATS_TEST_TMPDIR/state" --no-history
	expect_status 2
	expect_output 'nothing to do'
	run "$heaptide" agent --state "$BATS_TEST_TMPDIR/state" --history-tiers 1s:1h
	expect_status 2
	expect_output 'wants three details'
	[ ! -e "$history" ]
}

@test "what the history does not have is said in words" {
	start_grower
	start_agent
	wait_until reaches heap_bytes 1024
	stop_agent
	run "$heaptide" report grower --history "$history" --at '1 day ago'
	expect_status 2
	expect_output 'knows nothing of grower at .*; it has grower'
	run "$heaptide" report nobody --history "$history" --at now
	expect_status 2
	expect_output 'knows nothing of nobody'
	run "$heaptide" report grower --history "$history" --at now --view peak
	expect_status 2
	expect_output 'not --view peak'
	run "$heaptide" report grower --history "$history" --at now --by lifetime
	expect_status 2
	run "$heaptide" report grower --history "$history" --at 'yesterday or so'
	expect_status 2
	expect_output 'is no time'
	run "$heaptide" report grower --history "$history" --at now --from -1h
	expect_status 2
	run "$heaptide" diff grower
	expect_status 2
	expect_output 'name two processes'
}

@test "a file that is no history is left alone" {
	echo "a diary" >diary
	run "$heaptide" report --history "$PWD/diary" --at now
	expect_status 2
	expect_output 'is not a history'
	run "$heaptide" agent --state "$BATS_TEST_TMPDIR/state" --history "$PWD/diary"
	expect_status 1
	[ "$(cat diary)" = "a diary" ]
}
