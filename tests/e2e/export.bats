#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Exported files, read by the programs they are for.

load ../test_helper

# Not what a version manager has put before it in the PATH.
python=/usr/bin/python3

# Records every allocation of a program.
record() {
	HEAPTIDE_INTERVAL=1 preloaded "$@"
}

facts() {
	"$python" "$BATS_TEST_DIRNAME/export_facts.py" "$@"
}

# go_top FILE INDEX: flat amounts of `go tool pprof`.
go_top() {
	PPROF_TMPDIR=$PWD go tool pprof -top -unit=B -nodecount=1000000 -nodefraction=0 \
		-edgefraction=0 -symbolize=none -sample_index="$2" "$1" >top.txt
	facts top top.txt
}

# perl_top PROGRAM FILE OPTION: those of google-pprof or jeprof.
perl_top() {
	"$1" --text --show_bytes --nodecount=1000000 --nodefraction=0 --edgefraction=0 "$3" "$2" \
		2>/dev/null >top.txt
	facts top top.txt
}

@test "go_tool_pprof_reads_the_four_types_the_period_and_the_main_program_first" {
	need go
	record "$programs/export_sites"
	run "$heaptide" export -o profile.pb.gz
	expect_status 0
	go tool pprof -symbolize=none -raw profile.pb.gz >raw.txt
	grep -qxF "PeriodType: space bytes" raw.txt
	grep -qxF "Period: 1" raw.txt
	grep -qxF "alloc_objects/count alloc_space/bytes inuse_objects/count inuse_space/bytes[dflt]" raw.txt
	grep -qF "1: 0x0/0xffffffffffffffff/0x0 $programs/export_sites " raw.txt
	grep -qE '^Comment: inuse_space 1006400 bytes \+/- 0 \(95 %\)$' raw.txt
	grep -qE '^ +100 +6400 +100 +6400: ' raw.txt
	grep -qE '^ +50 +50000 +0 +0: ' raw.txt
}

@test "every_format_has_the_amounts_of_the_report_to_the_byte" {
	need go $python google-pprof jeprof
	record $python -c 'import json, re; x = [json.dumps({str(i): i}) for i in range(20000)]'
	"$heaptide" report --format json --view inuse,alloc --by function --top 1000000 >report.json
	"$heaptide" export -o profile.pb.gz
	"$heaptide" export -f gperftools -o profile.heap
	"$heaptide" export -f speedscope -o profile.speedscope.json
	"$heaptide" export -f json --blocks -o profile.json
	for metric in inuse_space alloc_space inuse_objects alloc_objects; do
		view=${metric%_*} unit=bytes
		[ "${metric#*_}" = space ] || unit=objects
		facts report report.json "$view" "$unit" >expected.txt
		[ "$(wc -l <expected.txt)" -gt 5 ]
		diff expected.txt <(go_top profile.pb.gz "$metric")
		diff expected.txt <(facts profile profile.json "$view" "$unit")
		diff expected.txt <(facts speedscope profile.speedscope.json "$metric")
		"$heaptide" export -f folded -m "$metric" -o profile.folded
		diff expected.txt <(facts folded profile.folded)
		diff expected.txt <(perl_top google-pprof profile.heap "--$metric")
		diff expected.txt <(perl_top jeprof profile.heap "--$metric")
	done
}

@test "estimates_agree_as_exact_numbers_do" {
	need go $python
	HEAPTIDE_INTERVAL=4096 HEAPTIDE_SEED=7 preloaded \
		$python -c 'x = [str(i) * 20 for i in range(50000)]'
	"$heaptide" report --format json --view inuse --by function --top 1000000 >report.json
	"$heaptide" export -o profile.pb.gz
	diff <(facts report report.json inuse bytes) <(go_top profile.pb.gz inuse_space)
	diff <(facts report report.json inuse objects) <(go_top profile.pb.gz inuse_objects)
	go tool pprof -symbolize=none -raw profile.pb.gz | grep -qx "Period: 4096"
}

@test "names_of_templates_are_the_same_in_every_program" {
	need go $python
	record "$programs/export_vectors"
	"$heaptide" report --format json --view inuse --by function --top 1000000 >report.json
	"$heaptide" export -o profile.pb.gz
	facts report report.json inuse bytes >expected.txt
	grep -q '_M_realloc_insert<int, int&>' expected.txt
	diff expected.txt <(go_top profile.pb.gz inuse_space)
	# Neither does pprof's own symbolization change them.
	PPROF_TMPDIR=$PWD go tool pprof -top -unit=B -nodecount=1000000 -nodefraction=0 \
		-edgefraction=0 profile.pb.gz >top.txt
	diff expected.txt <(facts top top.txt)
}

@test "allocator_functions_are_not_in_the_file" {
	need go
	record "$programs/export_vectors"
	"$heaptide" export -o profile.pb.gz
	PPROF_TMPDIR=$PWD run go tool pprof -top -symbolize=none -nodecount=1000000 profile.pb.gz
	expect_status 0
	refute_output ' malloc$|operator new|_M_allocate|::allocate\('
}

@test "two_runs_at_different_addresses_cancel_out" {
	need go
	record "$programs/export_sites"
	"$heaptide" export -o first.pb.gz
	"$heaptide" clean
	record "$programs/export_sites"
	"$heaptide" export -o second.pb.gz
	PPROF_TMPDIR=$PWD run go tool pprof -top -symbolize=none -sample_index=alloc_space \
		-base first.pb.gz second.pb.gz
	expect_status 0
	expect_output '^Showing nodes accounting for 0, '
	refute_output '^ +[0-9].*%'
}

@test "pprof_itself_finds_the_lines_of_the_calls" {
	need go
	record "$programs/export_sites"
	"$heaptide" export -o profile.pb.gz
	line=$(grep -n 'kept\[i\] = malloc(100000)' "$BATS_TEST_DIRNAME/export_sites.c" | cut -d: -f1)
	PPROF_TMPDIR=$PWD run go tool pprof -top -lines -symbolize=force profile.pb.gz
	expect_status 0
	expect_output "keep_large .*export_sites.c:$line"
}

@test "pprof_finds_the_functions_of_a_program_with_several_segments" {
	need go strip readelf
	strip -o stripped "$programs/export_segments"
	[ "$(readelf -lW stripped | grep -c 'LOAD.* R E ')" -eq 2 ]
	record ./stripped
	"$heaptide" export -o profile.pb.gz
	PPROF_TMPDIR=$PWD run go tool pprof -top -symbolize=none profile.pb.gz
	expect_output '1000B .* stripped\+0x'
	cp "$programs/export_segments" stripped
	line=$(grep -n 'malloc(2000)' "$BATS_TEST_DIRNAME/export_segments.c" | cut -d: -f1)
	PPROF_TMPDIR=$PWD run go tool pprof -top -lines profile.pb.gz
	expect_status 0
	expect_output '1000B .* allocate_near '
	expect_output "2000B .* allocate_far .*export_segments.c:$line"
}

@test "lines_are_in_the_file_when_asked_for" {
	need go
	record "$programs/export_sites"
	"$heaptide" export --lines -o profile.pb.gz
	line=$(grep -n 'kept\[i\] = malloc(100000)' "$BATS_TEST_DIRNAME/export_sites.c" | cut -d: -f1)
	PPROF_TMPDIR=$PWD run go tool pprof -top -lines -symbolize=none profile.pb.gz
	expect_status 0
	expect_output "keep_large .*export_sites.c:$line"
}

@test "extra_values_come_after_the_four" {
	need go
	record "$programs/export_sites"
	"$heaptide" export --extra -o profile.pb.gz
	go tool pprof -symbolize=none -raw profile.pb.gz >raw.txt
	grep -qF "inuse_space/bytes[dflt] peak_objects/count peak_space/bytes temporary_objects/count temporary_space/bytes" raw.txt
	grep -qE '^ +50 +50000 +0 +0 +1 +1000 +50 +50000: ' raw.txt
}

@test "a_process_that_runs_can_be_exported_to_stdout" {
	need go
	mkfifo hold
	HEAPTIDE_INTERVAL=1 LD_PRELOAD=$library "$programs/export_sites" wait <hold &
	exec 7>hold
	is_complete() {
		"$heaptide" export $! -f folded -m alloc_space -o - 2>/dev/null |
			awk '{ sum += $NF } END { exit sum != 1056400 }'
	}
	wait_until is_complete
	"$heaptide" export $! -o - >live.pb.gz 2>err.txt
	go tool pprof -symbolize=none -raw live.pb.gz >raw.txt
	grep -qE '^ +10 +1000000 +10 +1000000: ' raw.txt
	[ ! -s err.txt ]
	exec 7>&-
	wait $!
}

@test "a_file_says_what_to_do_with_it" {
	record "$programs/export_sites"
	run "$heaptide" export
	expect_status 0
	expect_output '^heaptide export: wrote profile.pb.gz; next: go tool pprof -top profile.pb.gz$'
	[ -s profile.pb.gz ]
}

@test "a_failure_leaves_the_old_file_and_nothing_else" {
	record "$programs/export_sites"
	echo old >profile.json
	# The file may not become longer than 1 KiB: writing fails in the middle.
	run bash -c 'trap "" XFSZ; ulimit -f 1; exec "$0" export -f json -o profile.json' "$heaptide"
	expect_status 1
	[ "$output" = "heaptide export: cannot write profile.json: File too large" ]
	[ "$(cat profile.json)" = old ]
	[ "$(ls)" = profile.json ]
}

@test "what_cannot_be_written_is_said_in_one_line" {
	record "$programs/export_sites"
	run "$heaptide" export -o nowhere/profile.pb.gz
	expect_status 1
	[ "$output" = "heaptide export: cannot write nowhere/profile.pb.gz: No such file or directory" ]
	run "$heaptide" export -o /dev/full
	expect_status 1
	[ "$output" = "heaptide export: cannot write /dev/full: No space left on device" ]
	run bash -c "ulimit -f 0; '$heaptide' export -o large.pb.gz 2>&1 | cat
		exit \${PIPESTATUS[0]}"
	expect_status 1
	[ "$output" = "heaptide export: cannot write large.pb.gz: File too large" ]
	[ -z "$(ls large.pb.gz* 2>/dev/null)" ]
}

@test "wrong_use_is_said_in_one_line" {
	record "$programs/export_sites"
	for wrong in "--metric alloc_space" "--blocks" "--format folded --extra" "--format xml" \
		"--metric heap" "1 2"; do
		# shellcheck disable=SC2086
		run "$heaptide" export $wrong -o file
		expect_status 2
		[ "${#lines[@]}" -eq 1 ]
		[ ! -e file ]
	done
}

@test "a_pprof_file_is_not_printed_on_a_terminal" {
	need script
	record "$programs/export_sites"
	run script -qec "'$heaptide' export -o -" /dev/null
	expect_status 2
	expect_output 'a pprof file is not text'
}

@test "a_process_that_does_not_exist_is_said_in_one_line" {
	run "$heaptide" export 4194304 -o file
	expect_status 2
	[ "${#lines[@]}" -eq 1 ]
	[ ! -e file ]
}
