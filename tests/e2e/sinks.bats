#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Sinks: what each protocol looks like, and what becomes of jobs when the other
# end does not do its part.

bats_require_minimum_version 1.5.0
load agent

# start_one_job SINK...: an agent that makes one job only, when the holder ends.
start_one_job() {
	start_agent --every 1h "$@"
	start_holder
	end_holder
}

@test "what may succeed later is tried again, with the same bytes" {
	for answer in 500 503 429 408 502 504 reset; do
		start_receiver "$answer" --answers "$answer,$answer,200"
		start_one_job --push "http://127.0.0.1:$port"
		wait_until no_segments
		stop_agent
		[ "$(requests "$answer")" -eq 3 ]
		cmp "$answer/0.body" "$answer/1.body"
		cmp "$answer/0.body" "$answer/2.body"
		wait_until logged 'works again'
		: >log
	done
}

@test "what will never succeed is tried once" {
	for answer in 400 401 403 404 413 415 501 302; do
		start_receiver "$answer" --answers "$answer"
		start_one_job --push "http://127.0.0.1:$port"
		wait_until no_segments
		stop_agent
		[ "$(requests "$answer")" -eq 1 ]
		logged "HTTP status $answer"
		[ "$(wc -l <log)" -eq 1 ]
		: >log
	done
}

@test "after a refusal the next interval is sent, and an unauthorised one makes up for it" {
	for answer in 400 401; do
		start_receiver "$answer" --answers "$answer,200"
		start_agent --push "http://127.0.0.1:$port"
		start_holder
		wait_until has_requests "$answer" 3
		end_holder
		wait_until no_segments
		stop_agent
	done
	# A bad request would be as bad the next time; bad rights are not the job's fault.
	expect_jq "$(decoded 400 push)" '[.[1:][].profile.by["alloc_space/bytes"].hold_block // 0] | add == 0'
	expect_jq "$(decoded 401 push)" '.[1].profile.by["alloc_space/bytes"].hold_block == 64 * 65536'
}

@test "a server that names a time is given that time" {
	start_receiver server --answers 429+1,503+1,200
	start_one_job --push "http://127.0.0.1:$port"
	wait_until no_segments
	stop_agent
	[ "$(jq -s '.[1].time - .[0].time >= 0.9 and .[2].time - .[1].time >= 0.9' server/[012].json)" = true ]
}

@test "after its tries a job is dropped and the next one makes up for it" {
	start_receiver server --answers 503,503,503,200
	start_agent --push "http://127.0.0.1:$port" --set tries=3
	start_holder
	wait_until has_requests server 5
	end_holder
	wait_until no_segments
	stop_agent
	sent=$(decoded server push)
	expect_jq "$sent" '.[3].profile.by["alloc_space/bytes"].hold_block == 64 * 65536'
	expect_jq "$sent" '[.[4:][].profile.by["alloc_space/bytes"].hold_block // 0] | add == 0'
	expect_jq "$sent" '[.[0:3][].profile.time] | unique | length == 1'
}

@test "a server that says nothing is left after the timeout, and delays no other" {
	start_receiver silent --answers silence
	silent=$port
	start_receiver server
	start_agent --push "http://127.0.0.1:$silent" --push "http://127.0.0.1:$port" --set timeout=300ms
	start_holder
	wait_until has_requests silent 1
	count=$(requests server)
	wait_until has_requests server $((count + 4))
	wait_until has_requests silent 2
	end_holder
	kill -TERM "$agent"
	wait "$agent"
	logged 'Timeout was reached'
}

@test "an agent ends within five seconds, whatever the server does" {
	start_receiver silent --answers silence
	start_agent --push "http://127.0.0.1:$port" --set timeout=1m
	start_holder
	wait_until has_requests silent 1
	began=$(date +%s%N)
	stop_agent
	[ $(($(date +%s%N) - began)) -lt 5000000000 ]
	[ -n "$(find "$state" -name 'owed-*')" ]
	end_holder
}

@test "credentials and headers are sent when they are given, and never logged" {
	echo secret-word >password
	start_receiver server
	start_one_job --push "http://127.0.0.1:$port" --set user=me --set password-file=password \
		--set tenant=team-a --set "header=X-Own: yes"
	wait_until no_segments
	stop_agent
	[ "$(header server 0 authorization)" = "Basic $(printf me:secret-word | base64)" ]
	[ "$(header server 0 x-scope-orgid)" = team-a ]
	[ "$(header server 0 x-own)" = yes ]
	start_receiver refusing --answers 401
	start_one_job --push "http://me:secret-word@127.0.0.1:$port/base/"
	wait_until no_segments
	stop_agent
	[ "$(header refusing 0 authorization)" = "Basic $(printf me:secret-word | base64)" ]
	[ "$(jq -r .path refusing/0.json)" = /base/push.v1.PusherService/Push ]
	logged 'HTTP status 401'
	run ! grep secret-word log
	PYROSCOPE_AUTH_TOKEN=secret-token start_one_job --ingest "http://127.0.0.1:$port"
	wait_until no_segments
	stop_agent
	[ "$(header refusing 1 authorization)" = "Bearer secret-token" ]
	run ! grep secret-token log
}

@test "a redirection is not followed" {
	start_receiver server --answers 302,200
	start_one_job --push "http://me:word@127.0.0.1:$port"
	wait_until no_segments
	stop_agent
	[ "$(requests server)" -eq 1 ]
}

make_certificate() {
	need openssl
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
		-addext 'subjectAltName=IP:127.0.0.1,DNS:localhost' -keyout key.pem -out cert.pem 2>/dev/null
}

@test "a server with a certificate that nobody vouches for gets nothing" {
	make_certificate
	start_receiver server --certificate cert.pem --key key.pem
	start_one_job --push "https://127.0.0.1:$port"
	wait_until no_segments
	stop_agent
	[ "$(requests server)" -eq 0 ]
	logged 'SSL|certificate'
	start_one_job --push "https://127.0.0.1:$port" --set ca-file=cert.pem
	wait_until no_segments
	stop_agent
	[ "$(requests server)" -ge 1 ]
}

@test "nginx with TLS and basic authentication lets the right password through" {
	need nginx
	make_certificate
	start_receiver server
	front=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	echo "me:{PLAIN}right" >users
	cat >nginx.conf <<-END
		daemon off; master_process off; pid $PWD/nginx.pid; error_log $PWD/nginx.log;
		events {}
		http {
			access_log off; client_body_temp_path $PWD/body; proxy_temp_path $PWD/proxy;
			fastcgi_temp_path $PWD/fastcgi; uwsgi_temp_path $PWD/uwsgi; scgi_temp_path $PWD/scgi;
			server {
				listen 127.0.0.1:$front ssl;
				ssl_certificate $PWD/cert.pem; ssl_certificate_key $PWD/key.pem;
				auth_basic heaptide; auth_basic_user_file $PWD/users;
				location / { proxy_pass http://127.0.0.1:$port; }
			}
		}
	END
	nginx -c "$PWD/nginx.conf" 3>&- &
	web=$!
	wait_until test -s nginx.pid
	start_one_job --push "https://127.0.0.1:$front" --set ca-file=cert.pem --set user=me --set password=wrong
	wait_until no_segments
	stop_agent
	logged 'HTTP status 401'
	[ "$(requests server)" -eq 0 ]
	start_one_job --push "https://127.0.0.1:$front" --set ca-file=cert.pem --set user=me --set password=right
	wait_until no_segments
	stop_agent
	kill -QUIT "$web"
	expect_jq "$(decoded server push)" 'length >= 1 and .[0].labels.service_name == "holder"'
}

@test "an ingest request has the parts and the name that servers expect" {
	start_receiver server
	start_one_job --ingest "http://127.0.0.1:$port" --label 'env=a,b' --label region=eu
	wait_until no_segments
	stop_agent
	boundary=$(header server 0 content-type | sed 's/.*boundary=//')
	sent=$(decoded server ingest "$boundary")
	expect_jq "$sent" '.[0].parts == ["profile", "sample_type_config"]'
	expect_jq "$sent" '.[0].profile.by["inuse_space/bytes"].hold_block == 64 * 65536'
	expect_jq "$sent" '.[0].types.inuse_space.aggregation == "average"'
	path=$(jq -r .path server/0.json)
	[[ $path == "/ingest?name=holder%7Benv%3Da%2Cregion%3Deu%7D&from="*"&spyName=heaptide"* ]]
	[[ $path != *format=* ]]
}

@test "422 from ingest is tried once more" {
	start_receiver server --answers 422
	start_one_job --ingest "http://127.0.0.1:$port"
	wait_until no_segments
	stop_agent
	[ "$(requests server)" -eq 2 ]
}

@test "an OTLP message has four profiles over one dictionary" {
	start_receiver server
	OTEL_EXPORTER_OTLP_HEADERS=X-Key=a%20b start_one_job --otlp "http://127.0.0.1:$port" --label env=prod
	wait_until no_segments
	stop_agent
	sent=$(decoded server otlp)
	expect_jq "$sent" '.[0].profiles | keys == ["alloc_objects/count", "alloc_space/bytes",
		"inuse_objects/count", "inuse_space/bytes"]'
	expect_jq "$sent" '.[0].profiles["inuse_space/bytes"].by.hold_block == 64 * 65536'
	expect_jq "$sent" '.[0].profiles["alloc_space/bytes"].duration > 0'
	expect_jq "$sent" '.[0].profiles["inuse_space/bytes"].duration == 0'
	expect_jq "$sent" '.[0].profiles["inuse_space/bytes"].period == ["space", "bytes", 1]'
	expect_jq "$sent" '.[0].resource | .["service.name"] == "holder" and .env == "prod" and
		.["telemetry.sdk.name"] == "heaptide" and .["process.pid"] > 1'
	[ "$(jq -r .path server/0.json)" = /v1development/profiles ]
	[ "$(header server 0 content-type)" = application/x-protobuf ]
	[ "$(header server 0 content-encoding)" = gzip ]
	[ "$(header server 0 x-key)" = "a b" ]
	[[ $(header server 0 user-agent) == OTel-OTLP-Exporter-C/* ]]
}

@test "OTLP is tried again after 503, and not after 500" {
	for answer in 503 500; do
		start_receiver "$answer" --answers "$answer,200"
		OTEL_EXPORTER_OTLP_PROFILES_ENDPOINT="http://127.0.0.1:$port/own" start_one_job \
			--set compression=none --set period-type=memory
		wait_until no_segments
		stop_agent
	done
	[ "$(requests 503)" -eq 2 ]
	cmp 503/0.body 503/1.body
	[ "$(requests 500)" -eq 1 ]
	[ "$(jq -r .path 500/0.json)" = /own ]
}

@test "Parca gets what was allocated with a duration and what is in use without" {
	start_receiver server
	start_one_job --parca "http://127.0.0.1:$port" --label my.zone=a
	wait_until no_segments
	stop_agent
	sent=$(decoded server parca)
	expect_jq "$sent" '.[0].labels == {"__name__": "memory", "service_name": "holder", "my_zone": "a"}'
	expect_jq "$sent" '.[0].profiles | length == 2 and .[0].types == ["alloc_objects/count", "alloc_space/bytes"]
		and .[1].types == ["inuse_objects/count", "inuse_space/bytes"]'
	expect_jq "$sent" '.[0].profiles[0].duration > 0 and .[0].profiles[1].duration == 0'
	expect_jq "$sent" '.[0].profiles[1].by["inuse_space/bytes"].hold_block == 64 * 65536'
	[ "$(jq -r .path server/0.json)" = /api/profiles/writeraw ]
}

@test "a folder gets files that are complete, and loses the oldest" {
	start_agent --folder files --set keep-bytes=6K --every 20ms
	start_holder HEAPTIDE_SERVICE=../web
	wait_until test -d files
	printf other >files/other.txt
	wait_until eval '[ "$(ls files/*Z.pb.gz 2>/dev/null | wc -l)" -ge 5 ]'
	first=$(ls files/*Z.pb.gz | head -n 1)
	wait_until eval '[ ! -e "$first" ]'
	end_holder
	wait_until no_segments
	stop_agent
	[ -e files/other.txt ]
	[ "$(cat files/*Z.pb.gz | wc -c)" -le 6144 ]
	for file in files/*Z.pb.gz; do
		[[ $file == files/_._web.* ]]
		python3 "$BATS_TEST_DIRNAME/decode.py" pprof "$file" >/dev/null
	done
}
