#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A program under `heaptide run` has the terminal as it would have it alone.

load ../test_helper

setup() {
	heaptide_setup
	need python3
}

# on_terminal SCRIPT COMMAND...: runs the command on a terminal of its own, in a
# session of its own. The Python script drives it with expect(REGEX), type(BYTES)
# and what else terminal.py has; it fails when something does not come.
on_terminal() {
	local script=$1

	shift
	PYTHONPATH=$repository/tests/e2e python3 -c "from terminal import *
start(sys.argv[1:])
$script" "$@"
}

@test "the program keeps the terminal" {
	on_terminal 'expect("yes yes yes .*/dev/pts/"); finish(0)' \
		"$heaptide" run -q -- sh -c '
			for fd in 0 1 2; do test -t $fd && printf "yes "; done; tty'
}

@test "the program is in the foreground" {
	on_terminal 'expect("same"); finish(0)' "$heaptide" run -q -- python3 -c '
import os
print("same" if os.tcgetpgrp(0) == os.getpgrp() else "other")'
}

@test "what is typed reaches the program" {
	on_terminal 'type(b"a line\n"); expect("got a line"); finish(0)' \
		"$heaptide" run -q -- sh -c 'read x; echo "got $x"'
}

@test "ctrl-C ends the program, not heaptide, which gives its verdict" {
	on_terminal 'expect("ready"); type(b"\x03"); expect("killed by signal 2"); finish(130)' \
		"$heaptide" run -o out.pb.gz -- "$programs/holder" 32
}

@test "ctrl-C arrives once at a program that catches it" {
	on_terminal '
expect("ready")
type(b"\x03")
expect("2 128 0")
send(signal.SIGRTMAX)
finish(9)
assert len(re.findall("^2 ", seen(), re.M)) == 1, seen()' \
		"$heaptide" run -q -- sh -c 'stty -echo; exec "$0"' "$programs/receiver"
}

@test "a change of the window's size reaches the program" {
	on_terminal 'expect("ready"); resize(33, 44); expect("28 128 0"); send(signal.SIGRTMAX); finish(9)' \
		"$heaptide" run -q -- "$programs/receiver"
}

@test "ctrl-Z stops the job, and fg goes on with it" {
	heaptide=$heaptide holder=$programs/holder on_terminal '
expect("[#$] ")
type(b"%s run -q -- %s 4\n" % (os.environb[b"heaptide"], os.environb[b"holder"]))
expect("ready")
type(b"\x1a")
expect("Stopped(?s:.*)[#$] ")
type(b"fg\n")
expect("run -q")
type(b"hello\n")
expect("did hello")
type(b"\x04")
expect("[#$] ")
type(b"echo status $?\n")
expect("status 0")
type(b"exit\n")
finish(0)' bash --norc --noprofile --noediting -i
}

@test "a program that stops itself stops the job, once" {
	heaptide=$heaptide on_terminal '
expect("[#$] ")
type(b"%s run -q -- sh -c \x27kill -STOP $$; echo went on\x27\n" % os.environb[b"heaptide"])
expect("Stopped(?s:.*)[#$] ")
type(b"fg\n")
expect("\nwent on")
expect("[#$] ")
type(b"exit\n")
finish(0)' bash --norc --noprofile --noediting -i
}

@test "ctrl-Z does not stop heaptide when the program ignores it" {
	heaptide=$heaptide on_terminal '
expect("[#$] ")
type(b"%s run -q -- sh -c \x27trap \"\" TSTP; echo rea\"\"dy; read x; echo got $x\x27\n"
     % os.environb[b"heaptide"])
expect("ready")
type(b"\x1a")
type(b"more\n")
expect("got more")
expect("[#$] ")
type(b"exit\n")
finish(0)' bash --norc --noprofile --noediting -i
}

@test "a job in the background that reads from the terminal stops" {
	heaptide=$heaptide on_terminal '
expect("[#$] ")
type(b"%s run -q -- sh -c \x27read x; echo got $x\x27 &\n" % os.environb[b"heaptide"])
expect("[#$] ")
wait_for_state(r"^sh$", "T")
type(b"\n")
expect("Stopped")
type(b"fg\n")
expect("run -q")
type(b"words\n")
expect("got words")
expect("[#$] ")
type(b"exit\n")
finish(0)' bash --norc --noprofile --noediting -i
}

@test "without a shell that waits, a stopped program can be continued alone" {
	heaptide=$heaptide on_terminal '
expect("going on")
finish(4)' sh -c '"$heaptide" run -q -- bash -c "
		(until [ \$(cut -d\" \" -f3 /proc/\$\$/stat) = T ]; do :; done; kill -CONT \$\$) &
		kill -STOP \$\$; echo going on; exit 4"; exit $?'
}

@test "a hang-up of the terminal reaches the program" {
	on_terminal '
wait_for("got", "ready")
hang_up()
wait_for("got", "\n1 ")
send(signal.SIGRTMAX)
finish(9)' "$heaptide" run -q -- sh -c 'exec "$0" >got' "$programs/receiver"
}
