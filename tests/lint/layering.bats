#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Includes go one way: interpose -> sampler; leakcheck -> the reading end of the
# segment; exporter -> leakcheck and the reading end. The tables (*.def) are
# for everybody.

repository=$(cd "$(dirname "$BATS_TEST_FILENAME")/../.." && pwd)

# only FOLDER REGEX: no project header that a file of FOLDER includes is outside REGEX.
only() {
	local bad

	bad=$(cd "$repository" && grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$1" \
		--include='*.[ch]' --include='*.def' | grep -vE "include[[:space:]]*\"($2)\"" || true)
	echo "$bad"
	[ -z "$bad" ]
}

reading_end='sampler/(snapshot|segment_layout)\.h|sampler/(counters|options)\.def'

@test "the sampler includes only the sampler" {
	only sampler 'sampler/[a-z0-9_]+\.(h|def)'
}

@test "the hooks include only themselves and the sampler" {
	only interpose '(interpose|sampler)/[a-z0-9_]+\.(h|def)'
}

@test "the analysis includes only itself and the reading end of the segment" {
	only leakcheck "leakcheck/[a-z0-9_]+\.(h|def)|$reading_end"
}

@test "the command includes only itself, the analysis and the reading end of the segment" {
	only exporter "exporter/[a-z0-9_/]+\.(h|def)|[a-z0-9_/]+\.pb-c\.h|leakcheck/[a-z0-9_]+\.(h|def)|$reading_end"
}

@test "the analysis does no input or output and starts no thread" {
	local bad

	bad=$(cd "$repository" && grep -rnE \
		'#[[:space:]]*include[[:space:]]*<(stdio|unistd|fcntl|pthread|threads|signal|sys/[a-z_]+)\.h>' \
		leakcheck --include='*.[ch]' || true)
	echo "$bad"
	[ -z "$bad" ]
}
