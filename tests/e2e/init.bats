#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# `heaptide run` as the first process of a container.

load ../test_helper

setup() {
	heaptide_setup
	need unshare
	unshare -pf --mount-proc true 2>/dev/null || skip "cannot make a PID namespace"
}

@test "as process 1 it ends with the program's status" {
	run unshare -pf --mount-proc "$heaptide" run -q -- sh -c 'echo $PPID; exit 6'
	expect_status 6
	[ "$output" = 1 ]
}

@test "as process 1 it reaps orphans" {
	# The orphan is the subshell's child; once dead it must leave the table.
	run unshare -pf --mount-proc "$heaptide" run -q -- bash -c '
		mkfifo go
		( sh -c "echo \$\$ >orphan; read x <go" & )
		for ((i = 0; i < 3000; i++)); do [ -s orphan ] && break; sleep 0.01; done
		pid=$(cat orphan)
		echo "parent $(awk "/^PPid/ { print \$2 }" /proc/$pid/status)"
		echo >go
		for ((i = 0; i < 3000; i++)); do [ -e /proc/$pid ] || break; sleep 0.01; done
		[ -e /proc/$pid ] || echo reaped'
	expect_status 0
	expect_output '^parent 1$'
	expect_output '^reaped$'
}

@test "as process 1 it passes on signals, which the kernel would drop" {
	for signal in TERM INT USR1 HUP; do
		rm -f got
		unshare -pf --kill-child --mount-proc "$heaptide" run -q -- "$programs/receiver" >got &
		wait_until grep -q ready got
		# unshare's child is process 1 of the namespace.
		init=$(pgrep -P $!)
		kill -s "$signal" "$init"
		wait_until grep -q "^$(kill -l "$signal") " got
		kill -s RTMAX "$init"
		status=0
		wait $! || status=$?
		expect_status 9
	done
}

@test "as process 1 it gives its verdict" {
	run unshare -pf --mount-proc "$heaptide" run -o out.pb.gz -- "$programs/holder" 32 </dev/null
	expect_status 0
	expect_output '^heaptide: holder \([0-9]+\) ended with status 0'
}
