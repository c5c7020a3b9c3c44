/*
 * Matches each function and module once, however many stacks name it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/stack_filter.h"

#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

/* What an expression matches, by index in the profile. */
struct matches {
	bool *functions, *mappings;
};

static void free_matches(struct matches *matches)
{
	free(matches->functions);
	free(matches->mappings);
}

static bool is_match(const regex_t *expression, const char *text)
{
	return regexec(expression, text, 0, NULL, 0) == 0;
}

static int find_matches(struct matches *matches, const struct profile *profile,
			const regex_t *expression)
{
	size_t i;

	matches->functions = calloc(profile->function_count + 1, sizeof(bool));
	matches->mappings = calloc(profile->mapping_count + 1, sizeof(bool));
	if (!matches->functions || !matches->mappings) {
		free_matches(matches);
		return -ENOMEM;
	}
	for (i = 0; i < profile->function_count; i++) {
		const struct profile_function *function = &profile->functions[i];

		matches->functions[i] = is_match(expression, function->name) ||
					(*function->file && is_match(expression, function->file));
	}
	for (i = 0; i < profile->mapping_count; i++)
		matches->mappings[i] = is_match(expression, profile->mappings[i].path);
	return 0;
}

static bool location_matches(const struct profile *profile, const struct profile_location *location,
			     const struct matches *matches)
{
	uint32_t i;

	if (location->mapping != PROFILE_NO_MAPPING && matches->mappings[location->mapping])
		return true;
	for (i = 0; i < location->line_count; i++) {
		if (matches->functions[profile->lines[location->first_line + i].function])
			return true;
	}
	return false;
}

static bool sample_matches(const struct profile *profile, const struct profile_sample *sample,
			   const struct matches *matches)
{
	const uint32_t *locations = &profile->sample_locations[sample->first_location];
	uint32_t i;

	for (i = 0; i < sample->depth; i++) {
		if (location_matches(profile, &profile->locations[locations[i]], matches))
			return true;
	}
	return false;
}

/* Keeps selected what matches (`wanted`), or what does not. */
static int apply(const struct profile *profile, const char *option, const char *text, bool wanted,
		 bool *selected, char *error, size_t error_size)
{
	struct matches matches;
	regex_t expression;
	int status = regcomp(&expression, text, REG_EXTENDED | REG_NOSUB);
	size_t i;

	if (status) {
		char reason[128];

		regerror(status, &expression, reason, sizeof(reason));
		snprintf(error, error_size, "--%s '%s' is not a regular expression: %s", option,
			 text, reason);
		return -EINVAL;
	}
	status = find_matches(&matches, profile, &expression);
	regfree(&expression);
	if (status)
		return status;
	for (i = 0; i < profile->sample_count; i++) {
		if (sample_matches(profile, &profile->samples[i], &matches) != wanted)
			selected[i] = false;
	}
	free_matches(&matches);
	return 0;
}

int stack_filter_select(const struct profile *profile, const char *focus, const char *ignore,
			bool **selected, char *error, size_t error_size)
{
	bool has_focus = focus && *focus, has_ignore = ignore && *ignore;
	int status = 0;
	size_t i;

	*selected = NULL;
	if (!has_focus && !has_ignore)
		return 0;
	*selected = calloc(profile->sample_count + 1, sizeof(bool));
	if (!*selected)
		return -ENOMEM;
	for (i = 0; i < profile->sample_count; i++)
		(*selected)[i] = true;
	if (has_focus)
		status = apply(profile, "focus", focus, true, *selected, error, error_size);
	if (!status && has_ignore)
		status = apply(profile, "ignore", ignore, false, *selected, error, error_size);
	if (status) {
		free(*selected);
		*selected = NULL;
	}
	return status;
}
