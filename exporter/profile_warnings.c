/*
 * One function per matter. Kept apart from the building of the profile, which
 * these sentences judge.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/profile_warnings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "leakcheck/coverage.h"

static int warn(struct profile *profile, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int warn(struct profile *profile, const char *format, ...)
{
	char **const warnings = reallocarray(profile->warnings, profile->warning_count + 1,
					     sizeof(*profile->warnings));
	char *text = NULL;
	va_list arguments;
	int length;

	if (!warnings)
		return -ENOMEM;
	profile->warnings = warnings;
	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0)
		return -ENOMEM;
	warnings[profile->warning_count] = string_table_clean(text, (size_t)length);
	free(text);
	return warnings[profile->warning_count++] ? 0 : -ENOMEM;
}

static int warn_of_notices(struct profile *profile)
{
	const struct snapshot *const snapshot = profile->snapshot;
	int status = 0;

	if (snapshot->notices & SEGMENT_NOTICE_OWN_MALLOC)
		status = warn(profile,
			      "%s defines malloc itself: only what its shared libraries allocate "
			      "through another malloc is seen",
			      snapshot->executable);
	if (status == 0 && snapshot->notices & SEGMENT_NOTICE_BAD_OPTION)
		status = warn(profile, "%s", snapshot->notice_text);
	if (status == 0 && snapshot->notices & SEGMENT_NOTICE_NO_LIBUNWIND)
		status =
			warn(profile, "libunwind was asked for and not found: stacks were followed "
				      "by unwind tables");
	return status;
}

/* The counters whose growth means that the numbers are not what they seem. */
static const enum segment_counter_id losses[] = {
	SEGMENT_COUNTER_dropped_reentrant,  SEGMENT_COUNTER_dropped_busy,
	SEGMENT_COUNTER_dropped_table_full, SEGMENT_COUNTER_dropped_no_segment,
	SEGMENT_COUNTER_lost_frees,	    SEGMENT_COUNTER_overflow_stacks,
	SEGMENT_COUNTER_raised_interval,    SEGMENT_COUNTER_reduced_depth,
	SEGMENT_COUNTER_dropped_histogram,  SEGMENT_COUNTER_dropped_modules,
	SEGMENT_COUNTER_no_space,
};

static int warn_of_losses(struct profile *profile)
{
	int status = 0;

	for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]) && status == 0; i++) {
		const uint64_t count = profile->snapshot->counters[losses[i]];

		if (count > 0)
			status = warn(profile, "%" PRIu64 " %s", count,
				      snapshot_counter_meaning(losses[i]));
	}
	return status;
}

/* What is normal in small numbers and worth saying when there is more of it. */
static const struct {
	enum segment_counter_id counter;
	const char *text;
} shares[] = {
	{SEGMENT_COUNTER_stale_blocks, "were freed unseen, and counted as in use for too long"},
	{SEGMENT_COUNTER_incomplete_stacks, "have a stack that could not be followed to its root"},
};

static int warn_of_shares(struct profile *profile)
{
	const uint64_t *const counters = profile->snapshot->counters;
	const double samples = (double)counters[SEGMENT_COUNTER_samples];
	int status = 0;

	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]) && status == 0; i++) {
		const double count = (double)counters[shares[i].counter];

		if (count > 0.02 * samples)
			status = warn(profile, "%.0f of %.0f samples %s", count, samples,
				      shares[i].text);
	}
	return status;
}

static int warn_of_being_off(struct profile *profile)
{
	const struct snapshot *const snapshot = profile->snapshot;
	const uint64_t off_ns = coverage_off_ns(snapshot);

	if (snapshot->is_over && !snapshot->active)
		return warn(profile, "sampling was off at the end of the process");
	if (off_ns == 0)
		return 0;
	return warn(profile, "sampling was off for %.1f s%s", (double)off_ns / 1e9,
		    snapshot->active ? "" : " and is off now");
}

static int warn_of_names(struct profile *profile, struct symbols *symbols)
{
	int status = 0;

	for (size_t i = 0; i < profile->mapping_count && status == 0; i++) {
		const struct profile_mapping *const mapping = &profile->mappings[i];
		const char *text = NULL;

		if (mapping->has_functions || !mapping->module)
			continue;
		if (symbols_module_status(symbols, mapping->module, &text) != SYMBOLS_OK && text)
			status = warn(profile, "%s", text);
	}
	return status;
}

int profile_warnings_collect(struct profile *profile, struct symbols *symbols)
{
	int status = warn_of_notices(profile);

	if (status == 0)
		status = warn_of_losses(profile);
	if (status == 0)
		status = warn_of_shares(profile);
	if (status == 0)
		status = warn_of_being_off(profile);
	if (status == 0)
		status = warn_of_names(profile, symbols);
	return status;
}
