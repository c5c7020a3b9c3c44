#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What `make install` puts where.

load ../test_helper

# Builds nothing (-o): other tests are using what is built.
install_into() {
	local build=${HEAPTIDE_BUILD#"$repository"/}

	run make -s -C "$repository" -o "$build/heaptide" -o "$build/libheaptide.so" \
		B="$build" DESTDIR="$1" PREFIX=/usr install
	expect_status 0
}

@test "make install puts every part in its place" {
	install_into "$BATS_TEST_TMPDIR/root"
	cd "$BATS_TEST_TMPDIR/root/usr"
	[ -x bin/heaptide ]
	[ -f lib/heaptide/libheaptide.so ]
	[ -s share/man/man1/heaptide.1 ]
	[ -s share/bash-completion/completions/heaptide ]
	[ -s share/doc/heaptide/README.md ]
	[ -s share/doc/heaptide/options.md ]
	[ -s share/doc/heaptide/LICENSE ]
}

@test "an installed heaptide finds the library beside it" {
	install_into "$BATS_TEST_TMPDIR/root"
	run "$BATS_TEST_TMPDIR/root/usr/bin/heaptide" run --interval 1 -o "$BATS_TEST_TMPDIR/profile.pb.gz" \
		-- sh -c 'grep -o "/[^ ]*libheaptide.so" /proc/$$/maps | sort -u'
	expect_status 0
	expect_output "^$BATS_TEST_TMPDIR/root/usr/lib/heaptide/libheaptide.so\$"
}

@test "the completion completes commands and options" {
	"$heaptide" help --format completion >completion
	run bash -c '
		source ./completion
		function_name=$(complete -p heaptide | sed "s/.*-F \([^ ]*\).*/\1/")
		COMP_WORDS=(heaptide re) COMP_CWORD=1 COMP_LINE="heaptide re" COMP_POINT=11
		$function_name heaptide re heaptide
		echo "commands: ${COMPREPLY[*]}"
		COMP_WORDS=(heaptide report --fo) COMP_CWORD=2 COMP_LINE="heaptide report --fo" COMP_POINT=20
		$function_name heaptide --fo report
		echo "options: ${COMPREPLY[*]}"'
	expect_output '^commands: report *$'
	expect_output '^options: .*--format'
}
