#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Those who come and ask the agent: pprof, scrapers, Prometheus, and others.

load ../test_helper

setup() {
	heaptide_setup
	unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY
	export HEAPTIDE_INTERVAL=1 PPROF_TMPDIR=$BATS_TEST_TMPDIR
	mebibyte=1048576
}

# holds NAME MIB: starts a program that holds so much; `tell NAME WORD` makes it act.
holds() {
	mkfifo "$1.in" "$1.out"
	LD_PRELOAD=$library "$programs/holder" "$2" <"$1.in" >"$1.out" 3>&- &
	eval "$1_pid=$!"
	exec {in}>"$1.in" {out}<"$1.out"
	eval "$1_in=$in $1_out=$out"
	read -r -t 30 -u "$out" _
}

tell() {
	local in=$1_in out=$1_out

	printf '%s\n' "$2" >&"${!in}"
	read -r -t 30 -u "${!out}" _
}

# listens OPTION...: starts an agent; $url is where it is.
listens() {
	rm -f agent.log # what an earlier one said is not waited for
	"$heaptide" agent --no-history --state "$BATS_TEST_TMPDIR/state" "$@" 2>agent.log 3>&- &
	agent_pid=$!
	wait_until grep -q 'listening on' agent.log
	url=$(sed -n 's/.*listening on //p' agent.log)
}

# The agent knows so many processes.
knows() {
	[ "$(curl -s "$url/" | grep -c '^/process/')" -eq "$1" ]
}

# status_of CURL-OPTION...: the status of an answer.
status_of() {
	curl -s -o /dev/null -w '%{http_code}' "$@"
}

# total FILE METRIC: what a profile's values add up to.
total() {
	go tool pprof -symbolize=none -sample_index="$2" -raw "$1" 2>/dev/null | awk -v metric="$2" '
		/^Samples:/ { getline; n = split($0, types, " "); for (i = 1; i <= n; i++) if (index(types[i], metric "/") == 1) column = i }
		/^Locations/ { exit }
		column && /:/ && $1 ~ /^[0-9]/ { sub(/:.*/, ""); sum += $column }
		END { printf "%d\n", sum }'
}


@test "the heap of a process can be asked for as Go's" {
	need curl go
	holds one 8
	listens --listen 127.0.0.1:0
	wait_until knows 1
	curl -s -D headers -o heap.pb.gz "$url/process/$one_pid/debug/pprof/heap"
	grep -qi '^HTTP/1.1 200' headers
	grep -qi $'^Content-Type: application/octet-stream\r$' headers
	grep -qi $'^Content-Disposition: attachment; filename="heap"\r$' headers
	grep -qi $'^X-Content-Type-Options: nosniff\r$' headers
	[ "$(grep -ci '^Content-Encoding' headers)" -eq 0 ]
	run go tool pprof -raw heap.pb.gz
	expect_status 0
	expect_output '^PeriodType: space bytes'
	expect_output 'alloc_objects/count alloc_space/bytes inuse_objects/count inuse_space/bytes'
	run go tool pprof -top -sample_index=inuse_space heap.pb.gz
	expect_output '^ +8192kB .* hold_block$'
}

@test "go tool pprof reads every endpoint, also by name of the service" {
	local path

	need curl go
	holds one 8
	listens --listen 127.0.0.1:0
	wait_until knows 1
	for path in /debug/pprof/heap /debug/pprof/allocs /debug/pprof/delta_heap \
		'/debug/pprof/heap?debug=1' '/debug/pprof/heap?gc=1' /pprof/heap \
		"/process/$one_pid/debug/pprof/heap" "/process/$one_pid/pprof/heap" \
		/service/holder/debug/pprof/heap /service/holder/debug/pprof/allocs; do
		run go tool pprof -top -sample_index=inuse_space "$url$path"
		expect_status 0
		expect_output ' hold_block$'
	done
}

@test "two readers at once do not wait for each other" {
	local first second

	need curl go
	holds one 8
	listens --listen 127.0.0.1:0
	wait_until knows 1
	go tool pprof -symbolize=remote -top "$url/debug/pprof/heap" >first.txt 2>&1 3>&- &
	first=$!
	go tool pprof -symbolize=remote -top "$url/process/$one_pid/debug/pprof/heap" >second.txt 2>&1 3>&- &
	second=$!
	wait "$first"
	wait "$second"
	grep -q hold_block first.txt
	grep -q hold_block second.txt
}

@test "old readers get text, the names in it" {
	need curl google-pprof
	holds one 8
	listens --listen 127.0.0.1:0
	wait_until knows 1
	run curl -si "$url/process/$one_pid/debug/pprof/heap?debug=1"
	expect_output '^Content-Type: text/plain'
	expect_output '^heap profile: '
	run google-pprof --text "$programs/holder" "$url/process/$one_pid/pprof/heap"
	expect_output 'hold_block'
}

@test "allocs shows the same data by what was allocated" {
	need curl go
	holds one 8
	listens --listen 127.0.0.1:0
	wait_until knows 1
	curl -s -o allocs.pb.gz "$url/debug/pprof/allocs"
	run go tool pprof -top allocs.pb.gz
	expect_output '^Type: alloc_space'
}

@test "allocated bytes are those since the start, each time" {
	local before after

	need curl go
	holds one 8
	listens --listen 127.0.0.1:0
	wait_until knows 1
	curl -s -o before.pb.gz "$url/debug/pprof/heap"
	tell one churn
	curl -s -o after.pb.gz "$url/debug/pprof/heap"
	before=$(total before.pb.gz alloc_space) after=$(total after.pb.gz alloc_space)
	[ "$before" -ge $((8 * mebibyte)) ]
	[ $((after - before)) -eq $((64 * mebibyte)) ]
	[ "$(total before.pb.gz inuse_space)" -eq "$(total after.pb.gz inuse_space)" ]
}

@test "delta_heap tells what was allocated since it was asked last, path by path" {
	need curl go
	holds one 8
	listens --listen 127.0.0.1:0
	wait_until knows 1
	curl -s -o first.pb.gz "$url/debug/pprof/delta_heap"
	tell one churn
	curl -s -o second.pb.gz "$url/debug/pprof/delta_heap"
	curl -s -o third.pb.gz "$url/debug/pprof/delta_heap"
	curl -s -o other.pb.gz "$url/process/$one_pid/debug/pprof/delta_heap"
	[ "$(total second.pb.gz alloc_space)" -eq $((64 * mebibyte)) ]
	[ "$(total third.pb.gz alloc_space)" -eq 0 ]
	[ "$(total third.pb.gz inuse_space)" -eq "$(total first.pb.gz inuse_space)" ]
	[ "$(total other.pb.gz alloc_space)" -ge $((72 * mebibyte)) ]
}

@test "seconds tells what was allocated meanwhile, and others are served meanwhile" {
	local waiting during

	need curl go
	holds one 8
	listens --listen 127.0.0.1:0
	wait_until knows 1
	curl -s -o during.pb.gz "$url/debug/pprof/heap?seconds=2" 3>&- &
	waiting=$!
	# What is allocated counts once the waiting one has been looked for.
	for _ in 1 2 3; do
		[ "$(status_of "$url/debug/pprof/heap")" = 200 ]
		tell one churn
	done
	kill -0 "$waiting"
	wait "$waiting"
	during=$(total during.pb.gz alloc_space)
	[ "$during" -gt 0 ]
	[ "$during" -le $((3 * 64 * mebibyte)) ]
	[ $((during % (64 * mebibyte))) -eq 0 ]
	[ "$(total during.pb.gz inuse_space)" -ge $((8 * mebibyte)) ]
	run go tool pprof -raw during.pb.gz
	expect_output '^Duration: 2\.'
}

# A connection has its thread.
agent_is_asked() {
	[ "$(find "/proc/$agent_pid/task" -mindepth 1 -maxdepth 1 | wc -l)" -gt "$idle_threads" ]
}

@test "services are added up, and one of several must be named" {
	need curl go
	holds one 8
	holds two 4
	HEAPTIDE_SERVICE=other holds three 2
	listens --listen 127.0.0.1:0
	wait_until knows 3
	curl -s -o both.pb.gz "$url/service/holder/debug/pprof/heap"
	[ "$(total both.pb.gz inuse_space)" -ge $((12 * mebibyte)) ]
	[ "$(total both.pb.gz inuse_space)" -lt $((13 * mebibyte)) ]
	[ "$(status_of "$url/debug/pprof/heap")" = 404 ]
	[ "$(status_of "$url/service/other/debug/pprof/heap")" = 200 ]
}

@test "the addresses of a service's profile are the same each time, and no two places share one" {
	need curl go
	holds one 8
	holds two 4
	listens --listen 127.0.0.1:0
	wait_until knows 2
	curl -s -o first.pb.gz "$url/service/holder/debug/pprof/heap"
	curl -s -o second.pb.gz "$url/service/holder/debug/pprof/heap"
	for name in first second; do
		go tool pprof -raw $name.pb.gz 2>/dev/null | sed -n '/^Locations/,/^Mappings/p' |
			awk '$2 ~ /^0x/ { print $2, $4 }' | sort >$name.txt
	done
	[ "$(wc -l <first.txt)" -gt 3 ]
	diff first.txt second.txt
	[ -z "$(cut -d' ' -f1 first.txt | uniq -d)" ]
}

@test "cmdline and symbol answer as pprof expects" {
	local address

	need curl go
	holds one 8
	listens --listen 127.0.0.1:0
	wait_until knows 1
	[ "$(curl -s "$url/process/$one_pid/debug/pprof/cmdline" | tr '\0' '\n')" = "$programs/holder
8" ]
	[ "$(curl -s "$url/debug/pprof/symbol")" = "num_symbols: 1" ]
	curl -s -o heap.pb.gz "$url/process/$one_pid/debug/pprof/heap"
	address=$(go tool pprof -raw heap.pb.gz 2>/dev/null | awk '/hold_block/ { print $2; exit }')
	run curl -s --data-binary "$address+0x1" "$url/process/$one_pid/debug/pprof/symbol"
	expect_output '^num_symbols: 1$'
	expect_output "^$address hold_block$"
	run curl -s --data-binary "$address" "$url/process/$one_pid/symbolz"
	expect_output "^$address hold_block$"
	[ "${#lines[@]}" -eq 2 ]
}

@test "an error on a profile's path is no profile" {
	need curl
	holds one 1
	listens --listen 127.0.0.1:0
	wait_until knows 1
	run curl -si "$url/process/1/debug/pprof/heap"
	expect_output '^HTTP/1.1 404'
	expect_output '^Content-Type: text/plain'
	expect_output '^X-Go-Pprof: 1'
	[ "$(status_of "$url/debug/pprof/heap?seconds=601")" = 400 ]
	[ "$(status_of "$url/debug/pprof/heap?seconds=-1")" = 400 ]
	[ "$(status_of "$url/elsewhere/debug/pprof/heap")" = 404 ]
	[ "$(status_of "$url/nothing")" = 404 ]
	[ "$(status_of --path-as-is "$url/../../etc/passwd")" = 404 ]
}

@test "promtool has nothing to say about the metrics" {
	need curl promtool
	holds one 8
	listens --listen 127.0.0.1:0
	wait_until knows 1
	run bash -c "curl -s '$url/metrics' | promtool check metrics"
	expect_status 0
	[ -z "$output" ]
	run curl -si "$url/metrics"
	expect_output '^Content-Type: text/plain; version=0.0.4; charset=utf-8'
	expect_output "^heaptide_processes 1$"
	expect_output "^heaptide_heap_bytes\{service=\"holder\",command=\"holder\",pid=\"$one_pid\"\} 8[34][0-9]{5}$"
}

@test "the ledger of resident memory adds up" {
	local heap allocator other rss

	need curl
	holds one 32
	listens --listen 127.0.0.1:0
	wait_until knows 1
	curl -s "$url/metrics" >metrics
	value() {
		awk -v name="$1{" 'index($1, name) == 1 { print $2 }' metrics
	}
	heap=$(value heaptide_heap_bytes) allocator=$(value heaptide_allocator_resident_bytes)
	other=$(value heaptide_other_resident_bytes) rss=$(value heaptide_resident_bytes)
	[ $((allocator + other)) -eq "$rss" ]
	[ "$allocator" -ge "$heap" ]
	[ "$allocator" -lt $((heap + heap / 10)) ]
}

@test "Prometheus scrapes it" {
	local port

	need curl prometheus
	holds one 8
	listens --listen 127.0.0.1:0
	wait_until knows 1
	cat >prometheus.yml <<-EOF_
		scrape_configs:
		  - job_name: heaptide
		    scrape_interval: 1s
		    static_configs:
		      - targets: ['${url#http://}']
	EOF_
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	prometheus --config.file=prometheus.yml --storage.tsdb.path=data \
		--web.listen-address="127.0.0.1:$port" >prometheus.log 2>&1 3>&- &
	asks() {
		curl -sG --data-urlencode "query=$1" "http://127.0.0.1:$port/api/v1/query" | jq -er ".data.result[0].value[1]" >answer &&
			[ -s answer ]
	}
	wait_until asks heaptide_heap_bytes
	[ "$(cat answer)" -ge $((8 * mebibyte)) ]
	asks 'up{job="heaptide"}'
	[ "$(cat answer)" = 1 ]
	asks heaptide_samples_dropped_total
}

@test "a foreign Host header is refused, so that no web page can ask" {
	need curl
	listens --listen 127.0.0.1:0
	[ "$(status_of "$url/metrics")" = 200 ]
	[ "$(status_of -H 'Host: localhost:1' "$url/metrics")" = 200 ]
	[ "$(status_of -H 'Host: [::1]' "$url/metrics")" = 200 ]
	[ "$(status_of -H 'Host: rebound.example.com' "$url/metrics")" = 403 ]
	[ "$(status_of -H 'Host: localhost.example.com:80' "$url/metrics")" = 403 ]
	[ "$(status_of -H 'Host;' "$url/metrics")" = 403 ]
	[ "$(status_of --http1.0 -H 'Host:' "$url/metrics")" = 403 ]
}

@test "only GET and HEAD are allowed, and POST where symbols are asked for" {
	local method

	need curl
	holds one 1
	listens --listen 127.0.0.1:0
	wait_until knows 1
	for method in POST PUT DELETE OPTIONS PATCH TRACE; do
		[ "$(status_of -X "$method" "$url/metrics")" = 405 ]
		[ "$(status_of -X "$method" "$url/debug/pprof/heap")" = 405 ]
	done
	[ "$(status_of -X DELETE "$url/debug/pprof/symbol")" = 405 ]
	[ "$(status_of -d 0x1 "$url/debug/pprof/symbol")" = 200 ]
	run curl -sI "$url/debug/pprof/heap"
	expect_output '^HTTP/1.1 200'
	[ "$(status_of -I "$url/metrics")" = 200 ]
}

@test "too much of anything is refused, and the others are served" {
	need curl python3
	holds one 1
	listens --listen 127.0.0.1:0
	wait_until knows 1
	python3 -c 'print("a" * 100000)' >long
	head -c 3000000 /dev/zero | tr '\0' 0 >body
	# 431, or cut off in the middle of it.
	[[ $(status_of -H "X-Long: $(cat long)" "$url/metrics") =~ ^(431|413|400|000)$ ]]
	[[ $(status_of --data-binary @body "$url/debug/pprof/symbol") =~ ^(413|000)$ ]]
	[ "$(status_of "$url/healthz")" = 200 ]
}

@test "slow clients are cut off, and garbage does no harm" {
	need curl python3
	listens --listen 127.0.0.1:0
	python3 - "${url##*:}" <<-'EOF_'
		import os, select, socket, sys, time
		port = int(sys.argv[1])
		slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
		for one in slow:
		    one.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: ")
		start = time.monotonic()
		left = set(slow)
		while left and time.monotonic() - start < 30:
		    for one in list(left):
		        try:
		            one.send(b"x")
		        except OSError:
		            left.discard(one)
		    for one in select.select(list(left), [], [], 0.2)[0]:
		        left.discard(one)
		assert not left, f"{len(left)} connections were left open"
		for _ in range(50):
		    one = socket.create_connection(("127.0.0.1", port))
		    try:
		        one.sendall(os.urandom(4096))
		        one.shutdown(socket.SHUT_WR)
		        one.recv(4096)
		    except OSError:
		        pass
		    one.close()
	EOF_
	[ "$(status_of "$url/healthz")" = 200 ]
}

@test "a socket in a file is for its owner only, and goes when the agent goes" {
	need curl
	holds one 1
	listens --listen unix:"$BATS_TEST_TMPDIR/socket"
	[ "$(stat -c %a socket)" = 600 ]
	wait_until test "$(curl -s --unix-socket socket http://x/healthz)" = ok
	[ "$(status_of --unix-socket socket http://x/metrics)" = 200 ]
	kill "$agent_pid"
	wait "$agent_pid"
	[ ! -e socket ]
}

@test "a socket that a dead agent left is taken over, one that is in use is not" {
	need curl
	listens --listen unix:"$BATS_TEST_TMPDIR/socket"
	run "$heaptide" agent --no-history --state other --listen unix:"$BATS_TEST_TMPDIR/socket"
	expect_status 1
	expect_output 'cannot listen on unix:'
	kill -KILL "$agent_pid"
	wait "$agent_pid" || true
	[ -S socket ]
	listens --listen unix:"$BATS_TEST_TMPDIR/socket"
	[ "$(curl -s --unix-socket socket http://x/healthz)" = ok ]
}

@test "with a token nobody else is answered, but for the health" {
	need curl
	(umask 077 && echo s3cret >token)
	listens --listen 127.0.0.1:0 --listen-token token
	[ "$(status_of "$url/metrics")" = 401 ]
	[ "$(status_of -H 'Authorization: Bearer wrong1' "$url/metrics")" = 401 ]
	[ "$(status_of -H 'Authorization: Basic czNjcmV0' "$url/metrics")" = 401 ]
	[ "$(status_of -H 'Authorization: Bearer s3cret' "$url/metrics")" = 200 ]
	[ "$(status_of "$url/healthz")" = 200 ]
	[ "$(grep -c s3cret agent.log)" -eq 0 ]
}

@test "no other machine is listened to without a token" {
	for address in 0.0.0.0:0 '[::]:0' 192.0.2.1:80; do
		run "$heaptide" agent --no-history --state state --listen "$address"
		expect_status 2
		expect_output 'a token is needed'
	done
	for address in 7777 nonsense:x example.com:80 unix: 127.0.0.1:99999 '[::1:80'; do
		run "$heaptide" agent --no-history --state state --listen "$address"
		expect_status 2
		expect_output 'takes ADDRESS:PORT or unix:PATH'
	done
	: >empty
	run "$heaptide" agent --no-history --state state --listen 127.0.0.1:0 --listen-token empty
	expect_status 2
	run "$heaptide" agent --no-history --state state --listen 127.0.0.1:0 --listen-token missing
	expect_status 1
}

@test "the agent ends at once though somebody waits for an answer" {
	local asking

	need curl
	holds one 1
	listens --listen 127.0.0.1:0
	wait_until knows 1
	idle_threads=$(find "/proc/$agent_pid/task" -mindepth 1 -maxdepth 1 | wc -l)
	curl -s -o /dev/null "$url/debug/pprof/heap?seconds=600" 3>&- &
	asking=$!
	wait_until agent_is_asked
	SECONDS=0
	kill "$agent_pid"
	wait "$agent_pid"
	[ "$SECONDS" -lt 6 ]
	wait "$asking" || true
}
