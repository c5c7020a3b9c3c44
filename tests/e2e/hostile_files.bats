#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A segment directory in which somebody has put everything but good segments.

load ../test_helper

setup() {
	heaptide_setup
	good=$repository/tests/fuzz/corpus/segment
	cp "$good" "$HEAPTIDE_DIR/program.42.1.heaptide"
}

# overwrite FILE OFFSET TEXT: TEXT is a printf format.
overwrite() {
	# shellcheck disable=SC2059
	printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

fill_with_rubbish() {
	cd "$HEAPTIDE_DIR" || return
	mkfifo fifo.1.2.heaptide
	mkdir directory.1.2.heaptide
	ln -s /etc/passwd link.1.2.heaptide
	head -c 3000 "$good" >cut.9.2.heaptide
	head -c 100000 /dev/zero >zeros.1.3.heaptide
	: >empty.2.2.heaptide
	cp "$good" newer.2.3.heaptide
	overwrite newer.2.3.heaptide 8 '\x02'
	: >"$(printf 'e\e[31m').1.1.heaptide"
}

# A segment whose texts hold what terminals obey and what is no UTF-8.
make_rude() {
	rude=$BATS_TEST_TMPDIR/rude.heaptide
	cp "$good" "$rude"
	overwrite "$rude" 200 '\e]0;evil\a\e[2J\xff"<'
	overwrite "$rude" 216 '/bin/\e[31mX\xff"\n'
	overwrite "$rude" 728 '\e[31mE\xff\n'
	overwrite "$rude" 1824 '\e[31mnotice\r\n'
	overwrite "$rude" 3566 '\e[31mX' # the path of a module
}

@test "ps lists what is good and names what is not" {
	fill_with_rubbish
	run timeout 10 "$heaptide" ps
	expect_status 0
	expect_output '42 +program +dead'
	expect_output 'cut.9.2.heaptide is cut short: it has 3000 bytes of 4968'
	expect_output 'zeros.1.3.heaptide is not a heaptide segment'
	expect_output 'empty.2.2.heaptide is not a heaptide segment'
	expect_output 'newer.2.3.heaptide has segment version 2, and this heaptide reads version 1'
	refute_output $'\e'
}

@test "report says in one line what is wrong with a file" {
	fill_with_rubbish
	for file in *.heaptide; do
		[ "$file" != program.42.1.heaptide ] || continue
		run timeout 10 "$heaptide" report "$file"
		[ "$status" -eq 1 ] || [ "$status" -eq 2 ]
		[ "${#lines[@]}" -eq 1 ]
		refute_output $'\e'
	done
}

@test "clean survives rubbish and removes only files" {
	fill_with_rubbish
	run timeout 10 "$heaptide" clean
	expect_status 0
	[ -p fifo.1.2.heaptide ]
	[ -d directory.1.2.heaptide ]
	[ ! -e program.42.1.heaptide ]
	[ -e /etc/passwd ]
}

@test "no output for people carries a terminal's commands" {
	make_rude
	for view in inuse alloc peak temporary; do
		run "$heaptide" report --view "$view" "$rude"
		expect_status 0
		refute_output $'[\e\a\r]'
	done
	cp "$rude" "$HEAPTIDE_DIR"
	run "$heaptide" ps
	expect_status 0
	refute_output $'[\e\a\r]'
}

@test "JSON of a rude segment is JSON" {
	need python3
	make_rude
	"$heaptide" report --format json "$rude" | python3 -c 'import json, sys; json.load(sys.stdin)'
	for format in json speedscope; do
		"$heaptide" export --format "$format" -o - "$rude" 2>/dev/null |
			python3 -c 'import json, sys; json.load(sys.stdin)'
	done
}
