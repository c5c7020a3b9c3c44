/*
 * The head and the foot of a report, and the short list of a verdict. What a reader
 * wants first comes first: whose heap, how large, how sure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/report_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "exporter/amount_text.h"
#include "exporter/report_tables.h"
#include "exporter/text_table.h"
#include "leakcheck/amount.h"
#include "leakcheck/coverage.h"

#define NS_PER_SECOND UINT64_C(1000000000)

/* From `earlier` to `later`, or nothing when a clock was turned back. */
static uint64_t time_between(uint64_t earlier, uint64_t later)
{
	return later > earlier ? later - earlier : 0;
}

static void print_time(FILE *out, uint64_t realtime_ns)
{
	const time_t seconds = (time_t)(realtime_ns / NS_PER_SECOND);
	struct tm parts;
	char text[32] = "?";

	if (localtime_r(&seconds, &parts))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts);
	fputs(text, out);
}

static void print_command_line(const struct snapshot *snapshot, FILE *out, unsigned width)
{
	char text[sizeof(snapshot->command_line) + 1];
	size_t i, size = snapshot->command_line_size;

	if (size == 0)
		return;
	memcpy(text, snapshot->command_line, size);
	for (i = 0; i + 1 < size; i++)
		if (text[i] == '\0')
			text[i] = ' ';
	text[size] = '\0';
	fputs("  ", out);
	text_table_put(out, text, width > 2 ? width - 2 : width);
	fputc('\n', out);
}

static void print_process(const struct snapshot *snapshot, bool is_alive, FILE *out, unsigned width)
{
	const uint64_t last =
		is_alive ? snapshot->taken_monotonic_ns : snapshot->last_sample_monotonic_ns;
	const uint64_t age_ns = time_between(snapshot->start_monotonic_ns, last);

	text_table_put(out, snapshot->command, 0);
	fprintf(out, " (pid %" PRIu32 "), ", snapshot->pid);
	fputs(is_alive		? "running"
	      : snapshot->ended ? "ended"
				: "ended without its exit handlers (killed, _exit or exec)",
	      out);
	fputs("; recorded since ", out);
	print_time(out, snapshot->start_realtime_ns);
	fprintf(out, ", for %s%s\n", units_format_duration(age_ns).text,
		is_alive ? "" : " up to the last sample");
	print_command_line(snapshot, out, width);
}

static void print_stored(const struct report *report, FILE *out)
{
	const struct snapshot *const snapshot = report->profile->snapshot;

	text_table_put(out, snapshot->command, 0);
	if (snapshot->pid)
		fprintf(out, " (pid %" PRIu32 ")", snapshot->pid);
	fputs(", ", out);
	text_table_put(out, report->request.stored, 0);
	fprintf(out, "\n\n  in use     %s\n",
		amount_text_sentence(&report->totals[VIEW_INUSE]).text);
	fprintf(out, "  allocated  %s\n", amount_text_sentence(&report->totals[VIEW_ALLOC]).text);
}

static void print_totals(const struct report *report, FILE *out)
{
	const struct snapshot *const snapshot = report->profile->snapshot;
	const struct snapshot_amount *const totals = report->totals;
	const uint64_t peak_ns =
		time_between(snapshot->start_monotonic_ns, snapshot->peak_monotonic_ns);
	const double border_ns = histogram_lifetime_start_ns(report->young_bucket);

	fprintf(out, "\n  in use     %s\n", amount_text_sentence(&totals[VIEW_INUSE]).text);
	fprintf(out, "  peak       %s", amount_text_sentence(&totals[VIEW_PEAK]).text);
	if (totals[VIEW_PEAK].samples)
		fprintf(out, ", after %s", units_format_duration(peak_ns).text);
	fprintf(out, "\n  allocated  %s\n", amount_text_sentence(&totals[VIEW_ALLOC]).text);
	fprintf(out, "  temporary  %s%s freed within %s\n",
		amount_text_sentence(&totals[VIEW_TEMPORARY]).text,
		totals[VIEW_TEMPORARY].samples ? "," : " was",
		units_format_duration((uint64_t)border_ns).text);
}

static void print_sampling(const struct snapshot *snapshot, FILE *out)
{
	const uint64_t samples = snapshot->counters[SEGMENT_COUNTER_samples];

	if (snapshot->interval == 1)
		fprintf(out, "  recorded   every allocation");
	else
		fprintf(out, "  recorded   one sample per %s on average",
			units_format_bytes(snapshot->interval).text);
	if (snapshot->start_interval != snapshot->interval)
		fprintf(out, " (%s at the start)",
			units_format_bytes(snapshot->start_interval).text);
	fprintf(out, ": %s samples, %s of them in use\n", units_format_count(samples).text,
		units_format_count(snapshot->live.samples).text);
	fprintf(out, "  own cost   %s of CPU time, %s of memory\n",
		units_format_duration(snapshot->counters[SEGMENT_COUNTER_own_cpu_ns]).text,
		units_format_bytes(snapshot->used_bytes +
				   snapshot->counters[SEGMENT_COUNTER_private_bytes])
			.text);
}

/* An empty profile must say why it is empty. */
static void print_emptiness(const struct snapshot *snapshot, FILE *out)
{
	if (snapshot->allocated.samples)
		return;
	if (!snapshot->active)
		fprintf(out,
			"  - no samples yet: sampling is off; `heaptide ctl %" PRIu32
			" --on` starts it\n",
			snapshot->pid);
	else
		fprintf(out,
			"  - no samples yet: the program has allocated less than about %s; "
			"`heaptide run --interval 1` records everything\n",
			units_format_bytes(snapshot->interval).text);
}

static void print_unseen(const struct profile *profile, FILE *out)
{
	const struct snapshot *const snapshot = profile->snapshot;
	const uint64_t stale = snapshot->counters[SEGMENT_COUNTER_stale_blocks];
	size_t i;

	fprintf(out, "\nNot seen\n");
	print_emptiness(snapshot, out);
	if (profile->warning_count == 0 && stale == 0 && snapshot->allocated.samples)
		fprintf(out, "  nothing was lost\n");
	if (coverage_dropped_samples(snapshot))
		fprintf(out, "  - %.2f %% of the samples that were due were recorded\n",
			100 * coverage_share(snapshot));
	if (stale)
		fprintf(out, "  - %s %s\n", units_format_count(stale).text,
			snapshot_counter_meaning(SEGMENT_COUNTER_stale_blocks));
	for (i = 0; i < profile->warning_count; i++) {
		fputs("  - ", out);
		text_table_put(out, profile->warnings[i], 0);
		fputc('\n', out);
	}
}

static void print_command(FILE *out, const char *command, const char *target, const char *options)
{
	fprintf(out, "  heaptide %s ", command);
	text_table_put(out, target, 0);
	fprintf(out, " %s\n", options);
}

static void print_more(const struct report *report, FILE *out)
{
	const char *const target = report->request.target;

	if (!report->request.overview)
		return;
	fputs("\nMore\n", out);
	print_command(out, "report", target, "--by stack    # or module, size, lifetime, thread");
	print_command(out, "report", target, "--view temporary");
	print_command(out, "export", target, "-o heap.pb.gz && go tool pprof -top heap.pb.gz");
}

int report_text_print(const struct report *report, FILE *out, unsigned width)
{
	const struct snapshot *const snapshot = report->profile->snapshot;
	int status;

	if (report->request.stored) {
		print_stored(report, out);
		return report_tables_print(report, out, width);
	}
	print_process(snapshot, report->request.is_alive, out, width);
	print_totals(report, out);
	print_sampling(snapshot, out);
	status = report_tables_print(report, out, width);
	if (status)
		return status;
	print_unseen(report->profile, out);
	print_more(report, out);
	return 0;
}

int report_text_top(const struct profile *profile, enum view_kind kind, uint64_t top, FILE *out,
		    unsigned indent, unsigned width)
{
	const struct report_request request = {
		.views = 1U << kind,
		.by = REPORT_BY_FUNCTION,
		.top = top,
		.young_ns = SEGMENT_LIFETIME_BORDER_NS,
	};
	char error[128];
	struct report report;
	int status = report_fill(&report, profile, &request, error, sizeof(error));

	if (status)
		return status;
	status = report_tables_print_top(&report, out, indent, width);
	report_fini(&report);
	return status;
}
