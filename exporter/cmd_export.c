/*
 * heaptide export: a profile for other programs.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>
#include <unistd.h>

#include "exporter/command.h"
#include "exporter/profile_export.h"
#include "exporter/profile_source.h"

/* What can be done with the file next: a command, which the file's name follows. */
static const char *const next_steps[PROFILE_EXPORT_FORMAT_COUNT] = {
	[PROFILE_EXPORT_PPROF] = "go tool pprof -top",
	[PROFILE_EXPORT_FOLDED] = "flamegraph.pl",
	[PROFILE_EXPORT_JSON] = "jq .totals",
	[PROFILE_EXPORT_SPEEDSCOPE] = "speedscope",
	[PROFILE_EXPORT_GPERFTOOLS] = "google-pprof --text",
};

/* Options that mean nothing for the format: 0 or a status after it has said so. */
static int check_options(const struct options *options)
{
	const enum profile_export_format format = options->export_format;

	if (options->given[OPTION_metric] && format != PROFILE_EXPORT_FOLDED)
		return log_wrong_use(
			"--metric is for --format folded; other formats have them all");
	if (options->extra && format != PROFILE_EXPORT_PPROF && format != PROFILE_EXPORT_SPEEDSCOPE)
		return log_wrong_use("--extra is for --format pprof and speedscope");
	if (options->blocks && format != PROFILE_EXPORT_JSON)
		return log_wrong_use("--blocks is for --format json");
	return 0;
}

static int export_profile(const struct profile *profile, const struct options *options)
{
	const struct profile_export_options how = {
		.format = options->export_format,
		.metric = options->metric,
		.extra = options->extra,
		.blocks = options->blocks,
	};
	const char *const path = *options->export_output ? options->export_output
							 : profile_export_file_name(how.format);
	const bool is_stdout = strcmp(path, "-") == 0;
	int status;

	if (is_stdout && how.format == PROFILE_EXPORT_PPROF && isatty(STDOUT_FILENO))
		return log_wrong_use("a pprof file is not text: send it elsewhere, or name a file");
	for (size_t i = 0; i < profile->warning_count; i++)
		log_note("%s", profile->warnings[i]);
	status = profile_export_write(profile, &how, path);
	if (status < 0)
		return log_failure("cannot write %s: %s", path, strerror(-status));
	if (!is_stdout)
		log_note("wrote %s; next: %s %s", path, next_steps[how.format], path);
	return 0;
}

static int export_run(const struct options *options, char **arguments)
{
	struct profile_source source;
	int status = check_options(options);

	if (status == 0 && options->at.count > 1)
		return log_wrong_use("--at is of one time");
	if (status == 0)
		status = profile_source_open(&source, options, *arguments);
	if (status != 0)
		return status;
	status = export_profile(source.profile, options);
	profile_source_close(&source);
	return status;
}

const struct command command_export = {
	.name = "export",
	.arguments = "[PID|COMMAND|FILE]",
	.summary = "write a profile for other programs",
	.details =
		"Without an argument it takes the newest process; it may run or have ended.\n\n"
		"`pprof` is what `go tool pprof` and profile servers read: allocated and in-use "
		"objects and bytes per stack, in Go's order; with --extra also those of the peak "
		"and of blocks freed within 10 ms. `folded` has one stack per line for flame "
		"graphs, "
		"`speedscope` is for www.speedscope.app, `gperftools` for `google-pprof` and "
		"`jeprof`, and `json` has all that is known, with errors and histograms.\n\n"
		"A file appears under its name when it is complete, in place of an older one.\n\n"
		"With --at or --from the profile comes from the local history that `heaptide "
		"agent` "
		"keeps.",
	.examples =
		"heaptide export redis-server\n"
		"heaptide export 4711 --format folded --metric alloc_space -o - | flamegraph.pl\n"
		"heaptide export core.heaptide --format json -o - | jq .totals\n",
	.maximum_arguments = 1,
	.run = export_run,
};
