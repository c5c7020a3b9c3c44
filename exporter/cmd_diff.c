/*
 * heaptide diff: what grew from one profile to another.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "exporter/command.h"
#include "exporter/difference.h"
#include "exporter/profile_pair.h"
#include "exporter/profile_source.h"
#include "exporter/text_table.h"
#include "exporter/time_text.h"

#define ERROR_SIZE 256
#define NAME_SIZE 512

/* What a side is called. */
static void name_source(const struct profile_source *source, char name[NAME_SIZE])
{
	const struct snapshot *const snapshot = source->profile->snapshot;
	char pid[32] = "";

	if (snapshot->pid)
		snprintf(pid, sizeof(pid), " (pid %" PRIu32 ")", snapshot->pid);
	if (source->is_stored)
		snprintf(name, NAME_SIZE, "%s%s, %s", snapshot->command, pid, source->about);
	else
		snprintf(name, NAME_SIZE, "%s%s, %s %s", snapshot->command, pid,
			 source->is_alive ? "running, at" : "ended, read at",
			 time_text_format(snapshot->taken_realtime_ns).text);
}

static int print_difference(const struct difference *difference, const struct options *options,
			    const struct profile_source sources[2])
{
	char before[NAME_SIZE], after[NAME_SIZE];
	int status = 0;

	name_source(&sources[0], before);
	name_source(&sources[1], after);
	if (options->diff_format)
		difference_print_json(difference, before, after, stdout);
	else
		status = difference_print_text(difference, before, after, stdout,
					       text_table_terminal_width(stdout));
	if (status == 0 && (fflush(stdout) != 0 || ferror(stdout)))
		status = -EIO;
	return status ? log_failure("cannot print the difference: %s", strerror(-status)) : 0;
}

static int diff_pair(const struct profile *pair, const struct options *options,
		     const struct profile_source sources[2])
{
	const struct difference_request request = {
		.kind = options->diff_view ? VIEW_ALLOC : VIEW_INUSE,
		.focus = options->focus,
		.ignore = options->ignore,
		.lines = options->lines,
		.top = options->top,
	};
	struct difference difference;
	char error[ERROR_SIZE];
	int status = difference_fill(&difference, pair, &request, error, sizeof(error));

	if (status == -EINVAL)
		return log_wrong_use("%s", error);
	if (status)
		return log_failure("%s", error);
	status = print_difference(&difference, options, sources);
	difference_fini(&difference);
	return status;
}

static int diff_sources(const struct profile_source sources[2], const struct options *options)
{
	struct profile_sum *const pair = profile_sum_new(), *const between = profile_sum_new();
	const enum view_kind kind = options->diff_view ? VIEW_ALLOC : VIEW_INUSE;
	bool has_between = false;
	int status = pair && between ? 0 : -ENOMEM;

	/* Without it the errors are stated larger than they are. */
	if (status == 0 && kind == VIEW_INUSE)
		has_between =
			profile_source_between(between, options, &sources[0], &sources[1]) == 0;
	if (status == 0)
		status = profile_pair_fill(pair, kind, sources[0].profile, sources[1].profile,
					   has_between ? profile_sum_profile(between) : NULL);
	status = status < 0 ? log_failure("out of memory")
			    : diff_pair(profile_sum_profile(pair), options, sources);
	profile_sum_free(pair);
	profile_sum_free(between);
	return status;
}

/* ---- which two ---- */

/* A time of --at; the second one is now unless it is given. */
static int open_time(struct profile_source *source, const struct options *options, size_t i,
		     const char *name)
{
	const char *const text = i < options->at.count ? options->at.items[i] : "now";
	uint64_t time_ns;
	const int status = profile_source_parse_time(text, &time_ns);

	return status ? status
		      : profile_source_open_history(source, options, name, time_ns, time_ns);
}

static int open_side(struct profile_source *source, const struct options *options, size_t i,
		     char **arguments)
{
	if (options->at.count > 0)
		return open_time(source, options, i, arguments[0]);
	return profile_source_open(source, options, arguments[i]);
}

static int check_sides(const struct options *options, char **arguments)
{
	const bool has_two = arguments[0] && arguments[1];

	if (options->at.count > 2)
		return log_wrong_use("two times can be compared, not more");
	if (options->at.count > 0 && has_two)
		return log_wrong_use("with --at it compares one process with itself");
	if (options->at.count == 0 && !has_two)
		return log_wrong_use("name two processes or files, or one and two times with --at");
	return 0;
}

static int diff_run(const struct options *options, char **arguments)
{
	struct profile_source sources[2] = {0};
	int status = check_sides(options, arguments);

	if (status == 0)
		status = open_side(&sources[0], options, 0, arguments);
	if (status == 0)
		status = open_side(&sources[1], options, 1, arguments);
	if (status == 0)
		status = diff_sources(sources, options);
	profile_source_close(&sources[0]);
	profile_source_close(&sources[1]);
	return status;
}

const struct command command_diff = {
	.name = "diff",
	.arguments = "[PID|COMMAND|FILE] [PID|COMMAND|FILE]",
	.summary = "show what grew from one profile to another",
	.details =
		"It compares two processes, segments or pprof files or, with --at, one process "
		"with itself as the local history of `heaptide agent` has it; a single --at "
		"compares that time with now. Functions and stacks are the same when they read "
		"the same, so two builds of a program can be compared.\n\n"
		"`+/-` is half the 95 % confidence interval of the change. A change is `sure` "
		"when less than one in 1000 such changes comes about by chance, `likely` when it "
		"is one in 20, and else `within error`. In the history of one process the "
		"blocks that are in use both times do not count as a source of error.",
	.examples = "heaptide diff redis-server --at '1 hour ago'\n"
		    "heaptide diff 4711 --at 05:00 --at 06:00 --format json\n"
		    "heaptide diff before.pb.gz after.pb.gz --view alloc\n",
	.maximum_arguments = 2,
	.run = diff_run,
};
