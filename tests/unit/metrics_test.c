/*
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/metrics.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static const struct roster_sink a_sink = {.name = "push to \"http://x\"",
					  .counters = {.delivered = 3, .failing = true}};

static void add(struct metrics *metrics, const char *service, pid_t pid, uint64_t bytes)
{
	const struct roster_process process = {(char *)"/s/x.1.2.heaptide", (char *)service, pid};
	const struct memory_ledger ledger = {
		.rss_bytes = 4096, .allocator_bytes = 1024, .has_mappings = true};
	struct snapshot snapshot = {.pid = 1, .command = "wor\"k\\er\n", .live.bytes = bytes};

	snapshot.counters[SEGMENT_COUNTER_samples] = 12;
	snapshot.counters[SEGMENT_COUNTER_dropped_busy] = 5;
	ck_assert_int_eq(metrics_add(metrics, &process, &snapshot, pid > 0 ? &ledger : NULL), 0);
}

/* Valid until the next call. */
static char *write_text(const struct metrics *metrics, enum metrics_format format)
{
	static char text[1 << 16];
	FILE *const out = fmemopen(text, sizeof(text), "w");

	metrics_write(metrics, format, out);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_uint_lt(strlen(text), sizeof(text) - 1);
	return text;
}

static struct metrics two_processes(void)
{
	struct metrics metrics = {.sinks = &a_sink, .sink_count = 1, .own_cpu_seconds = 0.25};

	add(&metrics, "web", 11, 1000);
	add(&metrics, "web", 12, 2000);
	return metrics;
}

static bool has_line(const char *text, const char *line)
{
	const char *const found = strstr(text, line);

	return found && (found == text || found[-1] == '\n') && found[strlen(line)] == '\n';
}

START_TEST(every_process_and_sink_has_its_lines)
{
	struct metrics metrics = two_processes();
	char *const text = write_text(&metrics, METRICS_PROMETHEUS);

	ck_assert(has_line(text,
			   "heaptide_heap_bytes{service=\"web\",command=\"wor\\\"k\\\\er\\n\","
			   "pid=\"11\"} 1000"));
	ck_assert(has_line(text,
			   "heaptide_heap_bytes{service=\"web\",command=\"wor\\\"k\\\\er\\n\","
			   "pid=\"12\"} 2000"));
	ck_assert(has_line(text, "heaptide_other_resident_bytes{service=\"web\",command="
				 "\"wor\\\"k\\\\er\\n\",pid=\"12\"} 3072"));
	ck_assert_ptr_nonnull(strstr(text, "reason=\"busy\"} 5\n"));
	ck_assert(has_line(text,
			   "heaptide_sink_delivered_total{sink=\"push to \\\"http://x\\\"\"} 3"));
	ck_assert(has_line(text, "heaptide_processes 2"));
	ck_assert(has_line(text, "heaptide_agent_cpu_seconds_total 0.250000000"));
	metrics_fini(&metrics);
}
END_TEST

START_TEST(what_is_not_known_has_no_line)
{
	struct metrics metrics = {0};
	char *text;

	add(&metrics, "web", 0, 1000);
	text = write_text(&metrics, METRICS_PROMETHEUS);
	ck_assert_ptr_null(strstr(text, "heaptide_resident_bytes{"));
	/* Its number means nothing here. */
	ck_assert_ptr_nonnull(strstr(text, "segment=\"x.1.2.heaptide\"} 1000\n"));
	ck_assert_ptr_null(strstr(text, "nan"));
	metrics_fini(&metrics);
}
END_TEST

START_TEST(no_two_lines_have_the_same_labels)
{
	struct metrics metrics = {0};

	add(&metrics, "web", 11, 1000);
	add(&metrics, "web", 11, 2000);
	ck_assert_uint_eq(metrics.process_count, 1);
	metrics_fini(&metrics);
}
END_TEST

/* A sample's name is its family's, and for counters ends in "_total". */
static void check_sample(const char *line, const char *family, bool is_counter)
{
	const size_t length = strlen(family);
	const char *rest = line + length;
	char *end;

	ck_assert_msg(strncmp(line, family, length) == 0, "%s is not of %s", line, family);
	if (is_counter) {
		ck_assert_msg(strncmp(rest, "_total", 6) == 0, "%s", line);
		rest += 6;
	}
	ck_assert_msg(*rest == '{' || *rest == ' ', "%s", line);
	rest = strrchr(line, ' ');
	strtod(rest + 1, &end);
	ck_assert_msg(end > rest + 1 && *end == '\0', "%s", line);
}

static bool ends_with(const char *text, const char *end)
{
	const size_t length = strlen(text), own = strlen(end);

	return length >= own && strcmp(text + length - own, end) == 0;
}

START_TEST(openmetrics_text_follows_its_grammar)
{
	struct metrics metrics = two_processes();
	char *const text = write_text(&metrics, METRICS_OPENMETRICS);
	char family[128] = "", type[16], unit[16], *rest = text, *line;
	bool is_ended = false;

	while ((line = strsep(&rest, "\n")) && (*line || rest)) {
		ck_assert_msg(!is_ended, "%s", line);
		ck_assert_msg(*line, "an empty line");
		if (strcmp(line, "# EOF") == 0) {
			is_ended = true;
		} else if (sscanf(line, "# TYPE %127s %15s", family, type) == 2) {
			ck_assert_msg(!ends_with(family, "_total"), "%s", line);
			ck_assert(strcmp(type, "counter") == 0 || strcmp(type, "gauge") == 0);
		} else if (sscanf(line, "# UNIT %*s %15s", unit) == 1) {
			ck_assert_msg(ends_with(family, unit), "%s", line);
			ck_assert_msg(strncmp(line + 7, family, strlen(family)) == 0, "%s", line);
		} else if (strncmp(line, "# HELP ", 7) == 0) {
			ck_assert_msg(strncmp(line + 7, family, strlen(family)) == 0, "%s", line);
		} else {
			check_sample(line, family, strcmp(type, "counter") == 0);
		}
	}
	ck_assert(is_ended);
	metrics_fini(&metrics);
}
END_TEST

START_TEST(the_format_is_what_the_client_accepts)
{
	ck_assert_int_eq(metrics_choose_format(NULL), METRICS_PROMETHEUS);
	ck_assert_int_eq(metrics_choose_format("text/html"), METRICS_PROMETHEUS);
	ck_assert_int_eq(metrics_choose_format("application/openmetrics-text;version=1.0.0,"
					       "text/plain;version=0.0.4;q=0.5"),
			 METRICS_OPENMETRICS);
	ck_assert_str_eq(metrics_content_type(METRICS_OPENMETRICS),
			 "application/openmetrics-text; version=1.0.0; charset=utf-8");
}
END_TEST

UNIT_MAIN(every_process_and_sink_has_its_lines, what_is_not_known_has_no_line,
	  no_two_lines_have_the_same_labels, openmetrics_text_follows_its_grammar,
	  the_format_is_what_the_client_accepts)
