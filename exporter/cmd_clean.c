/*
 * heaptide clean: removes the segments of dead processes.
 *
 * Invariant: a segment that any process maps is not removed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "exporter/command.h"
#include "exporter/targets.h"
#include "exporter/units.h"
#include "sampler/snapshot.h"

/* What became of the segments. */
struct clean_count {
	uint64_t removed, removed_bytes, alive, kept, failed;
};

/* Real time of the last sample, or when the file was made if it cannot be read. */
static uint64_t last_used_ns(const struct target *target)
{
	char error[SNAPSHOT_ERROR_SIZE];
	struct snapshot *snapshot;
	uint64_t ns = target->created_ns;

	if (snapshot_take(target->path, &snapshot, error) != 0)
		return ns;
	if (snapshot->last_sample_monotonic_ns > snapshot->start_monotonic_ns)
		ns = snapshot->start_realtime_ns + snapshot->last_sample_monotonic_ns -
		     snapshot->start_monotonic_ns;
	snapshot_free(snapshot);
	return ns;
}

static bool is_old_enough(const struct options *options, const struct target *target)
{
	struct timespec now;

	if (options->older == 0)
		return true;
	clock_gettime(CLOCK_REALTIME, &now);
	return last_used_ns(target) + options->older <
	       (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void clean_target(const struct options *options, const struct target *target,
			 struct clean_count *count)
{
	struct stat status;

	if (target->alive) {
		count->alive++;
		return;
	}
	if (!is_old_enough(options, target)) {
		count->kept++;
		return;
	}
	if (lstat(target->path, &status) == 0 && unlink(target->path) == 0) {
		count->removed++;
		count->removed_bytes += (uint64_t)status.st_blocks * 512;
	} else if (errno != ENOENT) {
		log_failure("cannot remove %s: %s", target->path, strerror(errno));
		count->failed++;
	}
}

static int clean_run(const struct options *options, char **arguments)
{
	struct clean_count count = {0};
	struct target *targets;
	size_t target_count;
	const int status = targets_list(options, &targets, &target_count);

	(void)arguments;
	if (status != 0)
		return status;
	targets_mark_mapped(targets, target_count);
	for (size_t i = 0; i < target_count; i++)
		clean_target(options, &targets[i], &count);
	free(targets);
	printf("removed %" PRIu64 " segments (%s); %" PRIu64 " of living processes stay",
	       count.removed, units_format_bytes(count.removed_bytes).text, count.alive);
	if (count.kept)
		printf(", %" PRIu64 " are not old enough", count.kept);
	putchar('\n');
	return count.failed ? STATUS_FAILED : 0;
}

const struct command command_clean = {
	.name = "clean",
	.arguments = "",
	.summary = "remove the segments of dead processes",
	.details = "What is known about those processes is gone then; export it first if it is "
		   "still wanted. Segments of living processes are never removed.",
	.examples = "heaptide clean\n"
		    "heaptide clean --older 1d\n",
	.run = clean_run,
};
