/*
 * libFuzzer's target over everything that is written from a segment: whatever
 * its bytes are, profiles and reports of it come out or an error does. Names
 * are not looked up: no file below the given root exists.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "exporter/folded.h"
#include "exporter/gperftools.h"
#include "exporter/pprof.h"
#include "exporter/profile.h"
#include "exporter/profile_json.h"
#include "exporter/report.h"
#include "exporter/report_json.h"
#include "exporter/report_text.h"
#include "exporter/speedscope.h"
#include "tests/fuzz/fuzz_input.h"

static void write_files(const struct profile *profile, FILE *out)
{
	const struct pprof_options options = {.extra = true};
	uint8_t *bytes = NULL;
	size_t size;

	if (pprof_encode(profile, &options, &bytes, &size) == 0)
		free(bytes);
	for (int metric = 0; metric < METRIC_COUNT; metric++)
		folded_write(profile, (enum metric_id)metric, out);
	profile_json_write(profile, true, out);
	speedscope_write(profile, true, out);
	gperftools_write(profile, out);
}

static void write_reports(const struct profile *profile, FILE *out)
{
	for (int by = 0; by < REPORT_BY_COUNT; by++) {
		struct report_request request = {
			.views =
				by >= REPORT_BY_SIZE ? 1 << VIEW_ALLOC : (1 << VIEW_KIND_COUNT) - 1,
			.by = (enum report_by)by,
			.top = 10,
			.young_ns = SEGMENT_LIFETIME_BORDER_NS,
			.focus = by % 2 ? "prog" : "",
			.target = "42",
		};
		struct report report;
		char error[256] = "";

		if (report_fill(&report, profile, &request, error, sizeof(error)) != 0)
			continue;
		report_text_print(&report, out, 80);
		report_json_print(&report, out);
		report_fini(&report);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct profile_options options = {.sysroot = "/nonexistent"};
	static FILE *out;
	struct snapshot *snapshot = fuzz_snapshot(data, size);
	struct profile *profile = NULL;

	if (out == NULL)
		out = fopen("/dev/null", "w");
	if (snapshot == NULL)
		return 0;
	if (profile_new(snapshot, &options, &profile) == 0) {
		write_files(profile, out);
		write_reports(profile, out);
		profile_free(profile);
	}
	snapshot_free(snapshot);
	return 0;
}
