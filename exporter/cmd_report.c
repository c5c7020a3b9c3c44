/*
 * heaptide report: where the heap of a process is, on the terminal or as JSON.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "exporter/command.h"
#include "exporter/profile_source.h"
#include "exporter/report.h"
#include "exporter/report_json.h"
#include "exporter/report_text.h"
#include "exporter/text_table.h"
#include "exporter/units.h"

#define ERROR_SIZE 256

/* How the user would name the process again. */
static void name_target(char *text, size_t size, const struct options *options,
			const char *argument, uint32_t pid)
{
	const bool is_file = argument && strchr(argument, '/');
	const bool has_dir = *options->dir && !is_file;
	char number[16];

	snprintf(number, sizeof(number), "%" PRIu32, pid);
	snprintf(text, size, "%s%s%s%s", has_dir ? "--dir " : "", has_dir ? options->dir : "",
		 has_dir ? " " : "", argument ? argument : number);
}

/* What is recorded by size and thread is what these show unless told otherwise. */
static unsigned choose_views(const struct options *options, bool is_stored)
{
	if (options->given[OPTION_view])
		return options->view;
	if (options->by == REPORT_BY_STACK)
		return 1U << VIEW_INUSE;
	if (options->by >= REPORT_BY_SIZE || is_stored)
		return 1U << VIEW_INUSE | 1U << VIEW_ALLOC;
	return options->view;
}

static struct report_request make_request(const struct options *options,
					  const struct profile_source *source)
{
	return (struct report_request){
		.views = choose_views(options, source->is_stored),
		.by = options->by,
		.overview = !options->given[OPTION_view] && !options->given[OPTION_by],
		.lines = options->lines,
		.by_cumulative = options->sort == 1,
		.is_alive = source->is_alive,
		.stored = source->is_stored ? source->about : NULL,
		.top = options->top,
		.young_ns = options->young,
		.focus = options->focus,
		.ignore = options->ignore,
	};
}

/* --young must be a border between two buckets of lifetimes. */
static void note_rounding(const struct options *options, const struct report *report)
{
	const uint64_t border_ns =
		(uint64_t)(histogram_lifetime_start_ns(report->young_bucket) + 0.5);

	if (border_ns != options->young)
		log_note("lifetimes are kept in powers of two: --young %s is taken as %s",
			 units_format_duration(options->young).text,
			 units_format_duration(border_ns).text);
}

static int print_report(const struct report *report, const struct options *options)
{
	int status = 0;

	if (options->report_format)
		report_json_print(report, stdout);
	else
		status = report_text_print(report, stdout, text_table_terminal_width(stdout));
	if (status == 0 && (fflush(stdout) != 0 || ferror(stdout)))
		status = -(errno ? errno : EIO);
	return status ? log_failure("cannot print the report: %s", strerror(-status)) : 0;
}

static int report_source(const struct profile_source *source, const struct options *options,
			 const char *argument)
{
	struct report_request request = make_request(options, source);
	char error[ERROR_SIZE], target[2 * PATH_MAX];
	struct report report;
	int status;

	name_target(target, sizeof(target), options, argument, source->profile->snapshot->pid);
	request.target = target;
	status = report_fill(&report, source->profile, &request, error, sizeof(error));
	if (status == -EINVAL)
		return log_wrong_use("%s", error);
	if (status)
		return log_failure("%s", error);
	note_rounding(options, &report);
	status = print_report(&report, options);
	report_fini(&report);
	return status;
}

static int report_run(const struct options *options, char **arguments)
{
	struct profile_source source;
	int status;

	if (options->at.count > 1)
		return log_wrong_use("--at is of one time; `heaptide diff` compares two");
	status = profile_source_open(&source, options, *arguments);
	if (status)
		return status;
	status = report_source(&source, options, *arguments);
	profile_source_close(&source);
	return status;
}

const struct command command_report = {
	.name = "report",
	.arguments = "[PID|COMMAND|FILE]",
	.summary = "show where the heap of a process is",
	.details =
		"Without an argument it takes the newest process. The process goes on "
		"undisturbed; one that has ended, or was killed, is reported just as well.\n\n"
		"Four views: `inuse` is what is allocated and not freed, `alloc` all that was "
		"ever allocated, `peak` what was in use when the heap was largest, and "
		"`temporary` what was freed within --young of its allocation. Without --view "
		"and --by there is an overview of the first three, with the peak when the heap "
		"has shrunk since; --by stack shows `inuse`, and sizes, lifetimes and threads "
		"are recorded for `inuse` and `alloc` only.\n\n"
		"`flat` is what a function allocated itself, `cumulative` what it and all it "
		"called did; a recursive function counts once per stack. `name <- caller` names "
		"the callers that more than half of the flat bytes came through.\n\n"
		"Numbers are estimates unless every allocation was recorded: `+/-` is half the "
		"95 % confidence interval. When that is wider than 60 % of the number, the "
		"number of samples stands in its place and the amount has a `~`.\n\n"
		"With --at or --from it answers from the local history that `heaptide agent` "
		"keeps: what was in use then, and what was allocated in between; a file in "
		"pprof's format is reported likewise. Peaks, lifetimes and threads are not kept.",
	.examples = "heaptide report\n"
		    "heaptide report 4711 --view inuse --by stack --top 5\n"
		    "heaptide report redis-server --by lifetime --focus 'sds.*'\n"
		    "heaptide report redis-server --at '10 min ago'\n"
		    "heaptide report 4711 --from 05:00 --to 06:00 --view alloc\n"
		    "heaptide report 4711 --format json | jq '.tables[0].rows[0]'\n",
	.minimum_arguments = 0,
	.maximum_arguments = 1,
	.run = report_run,
};
