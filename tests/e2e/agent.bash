# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the tests of the agent share: a receiver, an agent, and a program whose
# allocations are known. Each is ended by the teardown.

load ../test_helper

setup() {
	local name

	heaptide_setup
	need protoc python3 jq
	for name in "${!OTEL_@}" "${!PYROSCOPE_@}" PARCA_BEARER_TOKEN; do
		unset "$name"
	done
	unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
	state=$BATS_TEST_TMPDIR/state
	export HEAPTIDE_INTERVAL=1
}

# start_receiver NAME [OPTION...]: sets $port; requests go to the folder NAME.
start_receiver() {
	local folder=$BATS_TEST_TMPDIR/$1

	mkdir -p "$folder"
	rm -f "$folder/port"
	python3 "$BATS_TEST_DIRNAME/receiver.py" "$folder" "${@:2}" 3>&- &
	receiver=$!
	wait_until test -e "$folder/port"
	port=$(<"$folder/port")
}

# start_agent [OPTION...]: looks at processes every 100 ms, and is not patient. Its words go to log.
start_agent() {
	"$heaptide" agent --state "$state" --every 100ms --set retry-min=10ms --set retry-max=50ms \
		--set timeout=2s "$@" 2>>log 3>&- &
	agent=$!
}

stop_agent() {
	kill -TERM "$agent"
	wait "$agent"
}

# start_holder [VARIABLE=VALUE...]: holds 64 blocks of 64 KiB; tell_holder speaks to it.
start_holder() {
	coproc HOLDER { exec env LD_PRELOAD="$library" "$@" "$programs/holder" 4 2>/dev/null 3>&-; }
	holder=$HOLDER_PID
	holder_in=${HOLDER[1]} holder_out=${HOLDER[0]}
	read -r _ _ <&"$holder_out"
}

tell_holder() {
	echo "$1" >&"$holder_in"
	read -r _ <&"$holder_out"
}

end_holder() {
	eval "exec $holder_in>&-"
	wait "$holder" || true
}

requests() {
	find "$BATS_TEST_TMPDIR/$1" -name '*.json' | wc -l
}

has_requests() {
	[ "$(requests "$1")" -ge "$2" ]
}

no_segments() {
	[ -z "$(segments)" ]
}

# decoded FOLDER KIND [BOUNDARY]: all requests so far, a JSON array in their order.
decoded() {
	local i

	for ((i = 0; i < $(requests "$1"); i++)); do
		python3 "$BATS_TEST_DIRNAME/decode.py" "$2" "$BATS_TEST_TMPDIR/$1/$i.body" "${@:3}" || return
	done | jq -s .
}

# header FOLDER N NAME
header() {
	jq -r --arg name "$3" '.headers[$name] // "none"' "$BATS_TEST_TMPDIR/$1/$2.json"
}

# expect_jq JSON FILTER: the filter gives true.
expect_jq() {
	if [ "$(jq "$2" <<<"$1")" != true ]; then
		echo "not true: $2; of:"
		jq -c . <<<"$1" | head -c 3000
		return 1
	fi
}

logged() {
	grep -qE -- "$1" log
}
