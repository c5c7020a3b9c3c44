#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What the compiler made of the fast paths: a few instructions and a jump. Up to
# the jump to the real function there is no call, no frame and no PLT.

repository=$(cd "$(dirname "$BATS_TEST_FILENAME")/../.." && pwd)
library=${HEAPTIDE_BUILD:-$repository/build}/libheaptide.so

setup() {
	[ "$(uname -m)" = x86_64 ] || skip "the numbers are for x86_64"
}

# fast_path SYMBOL: its instructions up to and including the jump to the real function.
fast_path() {
	objdump -d --no-show-raw-insn --disassemble="$1" "$library" |
		awk -v start="<$1(@@.*)?>:\$" '$0 ~ start { on = 1; next }
			on && NF { $1 = ""; print } on && /jmp +\*/ { exit }'
}

# short SYMBOL LIMIT
short() {
	local path

	path=$(fast_path "$1")
	echo "$1:"
	echo "$path"
	# What it ends with.
	grep -qE 'jmp +\*' <<<"$(tail -1 <<<"$path")"
	! grep -E 'call|push|%rsp|%rbp|@plt|lock ' <<<"$path"
	[ "$(wc -l <<<"$path")" -le "$2" ]
}

@test "malloc is a load, a subtraction, a branch and a jump" {
	short malloc 4
}

@test "free is a hash, a look and a jump" {
	short free 7
}

@test "the other calls of C have no frame and no call either" {
	short calloc 8
	short realloc 13
	short memalign 6
	short aligned_alloc 6
	short posix_memalign 6
	short mallocx 6
	short dallocx 8
}

@test "operators are a jump through a pointer" {
	local symbol

	for symbol in $(nm -D --defined-only "$library" | awk '{ print $3 }' | grep '^_Z'); do
		short "$symbol" 2
	done
}
