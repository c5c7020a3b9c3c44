#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Rules for files that a compiler does not check.

repository=$(cd "$(dirname "$BATS_TEST_FILENAME")/../.." && pwd)

setup() {
	cd "$repository"
}

sources() {
	find interpose sampler leakcheck exporter bench tests docs .ci Makefile -type f \
		\( -name '*.[chS]' -o -name '*.cc' -o -name '*.def' -o -name '*.map' -o -name '*.proto' \
		-o -name '*.bats' -o -name '*.bash' -o -name '*.sh' -o -path '.ci/*' -o -name Makefile \
		-o -name run_tests \)
}

@test "every source file carries the licence line" {
	run bash -c "$(declare -f sources); sources | xargs grep -L 'SPDX-License-Identifier: Apache-2.0'"
	echo "$output"
	[ -z "$output" ]
}

@test "every source file has a name of its own" {
	run bash -c "find interpose sampler leakcheck exporter -name '*.[ch]' -printf '%f\n' | sort | uniq -d"
	echo "$output"
	[ -z "$output" ]
}

@test "the README's map names every source file" {
	local file missing=

	for file in interpose/* sampler/* leakcheck/* exporter/*; do
		[ -f "$file" ] || continue
		# A header and its source are one entry: name.[ch]
		grep -qF "$(basename "$file")" README.md 2>/dev/null ||
			grep -qF "$(basename "${file%.*}").[ch]" README.md || missing+="$file "
	done
	echo "missing: $missing"
	[ -z "$missing" ]
}

@test "every page that a file refers to exists" {
	local page missing=

	for page in $(grep -rhoE 'docs/[a-z_]+\.md' README.md docs Makefile interpose sampler leakcheck exporter | sort -u); do
		[ -f "$page" ] || missing+="$page "
	done
	echo "missing: $missing"
	[ -z "$missing" ]
}

@test "no source file is longer than 600 lines" {
	run bash -c "find interpose sampler leakcheck exporter -name '*.[ch]' | xargs wc -l | awk '\$2 != \"total\" && \$1 > 600'"
	echo "$output"
	[ -z "$output" ]
}

@test "clang-format has nothing to change" {
	command -v clang-format >/dev/null || skip "clang-format is not installed"
	run bash -c "make -s files | xargs clang-format --dry-run 2>&1 | sed -n 's/: warning: .*//p' | cut -d: -f1 | sort | uniq -c"
	echo "$output"
	[ -z "$output" ]
}

@test "no file has trailing blanks" {
	run bash -c "$(declare -f sources); sources | xargs grep -nE '[[:blank:]]+\$'"
	echo "$output"
	[ -z "$output" ]
}

@test "shellcheck has no warning for the scripts" {
	command -v shellcheck >/dev/null || skip "shellcheck is not installed"
	# Variables that another file or bats itself uses; a failing cd fails a test anyway.
	find .ci bench docs tests -name '*.sh' -o -name '*.bash' -o -name '*.bats' -o -path '.ci/*' -o -path bench/all |
		grep -v '\.c$' | xargs shellcheck -s bash -S warning -e SC2034,SC2154,SC2164
}

@test "docs/options.md is what the option table says" {
	diff -u docs/options.md <("${HEAPTIDE_BUILD:-build}/heaptide" help --format markdown)
}

@test "the licence is the Apache License 2.0" {
	grep -q 'Apache License' LICENSE
	grep -q 'Version 2.0, January 2004' LICENSE
}
