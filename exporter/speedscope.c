/*
 * A frame of the file is a function of the profile, by the same index.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/speedscope.h"

#include <jansson.h>

#include "exporter/json_value.h"
#include "exporter/metric.h"

static json_t *make_frame(const struct profile_function *function)
{
	json_t *frame = json_pack("{s:s}", "name", function->name);

	if (*function->file)
		json_value_set(&frame, "file", json_string(function->file));
	if (function->start_line > 0)
		json_value_set(&frame, "line", json_integer(function->start_line));
	return frame;
}

static json_t *make_frames(const struct profile *profile)
{
	json_t *frames = json_array();

	for (size_t i = 0; i < profile->function_count; i++)
		json_value_append(&frames, make_frame(&profile->functions[i]));
	return frames;
}

/* The frames of a sample from the root inwards. `numbers` holds one number per
 * function, which all samples share. */
static json_t *make_stack(const struct profile *profile, const struct profile_sample *sample,
			  const json_t *numbers)
{
	json_t *stack = json_array();

	for (uint32_t i = sample->depth; i-- > 0;) {
		const struct profile_location *const location =
			&profile->locations[profile->sample_locations[sample->first_location + i]];

		for (uint32_t j = location->line_count; j-- > 0;) {
			const uint32_t function = profile->lines[location->first_line + j].function;

			json_value_append(&stack, json_incref(json_array_get(numbers, function)));
		}
	}
	return stack;
}

static json_t *make_profile(const struct profile *profile, enum metric_id metric,
			    const json_t *numbers)
{
	const bool is_bytes = metric_table[metric].unit[0] == 'b';
	json_t *samples = json_array(), *weights = json_array();
	int64_t sum = 0;

	for (size_t i = 0; i < profile->sample_count; i++) {
		const int64_t value = metric_value(profile->snapshot, metric, i);

		if (value == 0)
			continue;
		json_value_append(&samples, make_stack(profile, &profile->samples[i], numbers));
		json_value_append(&weights, json_integer(value));
		if (__builtin_add_overflow(sum, value, &sum))
			sum = INT64_MAX;
	}
	return json_pack("{s:s, s:s, s:s, s:i, s:I, s:o, s:o}", "type", "sampled", "name",
			 metric_table[metric].name, "unit", is_bytes ? "bytes" : "none",
			 "startValue", 0, "endValue", (json_int_t)sum, "samples", samples,
			 "weights", weights);
}

static json_t *make_profiles(const struct profile *profile, unsigned metric_count)
{
	json_t *profiles = json_array(), *numbers = json_array();

	for (size_t i = 0; i < profile->function_count; i++)
		json_value_append(&numbers, json_integer((json_int_t)i));
	for (unsigned i = 0; i < metric_count; i++)
		json_value_append(&profiles, make_profile(profile, i, numbers));
	json_decref(numbers);
	return profiles;
}

int speedscope_write(const struct profile *profile, bool extra, FILE *stream)
{
	const unsigned metric_count = extra ? METRIC_COUNT : METRIC_STANDARD_COUNT;
	json_t *root = json_pack("{s:s, s:s, s:o, s:i, s:{s:o}, s:o}", "$schema",
				 "https://www.speedscope.app/file-format-schema.json", "exporter",
				 "heaptide@" HEAPTIDE_VERSION, "name",
				 json_value_text(profile->snapshot->command), "activeProfileIndex",
				 METRIC_INUSE_SPACE, "shared", "frames", make_frames(profile),
				 "profiles", make_profiles(profile, metric_count));

	return json_value_write(root, JSON_COMPACT, stream);
}
