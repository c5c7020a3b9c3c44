/*
 * Context: any thread; the sum belongs to the caller.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/profile_fit.h"

#include <errno.h>

#include "exporter/pprof.h"

int profile_fit_encode(struct profile_sum *sum, uint64_t time_ns, uint64_t duration_ns,
		       uint8_t **bytes, size_t *size)
{
	const struct pprof_options options = {
		.time_ns = time_ns,
		.duration_ns = duration_ns,
		.size_max = PROFILE_FIT_BYTES,
	};
	size_t stacks = PROFILE_FIT_STACKS;
	int status;

	if (stacks > profile_sum_snapshot(sum)->stack_count)
		stacks = profile_sum_snapshot(sum)->stack_count;
	do {
		status = profile_sum_fold(sum, stacks);
		if (status == 0)
			status = pprof_encode(profile_sum_profile(sum), &options, bytes, size);
		stacks = stacks / 4 * 3;
	} while (status == -EFBIG && stacks > 0);
	return status;
}
