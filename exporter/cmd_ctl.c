/*
 * heaptide ctl: asks a running process for another sampling interval, or to
 * stop or start sampling. The request goes through the segment; the process
 * takes it up at its next sample.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "exporter/command.h"
#include "exporter/targets.h"
#include "exporter/units.h"
#include "sampler/snapshot.h"

static int ctl_run(const struct options *options, char **arguments)
{
	const uint64_t interval = options->given[OPTION_interval] ? options->interval : 0;
	const int active = options->on ? 1 : options->off ? 0 : -1;
	char error[SNAPSHOT_ERROR_SIZE];
	struct target target;
	int status;

	if (options->on && options->off)
		return log_wrong_use("--on and --off exclude each other");
	if (interval == 0 && active < 0)
		return log_wrong_use("nothing to change: give --interval BYTES, --on or --off");
	status = targets_find(options, *arguments, &target);
	if (status != 0)
		return status;
	if (!target.alive)
		return log_wrong_use("the process of %s has ended; `heaptide ps` shows which run",
				     target.path);
	if (snapshot_control(target.path, interval, active, error) != 0)
		return log_failure("%s", error);
	return 0;
}

const struct command command_ctl = {
	.name = "ctl",
	.arguments = "PID",
	.summary = "change a running process: --interval, --on, --off",
	.details = "The process takes a change up at its next sample, or when it next looks while "
		   "sampling is off. Estimates stay right across changes, because every sample "
		   "keeps the weight of its own time.",
	.examples = "heaptide ctl 4711 --interval 64K\n"
		    "heaptide ctl 4711 --off\n",
	.minimum_arguments = 1,
	.maximum_arguments = 1,
	.run = ctl_run,
};
