#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# `heaptide report` on a program whose heap is known to the byte, with every
# allocation recorded, so that there is one right answer; and on real programs.
load ../test_helper

# The program runs once for the tests that read what it left behind.
setup_file() {
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR heaptide_setup
	export KNOWN_DIR=$HEAPTIDE_DIR KNOWN
	HEAPTIDE_INTERVAL=1 HEAPTIDE_BUDGET=16M preloaded "$programs/known" </dev/null
	KNOWN=$(segments)
}

teardown_file() {
	rm -rf "$KNOWN_DIR"
}

# report ARGUMENTS...: of the known program, as JSON.
report() {
	"$heaptide" report "$KNOWN" --format json --top 1000000 "$@"
}

# row VIEW FUNCTION: "flat bytes/objects, cumulative bytes/objects".
row() {
	report --view "$1" | jq -r --arg name "$2" '.tables[0].rows[] | select(.name == $name) |
		"\(.flat.bytes)/\(.flat.objects) \(.cumulative.bytes)/\(.cumulative.objects)"'
}

# equal ACTUAL EXPECTED
equal() {
	if [ "$1" != "$2" ]; then
		printf 'is:\n%s\nshould be:\n%s\n' "$1" "$2"
		return 1
	fi
}

@test "each function has the bytes in use that it keeps" {
	equal "$(row inuse keep_small)" "6400/100 6400/100"
	equal "$(row inuse keep_large)" "3145728/3 3145728/3"
	equal "$(row inuse work)" "5000/10 5000/10"
	equal "$(row inuse churn)" ""
}

@test "a recursive function counts once per stack" {
	equal "$(row inuse keep_recursively)" "160/5 160/5"
	equal "$(report --view inuse --by stack | jq '[.tables[0].rows[] |
		select(.frames[0].function == "keep_recursively") |
		[.frames[] | select(.function == "keep_recursively")] | length] | sort | join(" ")')" \
		'"1 2 3 4 5"'
}

@test "each function has the bytes it allocated" {
	equal "$(row alloc churn)" "100000/1000 100000/1000"
	equal "$(row alloc free_late)" "3145728/1 3145728/1"
	equal "$(row alloc reach_peak)" "16777216/1 16777216/1"
	equal "$(row alloc keep_small)" "6400/100 6400/100"
}

@test "the peak is what was in use when the heap was largest" {
	equal "$(row peak reach_peak)" "16777216/1 16777216/1"
	equal "$(row peak keep_large)" "3145728/3 3145728/3"
	equal "$(row peak work)" "5000/10 5000/10"
	equal "$(row peak free_late)" ""
}

@test "temporary is what was freed at once" {
	local bytes

	# A free may come late on a busy machine.
	bytes=$(report --view temporary | jq '.tables[0].rows[] | select(.name == "churn").flat.bytes')
	[ "$bytes" -ge 99000 ]
	[ "$bytes" -le 100000 ]
	equal "$(row temporary free_late)" ""
	equal "$(row temporary keep_small)" ""
}

@test "a main function has all that its callees allocated" {
	local least=$((100 * 64 + 3 * 1048576 + 5 * 32 + 100000 + 3 * 1048576 + 16 * 1048576))

	[ "$(report --view alloc | jq '.tables[0].rows[] | select(.name == "main").cumulative.bytes')" \
		-ge $least ]
}

@test "the totals are the sums of the rows, whatever a row is" {
	local by

	for by in function stack module; do
		report --by $by --view inuse,alloc,peak,temporary | jq -e '.totals as $totals |
			.tables | length == 4 and all(.total.bytes == $totals[.view].bytes and
			([.rows[].flat.bytes] | add) == .total.bytes and
			([.rows[].flat.objects] | add) == .total.objects)'
	done
	report --by size | jq -e '.totals.alloc.bytes == ([.tables[0].rows[].alloc.bytes] | add) and
		.totals.inuse.bytes == ([.tables[0].rows[].inuse.bytes] | add)'
	report --by thread | jq -e '.totals.alloc.bytes == ([.tables[0].rows[].alloc.bytes] | add) and
		.totals.inuse.bytes == ([.tables[0].rows[].inuse.bytes] | add)'
	report --by lifetime | jq -e '.totals.alloc.objects - .totals.inuse.objects ==
		([.tables[0].rows[].freed.objects] | add)'
}

@test "sizes are counted in powers of two" {
	report --by size | jq -e '.tables[0].rows | map({(.from_bytes | tostring): .}) | add |
		.["1048576"].alloc.objects == 3 and .["1048576"].inuse.bytes == 3145728 and
		.["2097152"].alloc.bytes == 3145728 and .["2097152"].inuse.objects == 0 and
		.["16777216"].alloc.objects == 1 and .["64"].alloc.objects >= 1100'
}

@test "lifetimes tell what was freed at once from what was freed late" {
	report --by lifetime | jq -e '.tables[0].rows |
		([.[] | select(.from_ns >= 20e6).freed.bytes] | add) >= 3145728 and
		([.[] | select(.below_ns <= 10e6).freed.objects] | add) >= 990'
}

@test "a thread has what it allocated, under its name" {
	equal "$(report --by thread | jq -r '.tables[0].rows[] | select(.name == "worker") |
		"\(.alloc.bytes)/\(.alloc.objects) \(.inuse.bytes)/\(.inuse.objects)"')" \
		"5000/10 5000/10"
	report --by thread | jq -e '[.tables[0].rows[] | select(.name == "known")] | length == 1'
}

@test "modules are charged for what they allocate" {
	report --by module --view inuse | jq -e '.tables[0].rows |
		any(.[]; (.name | endswith("/known")) and .flat.bytes >= 3157288)'
}

@test "source lines are rows with --lines" {
	local line

	line=$(grep -n 'ALLOCATE(100)' "$repository/tests/e2e/known.c" | cut -d: -f1)
	report --lines --view alloc | jq -e --arg place "known.c:$line" '.tables[0].rows |
		any(.[]; (.name | startswith("churn ") and endswith($place)) and .flat.bytes == 100000)'
}

@test "focus and ignore select stacks" {
	report --view alloc --focus '^churn$' | jq -e '.tables[0].total.bytes == 100000 and
		.totals.alloc.bytes > 100000'
	report --view alloc --ignore '^main$' | jq -e '.tables[0].rows | any(.[]; .name == "work") and
		all(.[]; .name != "churn")'
	report --view alloc --focus keep --ignore 'small|large' |
		jq -e '.tables[0].total.bytes == 160'
}

@test "the report agrees with go tool pprof to the byte" {
	local view metric

	need go
	"$heaptide" export "$KNOWN" -o known.pb.gz
	for view in inuse alloc; do
		for metric in space objects; do
			go tool pprof -top -unit=B -nodecount=1000000 -nodefraction=0 -edgefraction=0 \
				-sample_index=${view}_$metric known.pb.gz 2>/dev/null |
				awk 'seen { print $1 + 0, $4 + 0, $6 } $1 == "flat" { seen = 1 }' |
				LC_ALL=C sort >pprof.rows
			report --view $view | jq -r --arg part "${metric/space/bytes}" '.tables[0].rows[] |
				"\(.flat[$part]) \(.cumulative[$part]) \(.name)"' |
				LC_ALL=C sort >report.rows
			[ -s pprof.rows ]
			diff pprof.rows report.rows
		done
	done
}

@test "exact numbers have no errors" {
	run "$heaptide" report "$KNOWN"
	expect_status 0
	refute_output '\+/-'
	expect_output '^  recorded   every allocation: '
	report | jq -e '[.. | .bytes_error?, .objects_error? | numbers] | length > 0 and all(. == 0)'
}

@test "estimates have errors that hold the truth" {
	HEAPTIDE_INTERVAL=1K HEAPTIDE_SEED=7 preloaded "$programs/known" </dev/null
	run "$heaptide" report --view inuse,alloc "$(segments)"
	expect_status 0
	expect_output '^ +[0-9.]+ [KM]iB +[<0-9.]+ % .* churn <- main'
	"$heaptide" report --format json --view alloc "$(segments)" | jq -e '.tables[0].rows[] |
		select(.name == "churn").flat | .bytes_error > 0 and .samples < 200 and
		(.bytes - 100000 | fabs) < 2.5 * .bytes_error'
}

@test "too few samples are said to be so" {
	HEAPTIDE_INTERVAL=20K HEAPTIDE_SEED=7 preloaded "$programs/known" </dev/null
	run "$heaptide" report --view alloc "$(segments)"
	expect_status 0
	expect_output '~.* [0-9]+ samples? .* churn'
}

@test "a running process is reported, and once it is killed" {
	local pid

	mkfifo input
	HEAPTIDE_INTERVAL=1 HEAPTIDE_BUDGET=16M LD_PRELOAD=$library "$programs/known" <input >output &
	pid=$!
	exec 9>input
	wait_until grep -q ready output
	run "$heaptide" report $pid
	expect_status 0
	expect_output "^known \(pid $pid\), running; "
	expect_output ' keep_large <- main'
	kill -KILL $pid
	wait $pid || true
	exec 9>&-
	run "$heaptide" report $pid
	expect_status 0
	expect_output "^known \(pid $pid\), ended without its exit handlers"
	expect_output ' keep_large <- main'
}

@test "a limit of temporary that is no power of two is rounded, and said" {
	run "$heaptide" report "$KNOWN" --young 15ms
	expect_status 0
	expect_output '--young 15.0 ms is taken as 20.0 ms'
	expect_output 'freed within 20.0 ms'
	run "$heaptide" report "$KNOWN" --young 10ms
	refute_output 'is taken as'
}

@test "what cannot be shown is refused in one line" {
	run "$heaptide" report "$KNOWN" --focus '('
	expect_status 2
	equal "${#lines[@]}" 1
	expect_output "--focus '\(' is not a regular expression: "
	run "$heaptide" report "$KNOWN" --by size --view peak
	expect_status 2
	equal "${#lines[@]}" 1
	expect_output '--by size goes with --view inuse and alloc, not with peak'
	run "$heaptide" report "$KNOWN" --view everything
	expect_status 2
	equal "${#lines[@]}" 1
}

@test "a report that cannot be written fails" {
	run bash -c "'$heaptide' report '$KNOWN' >/dev/full"
	expect_status 1
	expect_output 'cannot print the report: No space left on device'
}

@test "long names are shortened on a narrow terminal only" {
	need script
	script -qc "stty cols 60; '$heaptide' report '$KNOWN' --view alloc" /dev/null >narrow
	grep -q -- '\.\.\.' narrow
	[ "$(tr -d '\r' <narrow | sed -n '/^Allocated/,/^Not seen/p' | wc -L)" -le 80 ]
	"$heaptide" report "$KNOWN" --view alloc >wide
	! grep -q -- '\.\.\.' wide
}

@test "python and sqlite are reported in every way" {
	local by segment

	need python3 sqlite3
	HEAPTIDE_INTERVAL=1K preloaded "$(command -v /usr/bin/python3 python3 | head -1)" \
		-c 'print(len([str(i) * 100 for i in range(20000)]))' >/dev/null
	HEAPTIDE_INTERVAL=1K preloaded sqlite3 :memory: 'create table t(a);
		with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000)
		insert into t select hex(randomblob(50)) from n; select count(*) from t;' >/dev/null
	[ "$(segments | wc -l)" -ge 2 ]
	for segment in $(segments); do
		for by in function stack module size lifetime thread; do
			"$heaptide" report "$segment" --by $by >text
			[ "$(wc -l <text)" -gt 10 ]
			"$heaptide" report "$segment" --by $by --format json | jq -e '.tables |
				length > 0 and all(.rows | length > 0)'
		done
	done
}
