#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Programs that preloading cannot see: one line says why and what would work,
# and the program runs all the same.

bats_require_minimum_version 1.5.0
load ../test_helper

# refused WORDS REGEX PROGRAM...: it ran and said WORDS, and heaptide one line.
refused() {
	local words=$1 regex=$2

	shift 2
	run --separate-stderr "$heaptide" run -o profile.pb.gz -- "$@"
	expect_status 0
	[ "$output" = "$words" ]
	echo "$stderr"
	[ "${#stderr_lines[@]}" -eq 1 ]
	output=$stderr
	expect_output "^heaptide run: .*$regex"
}

# Makes a folder that any user can run heaptide from.
public_copy() {
	public=$(mktemp -d /tmp/heaptide-public.XXXXXX)
	chmod 755 "$public"
	cp "$heaptide" "$library" "$public"
	mkdir -m 777 "$public/work"
}

teardown() {
	[ -z "${public:-}" ] || rm -rf "$public"
	heaptide_teardown
}

# as_nobody PROGRAM: runs it under heaptide as another user.
as_nobody() {
	cd "$public/work"
	run --separate-stderr env -u HEAPTIDE_DIR setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$public/heaptide" run --dir "$public/work/segments" -- "$@"
}

@test "a static program" {
	refused "static ran" "static_program is statically linked, .*; link it without -static" \
		"$programs/static_program"
}

@test "a program built with AddressSanitizer" {
	refused "sanitized ran" "is built with AddressSanitizer, .* without -fsanitize=address" \
		"$programs/sanitized_program"
}

@test "a program with its own malloc" {
	run --separate-stderr "$heaptide" run -- "$programs/self_allocating"
	expect_status 0
	[ "$output" = "self-allocating ran" ]
	output=$stderr
	expect_output "^heaptide run: .*self_allocating defines malloc itself, .*as a shared library"
}

@test "a Go program" {
	need objcopy
	echo go >section
	objcopy --add-section .go.buildinfo=section "$programs/holder" ./go_program
	run --separate-stderr "$heaptide" run -- ./go_program </dev/null
	expect_status 0
	output=$stderr
	expect_output "go_program is a Go program: .*go tool pprof"
}

@test "a program linked with musl" {
	need musl-gcc
	echo 'int puts(const char *); int main(void) { return puts("musl ran") < 0; }' >musl.c
	musl-gcc -o musl_program musl.c
	[ -e /lib/ld-musl-x86_64.so.1 ] || skip "musl's loader is not installed"
	refused "musl ran" "musl_program is linked with musl, .* for glibc" ./musl_program
}

@test "a 32-bit program" {
	cat >exit.s <<-'EOF'
		.globl _start
		_start:	mov $1, %eax
			xor %ebx, %ebx
			int $0x80
	EOF
	gcc -m32 -nostdlib -static -o exit32 exit.s || skip "no 32-bit assembler"
	./exit32 || skip "this kernel runs no 32-bit programs"
	refused "" "exit32 is a 32-bit program, .*64-bit build" ./exit32
}

@test "a program for another processor" {
	cp /bin/true foreign
	# e_machine
	printf '\xf3\x00' | dd of=foreign bs=1 seek=18 conv=notrunc status=none
	run -126 --separate-stderr "$heaptide" run -- ./foreign
	[[ ${stderr_lines[0]} == *"./foreign is for another processor than x86_64"* ]]
	[[ ${stderr_lines[1]} == *"cannot execute ./foreign: Exec format error"* ]]
}

@test "a script is judged by its interpreter, env included" {
	printf '#!%s\n' "$programs/static_program" >script
	chmod +x script
	refused "static ran" "static_program is statically linked" ./script
	cp "$programs/static_program" static-interpreter
	printf '#!/usr/bin/env -S A=b static-interpreter -x\n' >script
	PATH=$PWD:$PATH refused "static ran" "static-interpreter is statically linked" ./script
	printf '#!/bin/sh\necho plain script\n' >script
	run "$heaptide" run -- ./script
	refute_output 'linked'
}

@test "a setuid program" {
	need_root
	need setpriv
	public_copy
	cp /bin/true "$public/raised"
	chown daemon "$public/raised"
	chmod 4755 "$public/raised"
	as_nobody "$public/raised"
	expect_status 0
	[[ $stderr == *"raised is setuid, so nothing can be preloaded into it; run it as the user"* ]]
}

@test "a setgid program" {
	need_root
	need setpriv
	public_copy
	cp /bin/true "$public/raised"
	chgrp daemon "$public/raised"
	chmod 2755 "$public/raised"
	as_nobody "$public/raised"
	expect_status 0
	[[ $stderr == *"raised is setgid, so nothing can be preloaded"* ]]
}

@test "a program with file capabilities" {
	need_root
	need setpriv python3
	public_copy
	cp /bin/true "$public/raised"
	python3 - "$public/raised" <<-'EOF' || skip "no file capabilities here"
		import os, struct, sys
		# VFS_CAP_REVISION_2, effective; CAP_NET_RAW permitted
		os.setxattr(sys.argv[1], "security.capability", struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0))
	EOF
	as_nobody "$public/raised"
	expect_status 0
	[[ $stderr == *"raised has file capabilities, so nothing can be preloaded"* ]]
}

@test "a program that an ordinary user may run is profiled by that user" {
	need_root
	need setpriv
	public_copy
	cp "$programs/holder" "$public/holder"
	as_nobody "$public/holder" 16 </dev/null
	expect_status 0
	[[ $stderr == *"heaptide: holder ("* ]]
	[ "$(stat -c %a "$public/work/segments")" = 700 ]
}

@test "a truncated executable harms nobody" {
	for size in 4 20 64 100 1000 5000; do
		head -c "$size" "$programs/holder" >broken
		chmod +x broken
		status=0
		"$heaptide" run -- ./broken || status=$?
		# Refused, or killed by the kernel in the middle of exec.
		[ "$status" = 126 ] || [ "$status" = 127 ] || [ "$status" = 137 ] || [ "$status" = 139 ]
	done
}
