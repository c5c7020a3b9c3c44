/*
 * Context: pure functions.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "leakcheck/coverage.h"

uint64_t coverage_dropped_samples(const struct snapshot *snapshot)
{
	const uint64_t *const counters = snapshot->counters;

	return counters[SEGMENT_COUNTER_dropped_reentrant] +
	       counters[SEGMENT_COUNTER_dropped_busy] +
	       counters[SEGMENT_COUNTER_dropped_table_full] +
	       counters[SEGMENT_COUNTER_dropped_no_segment];
}

double coverage_share(const struct snapshot *snapshot)
{
	const double recorded = (double)snapshot->counters[SEGMENT_COUNTER_samples];
	const double dropped = (double)coverage_dropped_samples(snapshot);

	return dropped > 0 ? recorded / (recorded + dropped) : 1;
}

uint64_t coverage_off_ns(const struct snapshot *snapshot)
{
	const uint64_t since = snapshot->off_since_ns, now = snapshot->taken_monotonic_ns;

	if (since == 0 || now <= since || snapshot->is_over)
		return snapshot->off_total_ns;
	return snapshot->off_total_ns + now - since;
}
