#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The agent: what it finds, what it sends, and what it remembers.

bats_require_minimum_version 1.5.0
load agent

# What the holder has allocated in hold_block(): 64 blocks at first, 1024 per churn.
held=$((64 * 65536))
churned=$((1024 * 65536))

# The allocations of hold_block() in all requests to a folder.
sum_sent() {
	decoded "$1" push | jq '[.[].profile.by["alloc_space/bytes"].hold_block // 0] | add'
}

# The agent knows of a process.
is_seen() {
	[ -n "$(find "$state" -name 'labels-*')" ]
}

@test "a push has the labels, types and numbers that servers expect" {
	start_receiver server
	start_agent --push "http://127.0.0.1:$port" --label env=prod
	start_holder OTEL_SERVICE_NAME=checkout OTEL_RESOURCE_ATTRIBUTES=team=a%20b,service.name=other
	wait_until has_requests server 1
	end_holder
	stop_agent
	sent=$(decoded server push)
	expect_jq "$sent" '.[0].labels == {"__name__": "memory", "__delta__": "false",
		"pyroscope_spy": "heaptide", "service_name": "checkout", "env": "prod", "team": "a b"}'
	expect_jq "$sent" '.[0].profile.types == ["alloc_objects/count", "alloc_space/bytes",
		"inuse_objects/count", "inuse_space/bytes"]'
	expect_jq "$sent" '.[0].profile.period == ["space", "bytes", 1]'
	expect_jq "$sent" ".[0].profile.by[\"inuse_space/bytes\"].hold_block == $held"
	expect_jq "$sent" '.[0].profile.default == "inuse_space"'
	expect_jq "$sent" '[.[].profile.duration > 0] | all'
	expect_jq "$sent" "(.[0].profile.time / 1e9 - $(date +%s)) | fabs < 60"
	[ "$(jq -r .path server/0.json)" = /push.v1.PusherService/Push ]
	[ "$(jq -r .method server/0.json)" = POST ]
	[ "$(header server 0 content-type)" = application/proto ]
	[ "$(header server 0 content-length)" = "$(stat -c %s server/0.body)" ]
	for name in authorization x-scope-orgid expect transfer-encoding content-encoding; do
		[ "$(header server 0 $name)" = none ]
	done
}

@test "the allocations of all pushes add up to the process's, and what is in use is absolute" {
	start_receiver server
	start_agent --push "http://127.0.0.1:$port"
	start_holder
	wait_until has_requests server 2
	tell_holder churn
	wait_until has_requests server 4
	tell_holder churn
	end_holder
	wait_until no_segments
	stop_agent
	[ "$(sum_sent server)" -eq $((held + 2 * churned)) ]
	sent=$(decoded server push)
	expect_jq "$sent" "[.[].profile.by[\"inuse_space/bytes\"].hold_block] | unique == [$held]"
	expect_jq "$sent" '[.[].profile.time] | . == (unique | sort)'
	[ "$(wc -c <log)" -eq 0 ]
}

@test "a process that was killed is sent a last time, with a label that says so" {
	start_receiver server
	start_agent --push "http://127.0.0.1:$port" --every 1h
	start_holder
	wait_until is_seen
	kill -KILL "$holder"
	wait "$holder" || true
	wait_until no_segments
	stop_agent
	sent=$(decoded server push)
	expect_jq "$sent" '[.[] | select(.labels.end == "killed")] | length == 1'
	[ "$(sum_sent server)" -eq $held ]
}

@test "a process that becomes another program has not been killed" {
	start_receiver server
	start_agent --push "http://127.0.0.1:$port" --every 1h
	start_holder
	wait_until is_seen
	tell_holder exec
	wait_until has_requests server 1
	end_holder
	wait_until no_segments
	stop_agent
	sent=$(decoded server push)
	expect_jq "$sent" 'all(.labels | has("end") | not)'
	[ "$(sum_sent server)" -eq $((2 * held)) ]
}

@test "a process that crashed is sent a last time, with a label that says so" {
	start_receiver server
	start_agent --push "http://127.0.0.1:$port" --every 1h
	start_holder
	wait_until is_seen
	kill -SEGV "$holder"
	wait "$holder" || true
	wait_until no_segments
	stop_agent
	expect_jq "$(decoded server push)" '[.[] | select(.labels.end == "crash" or .labels.end == "killed")] | length == 1'
}

# What a control group's memory is limited by, of either version: sets $group and $limit.
make_group() {
	need_root
	group=/sys/fs/cgroup/heaptide-test-$$ limit=memory.max
	if [ -d /sys/fs/cgroup/memory ]; then
		group=/sys/fs/cgroup/memory/heaptide-test-$$ limit=memory.limit_in_bytes
	fi
	mkdir "$group" 2>/dev/null || skip "control groups cannot be made here"
	if ! [ -e "$group/$limit" ]; then
		rmdir "$group"
		skip "the memory of control groups cannot be limited here"
	fi
	echo 64M >"$group/$limit"
}

@test "a process that was killed for want of memory has a label that says so" {
	make_group
	start_receiver server
	start_agent --push "http://127.0.0.1:$port" --every 1h
	(
		echo "$BASHPID" >"$group/cgroup.procs"
		cd "$BATS_TEST_TMPDIR"
		HEAPTIDE_INTERVAL=64K preloaded python3 -S -c 'import time
held = [bytearray(1 << 20) for i in range(4)]
time.sleep(0.5)
while True: held.append(bytearray(b"x" * (1 << 20)))' 3>&-
	) || true
	wait_until no_segments
	stop_agent
	wait_until rmdir "$group"
	expect_jq "$(decoded server push)" '[.[] | select(.labels.end == "oom")] | length == 1'
}

@test "a process that ends as it should is sent a last time without a label" {
	start_receiver server
	start_agent --push "http://127.0.0.1:$port" --every 1h
	start_holder
	began=$(date +%s%N)
	end_holder
	wait_until has_requests server 1
	[ $(($(date +%s%N) - began)) -lt 2000000000 ]
	wait_until no_segments
	stop_agent
	expect_jq "$(decoded server push)" 'all(.labels | has("end") | not)'
	[ "$(sum_sent server)" -eq $held ]
}

@test "restarting the agent sends nothing twice and loses nothing" {
	start_receiver server
	start_agent --push "http://127.0.0.1:$port"
	start_holder OTEL_SERVICE_NAME=checkout
	wait_until has_requests server 2
	stop_agent
	tell_holder churn
	start_agent --push "http://127.0.0.1:$port"
	wait_until has_requests server 5
	kill -KILL "$agent"
	wait "$agent" || true
	tell_holder churn
	end_holder
	# It has ended before the next agent sees it, and still has its labels.
	start_agent --push "http://127.0.0.1:$port"
	wait_until no_segments
	stop_agent
	[ "$(sum_sent server)" -eq $((held + 2 * churned)) ]
	expect_jq "$(decoded server push)" 'all(.labels.service_name == "checkout")'
}

@test "what a dead server has missed it gets when it is back" {
	start_receiver server
	kill "$receiver"
	wait "$receiver" || true
	start_agent --push "http://127.0.0.1:$port" --set tries=2 --set queue-jobs=1
	start_holder
	tell_holder churn
	wait_until logged 'connect'
	tell_holder churn
	wait_until test -n "$(find "$state" -name 'baseline-*')"
	[ "$(segments | wc -l)" -eq 1 ]
	start_receiver server --port "$port"
	wait_until logged 'works again'
	end_holder
	wait_until no_segments
	stop_agent
	[ "$(sum_sent server)" -eq $((held + 2 * churned)) ]
}

@test "what could not be sent before the end is sent by the next agent" {
	start_receiver server
	kill "$receiver"
	wait "$receiver" || true
	start_agent --push "http://127.0.0.1:$port"
	start_holder
	tell_holder churn
	wait_until logged 'connect'
	stop_agent
	start_receiver server --port "$port"
	start_agent --push "http://127.0.0.1:$port"
	end_holder
	wait_until no_segments
	stop_agent
	[ "$(sum_sent server)" -eq $((held + churned)) ]
}

@test "processes of one service are added up" {
	start_receiver server
	start_agent --push "http://127.0.0.1:$port" --every 1h --service web
	HEAPTIDE_SERVICE=web preloaded "$programs/holder" 4 </dev/null >/dev/null 3>&- &
	one=$!
	HEAPTIDE_SERVICE=web preloaded "$programs/holder" 4 </dev/null >/dev/null 3>&- &
	wait $one $!
	wait_until no_segments
	stop_agent
	[ "$(sum_sent server)" -eq $((2 * held)) ]
	expect_jq "$(decoded server push)" 'all(.labels.service_name == "web" and (.labels | has("pid") | not))'
}

@test "with --per-process they are kept apart" {
	start_receiver server
	start_agent --push "http://127.0.0.1:$port" --per-process
	start_holder
	(preloaded "$programs/holder" 4 </dev/null >/dev/null)
	wait_until has_requests server 3
	end_holder
	wait_until no_segments
	stop_agent
	sent=$(decoded server push)
	expect_jq "$sent" '[.[].labels.pid] | unique | length == 2'
	expect_jq "$sent" "[.[].profile.by[\"inuse_space/bytes\"].hold_block] | unique == [$held]"
}

@test "no file of a process stays open, and functions still have names" {
	start_receiver server
	start_agent --push "http://127.0.0.1:$port"
	start_holder
	wait_until has_requests server 3
	[ "$(find "/proc/$agent/fd" -lname '*holder' | wc -l)" -eq 0 ]
	end_holder
	wait_until no_segments
	stop_agent
	expect_jq "$(decoded server push)" 'all(.profile.by["inuse_space/bytes"] | has("hold_block"))'
}

@test "heaptide run --push sends what the program did, and ends as it does" {
	start_receiver server
	run -7 "$heaptide" run --quiet --push "http://127.0.0.1:$port" --service job --label env=ci -- \
		sh -c "'$programs/holder' 4 </dev/null >/dev/null; exit 7"
	[ "$(sum_sent server)" -eq $held ]
	expect_jq "$(decoded server push)" 'any(.labels.service_name == "job" and .labels.env == "ci")'
	# The segments stay for the report.
	[ -n "$(segments)" ]
}

@test "heaptide run --push leaves other programs alone" {
	start_receiver server
	start_holder
	"$heaptide" run --quiet --push "http://127.0.0.1:$port" -- "$programs/holder" 1 </dev/null >/dev/null
	end_holder
	[ "$(sum_sent server)" -eq $((held / 4)) ]
}

@test "what heaptide run leaves for a report stays beside an agent" {
	start_receiver server
	start_agent --push "http://127.0.0.1:$port"
	run "$heaptide" run -- "$programs/holder" 4 </dev/null
	expect_output 'holder'
	wait_until has_requests server 1
	stop_agent
	[ "$(segments | wc -l)" -eq 1 ]
	[ "$(sum_sent server)" -eq $held ]
}

@test "a process whose end the agent sees may leave its segment with --keep" {
	start_receiver server
	start_agent --push "http://127.0.0.1:$port" --keep
	start_holder
	end_holder
	wait_until has_requests server 1
	stop_agent
	[ "$(segments | wc -l)" -eq 1 ]
	count=$(requests server)
	start_agent --push "http://127.0.0.1:$port" --keep
	(preloaded "$programs/holder" 4 </dev/null >/dev/null)
	wait_until has_requests server $((count + 1))
	stop_agent
	[ "$(sum_sent server)" -eq $((2 * held)) ]
}

@test "the configuration is read from a file, and again at SIGHUP" {
	start_receiver server
	cat >agent.conf <<-END
		# where it goes
		every = 50ms
		label env=one
		push http://127.0.0.1:$port
		    tenant = team-a
	END
	start_agent --config agent.conf
	start_holder
	wait_until has_requests server 1
	[ "$(header server 0 x-scope-orgid)" = team-a ]
	sed -i s/team-a/team-b/ agent.conf
	kill -HUP "$agent"
	wait_until logged 'read again'
	count=$(requests server)
	wait_until has_requests server $((count + 2))
	[ "$(header server $((count + 1)) x-scope-orgid)" = team-b ]
	echo 'pussh x' >>agent.conf
	kill -HUP "$agent"
	wait_until logged 'stays as it was'
	logged 'did you mean --push'
	end_holder
	stop_agent
	expect_jq "$(decoded server push)" 'all(.labels.env == "one")'
}

@test "an agent without a sink and a sink without an address are refused" {
	run -2 "$heaptide" agent --no-history --state "$state"
	expect_output 'nothing to do'
	run -2 "$heaptide" agent --state "$state" --push localhost:4040
	expect_output 'http://HOST:PORT'
	run -2 "$heaptide" agent --state "$state" --push http://localhost:1 --set tenent=a
	expect_output 'no setting tenent'
}

@test "with --log-format json each event is one object" {
	start_receiver server
	kill "$receiver"
	start_agent --push "http://127.0.0.1:$port" --log-format json
	start_holder
	wait_until logged 'connect'
	end_holder
	stop_agent
	expect_jq "$(jq -s . log)" 'length > 0 and all(.command == "agent" and .level == "error" and (.time | length == 20))'
	[ "$(jq -s length log)" -eq "$(wc -l <log)" ]
}
