/*
 * A frame of the file is a function of the profile, by the same index.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/speedscope.h"

#include <errno.h>

#include "exporter/json.h"
#include "exporter/metric.h"

static void write_frames(struct json *json, const struct profile *profile)
{
	json_open_object(json, "shared");
	json_open_array(json, "frames");
	for (size_t i = 0; i < profile->function_count; i++) {
		const struct profile_function *const function = &profile->functions[i];

		json_open_object(json, NULL);
		json_string(json, "name", function->name);
		if (*function->file)
			json_string(json, "file", function->file);
		if (function->start_line > 0)
			json_unsigned(json, "line", function->start_line);
		json_close_object(json);
	}
	json_close_array(json);
	json_close_object(json);
}

/* The functions of a sample from the root inwards. */
static void write_sample(struct json *json, const struct profile *profile,
			 const struct profile_sample *sample)
{
	json_open_array(json, NULL);
	for (uint32_t i = sample->depth; i-- > 0;) {
		const struct profile_location *const location =
			&profile->locations[profile->sample_locations[sample->first_location + i]];

		for (uint32_t j = location->line_count; j-- > 0;)
			json_unsigned(json, NULL,
				      profile->lines[location->first_line + j].function);
	}
	json_close_array(json);
}

/* The samples that have something of the metric. */
static void write_samples(struct json *json, const struct profile *profile, enum metric_id metric)
{
	json_open_array(json, "samples");
	for (size_t i = 0; i < profile->sample_count; i++) {
		if (metric_value(profile->snapshot, metric, i) > 0)
			write_sample(json, profile, &profile->samples[i]);
	}
	json_close_array(json);
}

/* Their values, and the sum of these. */
static void write_weights(struct json *json, const struct profile *profile, enum metric_id metric)
{
	uint64_t sum = 0;

	json_open_array(json, "weights");
	for (size_t i = 0; i < profile->sample_count; i++) {
		const uint64_t value = (uint64_t)metric_value(profile->snapshot, metric, i);

		if (value > 0)
			json_unsigned(json, NULL, value);
		sum += value;
	}
	json_close_array(json);
	json_unsigned(json, "startValue", 0);
	json_unsigned(json, "endValue", sum);
}

static void write_profile(struct json *json, const struct profile *profile, enum metric_id metric)
{
	const bool is_bytes = metric_table[metric].unit[0] == 'b';

	json_open_object(json, NULL);
	json_string(json, "type", "sampled");
	json_string(json, "name", metric_table[metric].name);
	json_string(json, "unit", is_bytes ? "bytes" : "none");
	write_samples(json, profile, metric);
	write_weights(json, profile, metric);
	json_close_object(json);
}

int speedscope_write(const struct profile *profile, bool extra, FILE *stream)
{
	const unsigned metric_count = extra ? METRIC_COUNT : METRIC_STANDARD_COUNT;
	struct json json;

	json_init(&json, stream);
	json_open_object(&json, NULL);
	json_string(&json, "$schema", "https://www.speedscope.app/file-format-schema.json");
	json_string(&json, "exporter", "heaptide@" HEAPTIDE_VERSION);
	json_string(&json, "name", profile->snapshot->command);
	json_unsigned(&json, "activeProfileIndex", METRIC_INUSE_SPACE);
	write_frames(&json, profile);
	json_open_array(&json, "profiles");
	for (unsigned i = 0; i < metric_count; i++)
		write_profile(&json, profile, i);
	json_close_array(&json);
	json_close_object(&json);
	return ferror(stream) ? -EIO : 0;
}
