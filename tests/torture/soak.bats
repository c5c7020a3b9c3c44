#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A program that allocates at full speed for a long time while somebody reads
# its segment all the time. SOAK_SECONDS says how long (20; 1800 in make torture).

load ../test_helper
load torture

@test "a long run neither grows nor drifts nor loses count, read every 100 ms" {
	need jq
	local seconds pid reads=0 bytes blocks live_bytes live_blocks
	seconds=${SOAK_SECONDS:-$(load_of 20 1800)}

	HEAPTIDE_INTERVAL=64K LD_PRELOAD=$library "$programs/soak" "$seconds" >truth &
	pid=$!
	wait_until eval '[ -n "$(segments)" ]'
	echo 0 >last
	while kill -0 $pid 2>/dev/null; do
		"$heaptide" ps --format json >ps.json
		# What is counted only rises, and what it costs stays within 16 MiB and
		# the tables of a small program.
		jq -e --argjson last "$(cat last)" \
			'.[0] | .samples >= $last and .own_memory_bytes <= 20 * 1048576 and .drops == 0' ps.json
		jq '.[0].samples' ps.json >last
		reads=$((reads + 1))
		sleep 0.1
	done
	wait $pid
	read -r bytes blocks live_bytes live_blocks <truth
	echo "$reads reads, $blocks blocks; $(cat ps.json)"
	[ $reads -ge 5 ]

	"$heaptide" report --format json >report.json
	jq '{inuse: .totals.inuse, alloc: .totals.alloc, dropped: .sampling.dropped_samples}' report.json
	# No drop, and the truth is within four standard errors.
	jq -e '.sampling.dropped_samples == 0' report.json
	within() {
		jq -e --argjson truth "$2" ".totals.$1 |
			(.$3 - \$truth) * (.$3 - \$truth) <= 16 * .$3_variance" report.json
	}
	within alloc "$bytes" bytes
	within alloc "$blocks" objects
	within inuse "$live_bytes" bytes
	within inuse "$live_blocks" objects
}
