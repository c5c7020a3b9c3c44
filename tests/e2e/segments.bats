#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Finding segments, telling the living from the dead, changing and removing them.

bats_require_minimum_version 1.5.0
load ../test_helper

setup() {
	heaptide_setup
	export HEAPTIDE_SEED=1
	holders=0
}

# hold MIB [SETTING=VALUE...]: starts a holder under the library; sets $pid, and
# the numbered files to_N and from_N lead to it.
hold() {
	local mib=$1

	shift
	holders=$((holders + 1))
	mkfifo "to_$holders"
	env LD_PRELOAD="$library" "$@" "$programs/holder" "$mib" <"to_$holders" >"from_$holders" &
	pid=$!
	exec {writer}>"to_$holders"
	wait_until grep -q ready "from_$holders"
}

# tell WORD: has the last holder do it, and waits until it is done.
tell() {
	local before

	before=$(grep -c did "from_$holders" || true)
	echo "$1" >&"$writer"
	wait_until has_done $((before + 1))
}

has_done() {
	[ "$(grep -c did "from_$holders")" -ge "$1" ]
}

release() {
	exec {writer}>&-
	wait "$pid" || true
}

# field PID NAME: of `heaptide ps --format json`.
field() {
	"$heaptide" ps --format json | tr '{' '\n' |
		sed -n "s/^\"pid\":$1,.*\"$2\":\"\\{0,1\\}\([^,\"}]*\).*/\1/p"
}

has_field() {
	[ "$(field "$1" "$2")" = "$3" ]
}

@test "ps shows the living and the dead" {
	hold 32
	live=$pid
	run "$heaptide" ps
	expect_status 0
	expect_output '^ *PID +COMMAND +STATE +HEAP +PEAK +RATE +SAMPLES +DROPS +INTERVAL +OWN CPU +OWN MEMORY$'
	expect_output "^ *$live +holder +live +[23][0-9.]+ MiB +[23][0-9.]+ MiB +.*/s +[0-9]+ +0 +512K "
	release
	run "$heaptide" ps
	expect_output "^ *$live +holder +dead +[23][0-9.]+ MiB "
}

@test "ps --format json has the numbers" {
	need python3
	hold 8 HEAPTIDE_INTERVAL=1
	[ "$(field "$pid" state)" = live ]
	[ "$(field "$pid" alive)" = true ]
	[ "$(field "$pid" interval_bytes)" = 1 ]
	[ "$(field "$pid" heap_bytes)" -ge $((8 << 20)) ]
	[ "$(field "$pid" heap_error_bytes)" = 0 ]
	[ "$(field "$pid" samples)" -ge 128 ]
	[ "$(field "$pid" drops)" = 0 ]
	[ "$(field "$pid" own_memory_bytes)" -gt 0 ]
	run field "$pid" segment
	[ -f "$output" ]
	"$heaptide" ps --format json | python3 -m json.tool >/dev/null
}

@test "ps with nothing to show says how to begin" {
	run "$heaptide" ps
	expect_status 0
	expect_output 'nothing has been profiled yet; start with: heaptide run'
	run --separate-stderr "$heaptide" ps --format json
	[ "$output" = "[]" ]
}

@test "after exec the old image is dead and the new one lives" {
	hold 16
	echo exec >&"$writer"
	wait_until eval '[ "$(grep -c ready from_1)" = 2 ]'
	run "$heaptide" ps
	[ "$(grep -c "^ *$pid holder" <<<"$(tr -s ' ' <<<"$output")")" -eq 2 ]
	[ "$(grep -c ' live ' <<<"$output")" -eq 1 ]
	[ "$(grep -c ' dead ' <<<"$output")" -eq 1 ]
}

@test "a segment is found by PID, by command and by file" {
	hold 16
	# The program itself is no segment of that name.
	cp "$programs/holder" holder
	for name in "$pid" holder "$(segments)"; do
		run "$heaptide" report "$name"
		expect_status 0
		expect_output hold_block
	done
}

@test "a living process is found by PID wherever its segment is" {
	hold 16
	HEAPTIDE_DIR=/nonexistent run "$heaptide" report "$pid"
	expect_status 0
	expect_output hold_block
}

@test "without a name the newest is taken, and said when there are several" {
	hold 16
	run "$heaptide" report
	expect_status 0
	refute_output 'this is the newest'
	first=$pid
	hold 16
	run "$heaptide" report
	expect_status 0
	expect_output "of 2 segments this is the newest, holder \($pid\)"
	[ "$first" != "$pid" ]
}

@test "what is no segment is said in one line" {
	hold 4
	file=$(segments)
	: >empty
	head -c 100000 /dev/zero >zeros
	head -c 5000 "$file" >short
	{ head -c 8 "$file"; printf '\x63\0\0\0'; tail -c +13 "$file"; } >newer
	for name in empty zeros short newer "$PWD" ./missing no-such-command 999999999; do
		run "$heaptide" report "$name"
		expect_status 2
		[ "${#lines[@]}" -eq 1 ]
		expect_output '^heaptide report: .{20,}'
	done
	run "$heaptide" report newer
	expect_output 'version'
	run "$heaptide" report 1
	expect_status 2
	expect_output 'process 1 runs, but without the profiler'
}

@test "a segment that may not be read is a failure" {
	need_root
	need setpriv
	hold 4
	file=$(segments)
	cp "$heaptide" "$BATS_TEST_TMPDIR"
	chmod 711 "$HEAPTIDE_DIR"
	public=$(mktemp -d /tmp/heaptide-public.XXXXXX)
	chmod 755 "$public"
	cp "$heaptide" "$public"
	run setpriv --reuid=65534 --regid=65534 --clear-groups "$public/heaptide" report "$file"
	rm -r "$public"
	expect_status 1
	[ "${#lines[@]}" -eq 1 ]
	expect_output 'Permission denied'
}

@test "clean removes the dead and keeps the living" {
	hold 16
	release
	hold 16
	run "$heaptide" clean
	expect_status 0
	expect_output '^removed 1 segments \(.* [KM]iB\); 1 of living processes stay$'
	[ "$(segments | wc -l)" -eq 1 ]
	[[ $(segments) == *.$pid.* ]]
	release
	run "$heaptide" clean
	expect_output '^removed 1 segments'
	[ -z "$(segments)" ]
}

@test "clean --older keeps what is young" {
	hold 16
	release
	run "$heaptide" clean --older 1h
	expect_status 0
	expect_output '^removed 0 segments .*, 1 are not old enough$'
	run "$heaptide" clean --older 0s
	expect_output '^removed 1 segments'
}

@test "clean touches nothing but segments" {
	echo text >"$HEAPTIDE_DIR/notes"
	echo precious >precious
	ln -s "$PWD/precious" "$HEAPTIDE_DIR/link.1.1.heaptide"
	mkdir "$HEAPTIDE_DIR/folder.1.1.heaptide"
	: >"$HEAPTIDE_DIR/empty.1.1.heaptide"
	run "$heaptide" clean
	expect_status 0
	expect_output '^removed 1 segments'
	[ -e "$HEAPTIDE_DIR/notes" ]
	[ -L "$HEAPTIDE_DIR/link.1.1.heaptide" ]
	[ -e precious ]
}

@test "clean keeps the segment of a process in another PID namespace" {
	need unshare
	unshare -pf --mount-proc true 2>/dev/null || skip "cannot make a PID namespace"
	mkfifo to
	unshare -pf --kill-child --mount-proc env LD_PRELOAD="$library" "$programs/holder" 16 <to >from &
	exec {writer}>to
	wait_until grep -q ready from
	grep -q 'ready 1$' from
	# unshare itself is preloaded by nobody: the only segment is the holder's.
	run "$heaptide" clean
	expect_status 0
	expect_output '^removed 0 segments .*; 1 of living processes stay$'
	exec {writer}>&-
	wait $!
	run "$heaptide" clean
	expect_output '^removed 1 segments'
}

@test "ctl --interval takes effect in the running process" {
	hold 4
	has_field "$pid" interval_bytes 524288
	run "$heaptide" ctl "$pid" --interval 16K
	expect_status 0
	[ -z "$output" ]
	tell churn
	wait_until has_field "$pid" interval_bytes 16384
	before=$(field "$pid" samples)
	tell churn
	# 64 MiB at 16 KiB: about 1 000 of 1 024 blocks.
	[ $(($(field "$pid" samples) - before)) -gt 900 ]
}

@test "ctl --off stops sampling and --on starts it again" {
	hold 4 HEAPTIDE_INTERVAL=16K
	"$heaptide" ctl "$pid" --off
	tell churn
	wait_until has_field "$pid" state off
	before=$(field "$pid" samples)
	tell churn
	[ "$(field "$pid" samples)" -eq "$before" ]
	"$heaptide" ctl "$pid" --on --interval 1
	tell churn
	wait_until has_field "$pid" state live
	has_field "$pid" interval_bytes 1
	before=$(field "$pid" samples)
	tell churn
	[ $(($(field "$pid" samples) - before)) -ge 1024 ]
}

@test "a program started dormant wakes when it is told to" {
	hold 16 HEAPTIDE_START=off HEAPTIDE_INTERVAL=16K
	has_field "$pid" state off
	has_field "$pid" samples 0
	run "$heaptide" ps
	expect_output "^ *$pid +holder +off +0 B +0 B +- +0 "
	"$heaptide" ctl "$pid" --on
	tell churn
	wait_until has_field "$pid" state live
	tell churn
	[ "$(field "$pid" samples)" -gt 900 ]
}

@test "ctl says in one line what is wrong" {
	hold 4
	while IFS='|' read -r arguments words; do
		# shellcheck disable=SC2086
		run "$heaptide" ctl $arguments
		expect_status 2
		[ "${#lines[@]}" -eq 1 ]
		expect_output "$words"
	done <<-EOF
		$pid|nothing to change: give --interval BYTES, --on or --off
		$pid --on --off|--on and --off exclude each other
		$pid --interval 0|--interval wants
		--on|something is missing: heaptide ctl PID
		$pid 2 --on|too many arguments
		999999999 --on|no process 999999999
		1 --on|process 1 runs, but without the profiler
	EOF
	release
	run "$heaptide" ctl "$pid" --on
	expect_status 2
	expect_output "has ended"
}

@test "a default directory that others could have made is not trusted" {
	need_root
	need setpriv
	public=$(mktemp -d /tmp/heaptide-public.XXXXXX)
	chmod 755 "$public"
	cp "$heaptide" "$public"
	directory=/dev/shm/heaptide-64242
	for how in "mkdir -m 700" "mkdir -m 755" "ln -s /dev/shm"; do
		rm -rf "$directory"
		$how "$directory"
		[ "$how" = "mkdir -m 700" ] || chown -h 64242 "$directory"
		run env -u HEAPTIDE_DIR setpriv --reuid=64242 --regid=64242 --clear-groups \
			"$public/heaptide" ps
		echo "$how: $output"
		[ "$status" -eq 1 ]
		[[ $output == "heaptide ps: $directory is not trusted: "* ]]
	done
	rm -rf "$directory" "$public"
}

@test "root sees the segments of other users" {
	need_root
	need setpriv
	segments_of_user=/dev/shm/heaptide-64243
	public=$(mktemp -d /tmp/heaptide-public.XXXXXX)
	chmod 755 "$public"
	cp "$library" "$programs/holder" "$public"
	setpriv --reuid=64243 --regid=64243 --clear-groups \
		env -u HEAPTIDE_DIR LD_PRELOAD="$public/libheaptide.so" "$public/holder" 16 </dev/null >from
	pid=$(sed -n 's/ready //p' from)
	run env -u HEAPTIDE_DIR "$heaptide" ps
	rm -rf "$segments_of_user" "$public"
	expect_status 0
	expect_output "^ *$pid +holder +dead "
}

@test "a process that hides its memory map is known by its start time" {
	need_root
	need setpriv
	segments_of_user=/dev/shm/heaptide-64244
	public=$(mktemp -d /tmp/heaptide-public.XXXXXX)
	chmod 755 "$public"
	cp "$heaptide" "$library" "$programs/holder" "$public"
	as_user=(env -u HEAPTIDE_DIR setpriv --reuid=64244 --regid=64244 --clear-groups)
	mkfifo to
	"${as_user[@]}" env LD_PRELOAD="$public/libheaptide.so" "$public/holder" 16 hidden <to >from &
	pid=$!
	exec {writer}>to
	wait_until grep -q ready from
	run "${as_user[@]}" cat "/proc/$pid/maps"
	[ "$status" -ne 0 ]
	run "${as_user[@]}" "$public/heaptide" ps
	expect_output "^ *$pid +holder +live "
	run "${as_user[@]}" "$public/heaptide" clean
	expect_output '^removed 0 segments'
	release
	run "${as_user[@]}" "$public/heaptide" ps
	rm -rf "$segments_of_user" "$public"
	expect_output "^ *$pid +holder +dead "
}
