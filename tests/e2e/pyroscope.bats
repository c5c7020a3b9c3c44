#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Against a real Pyroscope server: PYROSCOPE_URL=http://127.0.0.1:4040 bats tests/e2e/pyroscope.bats

bats_require_minimum_version 1.5.0
load agent

server_setup() {
	[ -n "$server" ] || skip "PYROSCOPE_URL names no server"
	need curl
	service=heaptide-test-$$-$RANDOM
	began=$(($(date +%s%3N) - 60000))
}

# The environment's variables of this name are the agent's own, too.
setup_file() {
	export server=${PYROSCOPE_URL:-}
}

# ask METHOD BODY: an answer of the server's querier.
ask() {
	curl -sf -H 'Content-Type: application/json' "$server/querier.v1.QuerierService/$1" -d "$2"
}

# total TYPE UNIT: of the service, over the time of the test.
total() {
	ask SelectMergeStacktraces "{\"profileTypeID\": \"memory:$1:$2:space:bytes\", \"maxNodes\": \"8192\",
		\"labelSelector\": \"{service_name=\\\"$service\\\"}\", \"start\": $began, \"end\": $(($(date +%s%3N) + 60000))}"
}

has_total() {
	[ "$(total "$1" "$2" | jq -r '.flamegraph.total // "0"')" -ge "$3" ]
}

@test "a server stores the four types, the sum of what was allocated, and the names" {
	server_setup
	start_agent --no-history --push "$server" --every 1h
	start_holder "HEAPTIDE_SERVICE=$service"
	end_holder
	wait_until no_segments
	stop_agent
	wait_until has_total alloc_space bytes $((64 * 65536))
	answer=$(total inuse_space bytes)
	expect_jq "$answer" '(.flamegraph.total | tonumber) - 64 * 65536 | fabs < 65536'
	expect_jq "$answer" '.flamegraph.names | index("hold_block") != null'
	answer=$(ask Series "{\"matchers\": [\"{service_name=\\\"$service\\\"}\"], \"labelNames\": [\"__profile_type__\"],
		\"start\": $began, \"end\": $(($(date +%s%3N) + 60000))}")
	expect_jq "$answer" '[.labelsSet[].labels[].value] | sort == ["memory:alloc_objects:count:space:bytes",
		"memory:alloc_space:bytes:space:bytes", "memory:inuse_objects:count:space:bytes",
		"memory:inuse_space:bytes:space:bytes"]'
}

@test "the intervals of a server add up to what the process allocated" {
	server_setup
	start_agent --no-history --push "$server"
	start_holder "HEAPTIDE_SERVICE=$service"
	for _ in 1 2 3; do
		tell_holder churn
	done
	end_holder
	wait_until no_segments
	stop_agent
	wait_until has_total alloc_space bytes $(((64 + 3 * 1024) * 65536))
	expect_jq "$(total alloc_space bytes)" "(.flamegraph.total | tonumber) - $(((64 + 3 * 1024) * 65536)) | fabs < 65536"
}
