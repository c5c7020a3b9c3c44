#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The files that docs/deploy has for others to start from.

load ../test_helper

deploy=$repository/docs/deploy

# Every option in the text on stdin is one of the agent's.
check_options() {
	local name known

	known=$("$heaptide" agent --help)
	while read -r name; do
		grep -qE -- "^ .*$name( |\$)" <<<"$known" || { echo "no such option: $name"; return 1; }
	done
}

@test "systemd has nothing to say about the units" {
	local unit

	need systemd-analyze
	# Where systemd-analyze looks for the programs they start.
	mkdir units
	for unit in heaptide-agent.service heaptide-agent.user.service; do
		sed "s|/usr/local/bin/heaptide|$heaptide|" "$deploy/$unit" >"units/$unit"
	done
	run systemd-analyze verify units/heaptide-agent.service
	expect_status 0
	refute_output 'heaptide-agent'
	run systemd-analyze --user verify units/heaptide-agent.user.service
	refute_output 'heaptide-agent.user.service:[0-9]+:'
}

@test "the agent starts with the configuration as the unit starts it" {
	need curl
	sed 's/^listen .*/listen 127.0.0.1:0/' "$deploy/agent.conf" >agent.conf
	grep -q '^listen 127.0.0.1:0$' agent.conf
	STATE_DIRECTORY=$BATS_TEST_TMPDIR/state "$heaptide" agent --config agent.conf 2>agent.log 3>&- &
	agent_pid=$!
	wait_until grep -q 'listening on' agent.log
	[ "$(curl -s "$(sed -n 's/.*listening on //p' agent.log)/healthz")" = ok ]
	kill -HUP "$agent_pid"
	wait_until grep -q 'read again' agent.log
	kill "$agent_pid"
	wait "$agent_pid"
}

@test "Kubernetes' files are YAML, and start the agent with options that it has" {
	local file

	need python3
	python3 -c 'import yaml' 2>/dev/null || skip "python3-yaml is not installed"
	for file in "$deploy"/kubernetes-*.yaml; do
		python3 - "$file" <<-'EOF_' >options
			import sys, yaml
			spec = yaml.safe_load(open(sys.argv[1]))["spec"]["template"]["spec"]
			agent = next(one for one in spec["containers"] if one["name"] == "heaptide")
			assert agent["command"] == ["heaptide", "agent"]
			volumes = {one["name"] for one in spec["volumes"]}
			for container in spec["containers"] + spec["initContainers"]:
			    for mount in container["volumeMounts"]:
			        assert mount["name"] in volumes, mount
			for argument in agent["args"]:
			    print(argument.split("=")[0])
		EOF_
		[ -s options ]
		check_options <options
	done
}

@test "promtool has nothing to say about the scrape configuration" {
	need promtool
	run promtool check config "$deploy/prometheus.yml"
	expect_status 0
}

@test "the dashboard shows only metrics that there are" {
	local name

	need jq curl
	"$heaptide" agent --no-history --state state --listen 127.0.0.1:0 2>agent.log 3>&- &
	wait_until grep -q 'listening on' agent.log
	curl -s "$(sed -n 's/.*listening on //p' agent.log)/metrics" >metrics
	jq -r '.panels[].targets[].expr, .templating.list[1].query.query' "$deploy/grafana-dashboard.json" |
		grep -oE 'heaptide_[a-z_]+' | sort -u >names
	[ "$(wc -l <names)" -gt 10 ]
	while read -r name; do
		grep -q "^# TYPE $name " metrics || { echo "no such metric: $name"; return 1; }
	done <names
}
