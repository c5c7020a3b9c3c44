/*
 * The verdict of a run: where the heap of the main process went, how sure that
 * is, what was not seen, what the profiler cost, and what to do next. It fits on
 * a screen: at most 25 lines.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/verdict.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "exporter/amount_text.h"
#include "exporter/log.h"
#include "exporter/output_file.h"
#include "exporter/pprof.h"
#include "exporter/profile.h"
#include "exporter/report_text.h"
#include "exporter/text_table.h"
#include "exporter/units.h"
#include "leakcheck/coverage.h"

/* Lines: 1 for the head, 3 x (1 + TOP), 2 + WARNINGS for what was not seen, 1 for
 * the cost, 2 + PROCESSES for the processes, 2 for the profile and what next. */
#define TOP 3
#define WARNINGS 2
#define PROCESSES 3
_Static_assert(1 + 3 * (1 + TOP) + 2 + WARNINGS + 1 + 2 + PROCESSES + 2 <= 25,
	       "the verdict must fit on a small screen: show fewer rows");

struct verdict {
	const struct run_family *family;
	const struct supervisor *supervisor;
	const struct run_member *members;
	size_t member_count;
	const struct run_member *main;
	const struct snapshot *snapshot; /* of the main member */
	const struct profile *profile;
	char output[PATH_MAX]; /* where the profile was written, or "" */
	FILE *out;
	unsigned width;
};

static uint64_t timeval_ns(struct timeval time)
{
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_usec * 1000u;
}

static int write_profile(const struct profile *profile, const char *path)
{
	const struct pprof_options options = {.extra = false};
	struct output_file file;
	uint8_t *bytes = NULL;
	size_t size = 0;
	bool is_written;
	int error = pprof_encode(profile, &options, &bytes, &size);

	if (error == 0)
		error = output_file_open(&file, path);
	if (error != 0) {
		free(bytes);
		return error;
	}
	is_written = fwrite(bytes, 1, size, file.stream) == size;
	free(bytes);
	error = output_file_close(&file, is_written);
	return error == 0 && !is_written ? -EIO : error;
}

/* Bytes that other programs chose must not lead the file elsewhere. */
static void default_output(const struct snapshot *snapshot, char path[PATH_MAX])
{
	char command[sizeof(snapshot->command)];

	memcpy(command, snapshot->command, sizeof(command));
	for (char *c = command; *c; c++)
		if (*c == '/' || *c == ' ' || *c < ' ' || *c == 127)
			*c = '_';
	snprintf(path, PATH_MAX, "heaptide.%s.%u.pb.gz", command, snapshot->pid);
}

static void export_profile(struct verdict *verdict)
{
	const char *wanted = verdict->family->options->run_output;
	int error;

	if (*wanted)
		snprintf(verdict->output, sizeof(verdict->output), "%s", wanted);
	else
		default_output(verdict->snapshot, verdict->output);
	error = write_profile(verdict->profile, verdict->output);
	if (error == 0)
		return;
	log_failure("cannot write the profile to %s: %s; write it elsewhere with: heaptide export "
		    "%u -o FILE",
		    verdict->output, strerror(-error), verdict->snapshot->pid);
	verdict->output[0] = '\0';
}

static void print_head(const struct verdict *verdict)
{
	const struct snapshot *snapshot = verdict->snapshot;
	const int status = verdict->supervisor->status;

	fprintf(verdict->out, "heaptide: %s (%u)", snapshot->command, snapshot->pid);
	if ((pid_t)snapshot->pid != verdict->supervisor->pid)
		fprintf(verdict->out, ", the largest of %zu processes; the program",
			verdict->member_count);
	if (WIFSIGNALED(status))
		fprintf(verdict->out, " was killed by signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	else
		fprintf(verdict->out, " ended with status %d", WEXITSTATUS(status));
	if (snapshot->interval == 1 && snapshot->start_interval == 1)
		fputs(" (every allocation was recorded)\n", verdict->out);
	else
		fprintf(verdict->out, " (one sample per %s, +/- is 95 %%)\n",
			units_format_bytes(snapshot->interval).text);
}

static void print_view(const struct verdict *verdict, enum view_kind kind, const char *title,
		       const struct snapshot_amount *amount)
{
	fprintf(verdict->out, "%s%s\n", title, amount_text_sentence(amount).text);
	if (amount->samples)
		report_text_top(verdict->profile, kind, TOP, verdict->out, 2, verdict->width);
}

static void print_views(const struct verdict *verdict)
{
	const struct snapshot *snapshot = verdict->snapshot;
	const uint64_t start_ns = snapshot->start_monotonic_ns;
	char title[96] = "peak: ";

	print_view(verdict, VIEW_ALLOC, "allocated ", &snapshot->allocated);
	if (snapshot->peak.samples && snapshot->peak_monotonic_ns >= start_ns)
		snprintf(title, sizeof(title), "peak, %s after the first sample: ",
			 units_format_duration(snapshot->peak_monotonic_ns - start_ns).text);
	print_view(verdict, VIEW_PEAK, title, &snapshot->peak);
	print_view(verdict, VIEW_INUSE,
		   verdict->main->target.alive ? "live now: " : "live at exit: ", &snapshot->live);
}

static void print_blind_spots(const struct verdict *verdict)
{
	const struct profile *profile = verdict->profile;
	const uint64_t dropped = coverage_dropped_samples(verdict->snapshot);

	fprintf(verdict->out, "seen: %s of the samples due (%s taken, %s dropped)%s\n",
		units_format_percent(coverage_share(verdict->snapshot)).text,
		units_format_count(verdict->snapshot->counters[SEGMENT_COUNTER_samples]).text,
		units_format_count(dropped).text, profile->warning_count ? "; but:" : "");
	for (size_t i = 0; i < profile->warning_count && i < WARNINGS; i++) {
		fputs("  ", verdict->out);
		text_table_put(verdict->out, profile->warnings[i],
			       verdict->width ? verdict->width - 2 : 0);
		fputc('\n', verdict->out);
	}
	if (profile->warning_count > WARNINGS)
		fprintf(verdict->out, "  and %zu more, which `heaptide report` shows\n",
			profile->warning_count - WARNINGS);
}

static void print_cost(const struct verdict *verdict)
{
	const struct snapshot *snapshot = verdict->snapshot;
	const uint64_t own_ns = snapshot->counters[SEGMENT_COUNTER_own_cpu_ns];
	const uint64_t program_ns = timeval_ns(verdict->supervisor->usage.ru_utime) +
				    timeval_ns(verdict->supervisor->usage.ru_stime);

	fprintf(verdict->out, "profiler's own cost: %s CPU", units_format_duration(own_ns).text);
	if ((pid_t)snapshot->pid == verdict->supervisor->pid && program_ns > own_ns)
		fprintf(verdict->out, " (%s of the program's)",
			units_format_percent((double)own_ns / (double)program_ns).text);
	fprintf(verdict->out, ", %s memory\n",
		units_format_bytes(snapshot->used_bytes +
				   snapshot->counters[SEGMENT_COUNTER_private_bytes])
			.text);
}

static void print_processes(const struct verdict *verdict)
{
	static const struct text_column columns[] = {
		{"process", true}, {"command", false}, {"allocated", true},
		{"peak", true},	   {"live", true},     {"", false},
	};
	const size_t shown = verdict->member_count < PROCESSES ? verdict->member_count : PROCESSES;
	struct text_table table;

	if (verdict->member_count < 2)
		return;
	text_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < shown; i++) {
		const struct run_member *member = &verdict->members[i];

		text_table_add(&table, "%d", (int)member->target.pid);
		text_table_add(&table, "%s", member->command);
		text_table_add(&table, "%s", amount_text_bytes(&member->allocated).text);
		text_table_add(&table, "%s", amount_text_bytes(&member->peak).text);
		text_table_add(&table, "%s", amount_text_bytes(&member->live).text);
		text_table_add(&table, "%s", member->target.alive ? "still runs" : "");
	}
	fprintf(verdict->out, "%zu processes were profiled%s\n", verdict->member_count,
		shown < verdict->member_count ? ", the largest:" : ":");
	text_table_print(&table, verdict->out, 2, verdict->width);
	text_table_fini(&table);
}

static void print_next(const struct verdict *verdict)
{
	if (*verdict->output && strcmp(verdict->output, "-") != 0)
		fprintf(verdict->out, "profile: %s (go tool pprof -top %s)\n", verdict->output,
			verdict->output);
	fputs("next: heaptide report ", verdict->out);
	if (*verdict->family->options->dir)
		fprintf(verdict->out, "--dir %s ", verdict->family->options->dir);
	fprintf(verdict->out, "%u\n", verdict->snapshot->pid);
}

static void print_all(const struct verdict *verdict)
{
	print_head(verdict);
	print_views(verdict);
	print_blind_spots(verdict);
	print_cost(verdict);
	print_processes(verdict);
	print_next(verdict);
}

/* Names the main member's stacks; exports and prints. */
static void judge(struct verdict *verdict)
{
	const struct profile_options options = {.sysroot = NULL};
	char error[SNAPSHOT_ERROR_SIZE];
	struct snapshot *snapshot = NULL;
	struct profile *profile = NULL;

	if (snapshot_take(verdict->main->target.path, &snapshot, error) != 0) {
		log_failure("%s", error);
		return;
	}
	snapshot->is_over = !verdict->main->target.alive;
	if (profile_new(snapshot, &options, &profile) != 0) {
		log_failure("out of memory");
		goto out;
	}
	verdict->snapshot = snapshot;
	verdict->profile = profile;
	export_profile(verdict);
	if (!verdict->family->options->quiet)
		print_all(verdict);
	profile_free(profile);
out:
	snapshot_free(snapshot);
}

bool verdict_print(const struct run_family *family, const struct supervisor *supervisor)
{
	struct verdict verdict = {.family = family,
				  .supervisor = supervisor,
				  .out = stderr,
				  .width = text_table_terminal_width(stderr)};
	struct run_member *members;

	if (run_family_list(family, &members, &verdict.member_count) != 0)
		return true;
	verdict.members = members;
	verdict.main = run_family_main(family, members, verdict.member_count);
	if (verdict.main)
		judge(&verdict);
	free(members);
	return verdict.main != NULL;
}
