/*
 * Numbers of one kind stand together under their type, so all processes are
 * looked at before the first line is written. What is not known has no line.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/metrics.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "exporter/string_table.h"
#include "leakcheck/amount.h"

/* Larger processes are not asked for their mappings each time. */
#define LEDGER_RSS_MAX (UINT64_C(4) << 30)

/* ---- what there is ---- */

struct family {
	const char *name; /* counters without "_total" */
	const char *unit; /* the name's last part, or NULL */
	bool is_counter;
	const char *help;
};

enum process_figure {
	HEAP,
	HEAP_ERROR,
	HEAP_OBJECTS,
	HEAP_PEAK,
	ALLOCATED,
	ALLOCATED_OBJECTS,
	ALLOCATOR_RESIDENT,
	OTHER_RESIDENT,
	RESIDENT,
	PROPORTIONAL,
	SWAPPED,
	SAMPLES,
	LOST_FREES,
	INTERVAL,
	ACTIVE,
	PROFILER_CPU,
	PROFILER_MEMORY,
	PROCESS_FIGURE_COUNT
};

static const struct family process_families[PROCESS_FIGURE_COUNT] = {
	[HEAP] = {"heaptide_heap_bytes", "bytes", false,
		  "What the program has allocated and not freed, estimated."},
	[HEAP_ERROR] = {"heaptide_heap_error_bytes", "bytes", false,
			"Half the width of the 95 % confidence interval of heaptide_heap_bytes."},
	[HEAP_OBJECTS] = {"heaptide_heap_objects", NULL, false, "Blocks that are in use."},
	[HEAP_PEAK] = {"heaptide_heap_peak_bytes", "bytes", false,
		       "The most that was in use since the process's start."},
	[ALLOCATED] = {"heaptide_allocated_bytes", "bytes", true,
		       "What the program has allocated since its start."},
	[ALLOCATED_OBJECTS] = {"heaptide_allocated_objects", NULL, true,
			       "Blocks that the program has allocated since its start."},
	[ALLOCATOR_RESIDENT] = {"heaptide_allocator_resident_bytes", "bytes", false,
				"Resident memory of the mappings that hold the heap: in use, "
				"free, and the allocator's own."},
	[OTHER_RESIDENT] = {"heaptide_other_resident_bytes", "bytes", false,
			    "Resident memory outside the heap's mappings: code, stacks, files."},
	[RESIDENT] = {"heaptide_resident_bytes", "bytes", false, "Resident memory."},
	[PROPORTIONAL] = {"heaptide_proportional_bytes", "bytes", false,
			  "Resident memory, shared pages divided among those who share them."},
	[SWAPPED] = {"heaptide_swapped_bytes", "bytes", false, "Memory in swap space."},
	[SAMPLES] = {"heaptide_samples", NULL, true, "Allocations that were sampled."},
	[LOST_FREES] = {"heaptide_lost_frees", NULL, true,
			"Frees of sampled blocks that could not be recorded."},
	[INTERVAL] = {"heaptide_sampling_interval_bytes", "bytes", false,
		      "One sample is taken for so many bytes."},
	[ACTIVE] = {"heaptide_sampling_active", NULL, false, "1 while sampling is on."},
	[PROFILER_CPU] = {"heaptide_profiler_cpu_seconds", "seconds", true,
			  "Time spent in the profiler within the process."},
	[PROFILER_MEMORY] = {"heaptide_profiler_memory_bytes", "bytes", false,
			     "Memory of the profiler within the process, its segment included."},
};

static const struct family dropped_family = {"heaptide_samples_dropped", NULL, true,
					     "Samples that could not be recorded."};

static const struct {
	const char *reason;
	enum segment_counter_id counter;
} drop_reasons[] = {
	{"reentrant", SEGMENT_COUNTER_dropped_reentrant},
	{"busy", SEGMENT_COUNTER_dropped_busy},
	{"table_full", SEGMENT_COUNTER_dropped_table_full},
	{"no_segment", SEGMENT_COUNTER_dropped_no_segment},
};

#define DROP_REASON_COUNT (sizeof(drop_reasons) / sizeof(drop_reasons[0]))

struct metrics_process {
	char *labels;
	double figures[PROCESS_FIGURE_COUNT]; /* NAN: not known */
	uint64_t drops[DROP_REASON_COUNT];
};

enum sink_figure {
	DELIVERED,
	FAILED_ATTEMPTS,
	DROPPED,
	LOST,
	QUEUED_JOBS,
	QUEUED_BYTES,
	FAILING,
	DELIVERY_DURATION,
	LAST_DELIVERED,
	SINK_FIGURE_COUNT
};

static const struct family sink_families[SINK_FIGURE_COUNT] = {
	[DELIVERED] = {"heaptide_sink_delivered", NULL, true, "Profiles that the sink has taken."},
	[FAILED_ATTEMPTS] = {"heaptide_sink_failed_attempts", NULL, true,
			     "Attempts to deliver that failed."},
	[DROPPED] = {"heaptide_sink_dropped", NULL, true, "Profiles that were given up."},
	[LOST] = {"heaptide_sink_lost_bytes", "bytes", true,
		  "Allocated bytes that no later profile makes up for."},
	[QUEUED_JOBS] = {"heaptide_sink_queued_profiles", NULL, false, "Profiles that wait."},
	[QUEUED_BYTES] = {"heaptide_sink_queued_bytes", "bytes", false,
			  "Size of the profiles that wait."},
	[FAILING] = {"heaptide_sink_failing", NULL, false, "1 while attempts to deliver fail."},
	[DELIVERY_DURATION] = {"heaptide_sink_delivery_seconds", "seconds", false,
			       "How long the last attempt took."},
	[LAST_DELIVERED] = {"heaptide_sink_last_delivered_timestamp_seconds", "seconds", false,
			    "When a profile was taken last, in seconds since 1970."},
};

static const struct family processes_family = {"heaptide_processes", NULL, false,
					       "Profiled processes that run."},
			   agent_cpu_family = {"heaptide_agent_cpu_seconds", "seconds", true,
					       "CPU time of the agent."},
			   agent_resident_family = {"heaptide_agent_resident_bytes", "bytes", false,
						    "Resident memory of the agent."},
			   build_family = {"heaptide_build_info", NULL, false,
					   "Always 1; the label is the version."};

/* ---- collecting ---- */

static void write_label(FILE *out, const char *name, const char *value)
{
	char *const clean = string_table_clean(value, strlen(value));

	fprintf(out, "%s=\"", name);
	for (const char *c = clean ? clean : ""; *c; c++) {
		if (*c == '\n')
			fputs("\\n", out);
		else if (*c == '"' || *c == '\\')
			fprintf(out, "\\%c", *c);
		else
			putc(*c, out);
	}
	putc('"', out);
	free(clean);
}

/* Two processes that cannot be seen from here may have one number. */
static char *make_labels(const struct roster_process *process, const struct snapshot *snapshot)
{
	const char *const slash = strrchr(process->path, '/');
	char *text = NULL, pid[32];
	size_t size;
	FILE *const out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	snprintf(pid, sizeof(pid), "%d", process->pid ? (int)process->pid : (int)snapshot->pid);
	write_label(out, "service", process->service);
	putc(',', out);
	write_label(out, "command", snapshot->command);
	putc(',', out);
	write_label(out, "pid", pid);
	if (process->pid == 0) {
		putc(',', out);
		write_label(out, "segment", slash ? slash + 1 : process->path);
	}
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static void take_figures(const struct snapshot *snapshot, double *figures)
{
	const uint64_t *const counters = snapshot->counters;

	figures[HEAP] = (double)snapshot->live.bytes;
	figures[HEAP_ERROR] = amount_bytes_error(&snapshot->live);
	figures[HEAP_OBJECTS] = (double)snapshot->live.objects;
	figures[HEAP_PEAK] = (double)snapshot->peak_bytes;
	figures[ALLOCATED] = (double)snapshot->allocated.bytes;
	figures[ALLOCATED_OBJECTS] = (double)snapshot->allocated.objects;
	figures[SAMPLES] = (double)counters[SEGMENT_COUNTER_samples];
	figures[LOST_FREES] = (double)counters[SEGMENT_COUNTER_lost_frees];
	figures[INTERVAL] = (double)snapshot->interval;
	figures[ACTIVE] = snapshot->active;
	figures[PROFILER_CPU] = (double)counters[SEGMENT_COUNTER_own_cpu_ns] / 1e9;
	figures[PROFILER_MEMORY] =
		(double)(snapshot->used_bytes + counters[SEGMENT_COUNTER_private_bytes]);
}

static void take_ledger(const struct memory_ledger *ledger, double *figures)
{
	figures[RESIDENT] = (double)ledger->rss_bytes;
	figures[SWAPPED] = (double)ledger->swap_bytes;
	if (!ledger->has_mappings)
		return;
	figures[PROPORTIONAL] = (double)ledger->pss_bytes;
	figures[ALLOCATOR_RESIDENT] = (double)ledger->allocator_bytes;
	figures[OTHER_RESIDENT] = (double)(ledger->rss_bytes - ledger->allocator_bytes);
}

/* No two lines may have the same labels: of an exec both images are there for a moment. */
static bool is_known(const struct metrics *metrics, const char *labels)
{
	for (size_t i = 0; i < metrics->process_count; i++)
		if (strcmp(metrics->processes[i].labels, labels) == 0)
			return true;
	return false;
}

int metrics_add(struct metrics *metrics, const struct roster_process *process,
		const struct snapshot *snapshot, const struct memory_ledger *ledger)
{
	struct metrics_process *const bigger =
		reallocarray(metrics->processes, metrics->process_count + 1, sizeof(*bigger));
	struct metrics_process added = {.labels = make_labels(process, snapshot)};

	if (bigger)
		metrics->processes = bigger;
	if (!bigger || !added.labels || is_known(metrics, added.labels)) {
		const bool is_full = !bigger || !added.labels;

		free(added.labels);
		return is_full ? -ENOMEM : 0;
	}
	for (size_t i = 0; i < PROCESS_FIGURE_COUNT; i++)
		added.figures[i] = NAN;
	take_figures(snapshot, added.figures);
	if (ledger)
		take_ledger(ledger, added.figures);
	for (size_t i = 0; i < DROP_REASON_COUNT; i++)
		added.drops[i] = snapshot->counters[drop_reasons[i].counter];
	bigger[metrics->process_count++] = added;
	return 0;
}

static int collect_process(const struct roster_process *process, struct metrics *metrics)
{
	char error[SNAPSHOT_ERROR_SIZE];
	struct memory_ledger ledger;
	struct snapshot *snapshot;
	bool has_ledger;
	int status;

	if (snapshot_take(process->path, &snapshot, error) != 0)
		return 0;
	has_ledger = process->pid > 0 &&
		     memory_ledger_read(process->pid, snapshot, LEDGER_RSS_MAX, &ledger) == 0;
	status = metrics_add(metrics, process, snapshot, has_ledger ? &ledger : NULL);
	snapshot_free(snapshot);
	return status;
}

static void collect_own(struct metrics *metrics)
{
	FILE *const file = fopen("/proc/self/statm", "re");
	struct timespec cpu;
	unsigned long pages;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	metrics->own_cpu_seconds = (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9;
	metrics->own_resident_bytes = NAN;
	if (file && fscanf(file, "%*u %lu", &pages) == 1)
		metrics->own_resident_bytes = (double)pages * (double)sysconf(_SC_PAGESIZE);
	if (file)
		fclose(file);
}

int metrics_collect(const struct roster_copy *copy, struct metrics *metrics)
{
	int status = 0;

	*metrics = (struct metrics){.sinks = copy->sinks, .sink_count = copy->sink_count};
	for (size_t i = 0; i < copy->process_count && status == 0; i++)
		status = collect_process(&copy->processes[i], metrics);
	collect_own(metrics);
	if (status < 0)
		metrics_fini(metrics);
	return status;
}

void metrics_fini(struct metrics *metrics)
{
	for (size_t i = 0; i < metrics->process_count; i++)
		free(metrics->processes[i].labels);
	free(metrics->processes);
	*metrics = (struct metrics){0};
}

/* ---- writing ---- */

/* In OpenMetrics a family has the name without "_total". */
static void write_family(FILE *out, enum metrics_format format, const struct family *family)
{
	const char *const ending =
		family->is_counter && format == METRICS_PROMETHEUS ? "_total" : "";

	fprintf(out, "# TYPE %s%s %s\n", family->name, ending,
		family->is_counter ? "counter" : "gauge");
	if (family->unit && format == METRICS_OPENMETRICS)
		fprintf(out, "# UNIT %s %s\n", family->name, family->unit);
	fprintf(out, "# HELP %s%s %s\n", family->name, ending, family->help);
}

/* One line; `labels` may be NULL. */
static void write_value(FILE *out, const struct family *family, const char *labels, double value)
{
	if (isnan(value))
		return;
	fprintf(out, "%s%s", family->name, family->is_counter ? "_total" : "");
	if (labels)
		fprintf(out, "{%s}", labels);
	fprintf(out, value == floor(value) ? " %.0f\n" : " %.9f\n", value);
}

static void write_single(FILE *out, enum metrics_format format, const struct family *family,
			 const char *labels, double value)
{
	write_family(out, format, family);
	write_value(out, family, labels, value);
}

static void write_processes(FILE *out, enum metrics_format format, const struct metrics *metrics)
{
	for (size_t i = 0; i < PROCESS_FIGURE_COUNT; i++) {
		write_family(out, format, &process_families[i]);
		for (size_t j = 0; j < metrics->process_count; j++)
			write_value(out, &process_families[i], metrics->processes[j].labels,
				    metrics->processes[j].figures[i]);
	}
}

static void write_drops(FILE *out, const struct metrics_process *process)
{
	for (size_t i = 0; i < DROP_REASON_COUNT; i++)
		fprintf(out, "%s_total{%s,reason=\"%s\"} %llu\n", dropped_family.name,
			process->labels, drop_reasons[i].reason,
			(unsigned long long)process->drops[i]);
}

static double sink_value(const struct sink_counters *counters, enum sink_figure figure)
{
	switch (figure) {
	case DELIVERED:
		return (double)counters->delivered;
	case FAILED_ATTEMPTS:
		return (double)counters->failed_attempts;
	case DROPPED:
		return (double)counters->dropped;
	case LOST:
		return (double)counters->lost_bytes;
	case QUEUED_JOBS:
		return (double)counters->queued_jobs;
	case QUEUED_BYTES:
		return (double)counters->queued_bytes;
	case FAILING:
		return counters->failing;
	case DELIVERY_DURATION:
		return (double)counters->last_duration_ns / 1e9;
	case LAST_DELIVERED:
		return counters->last_delivered_ns ? (double)counters->last_delivered_ns / 1e9
						   : NAN;
	default:
		return NAN;
	}
}

static void write_sink(FILE *out, const struct family *family, const struct roster_sink *sink,
		       double value)
{
	char *labels = NULL;
	size_t size;
	FILE *const text = open_memstream(&labels, &size);

	if (!text)
		return;
	write_label(text, "sink", sink->name);
	if (fclose(text) == 0)
		write_value(out, family, labels, value);
	free(labels);
}

static void write_sinks(FILE *out, enum metrics_format format, const struct metrics *metrics)
{
	for (unsigned i = 0; i < SINK_FIGURE_COUNT; i++) {
		write_family(out, format, &sink_families[i]);
		for (size_t j = 0; j < metrics->sink_count; j++)
			write_sink(out, &sink_families[i], &metrics->sinks[j],
				   sink_value(&metrics->sinks[j].counters, i));
	}
}

void metrics_write(const struct metrics *metrics, enum metrics_format format, FILE *out)
{
	write_processes(out, format, metrics);
	write_family(out, format, &dropped_family);
	for (size_t i = 0; i < metrics->process_count; i++)
		write_drops(out, &metrics->processes[i]);
	write_sinks(out, format, metrics);
	write_single(out, format, &processes_family, NULL, (double)metrics->process_count);
	write_single(out, format, &agent_cpu_family, NULL, metrics->own_cpu_seconds);
	write_single(out, format, &agent_resident_family, NULL, metrics->own_resident_bytes);
	write_single(out, format, &build_family, "version=\"" HEAPTIDE_VERSION "\"", 1);
	if (format == METRICS_OPENMETRICS)
		fputs("# EOF\n", out);
}

/* ---- the formats ---- */

enum metrics_format metrics_choose_format(const char *accept)
{
	return accept && strstr(accept, "application/openmetrics-text") ? METRICS_OPENMETRICS
									: METRICS_PROMETHEUS;
}

const char *metrics_content_type(enum metrics_format format)
{
	return format == METRICS_OPENMETRICS
		       ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
		       : "text/plain; version=0.0.4; charset=utf-8";
}
