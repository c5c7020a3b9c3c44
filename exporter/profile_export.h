/*
 * A profile as a file, in any of the formats.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_PROFILE_EXPORT_H
#define EXPORTER_PROFILE_EXPORT_H

#include <stdbool.h>

#include "exporter/metric.h"
#include "exporter/profile.h"

/* In the order of the words of --format. */
enum profile_export_format {
	PROFILE_EXPORT_PPROF,
	PROFILE_EXPORT_FOLDED,
	PROFILE_EXPORT_JSON,
	PROFILE_EXPORT_SPEEDSCOPE,
	PROFILE_EXPORT_GPERFTOOLS,
	PROFILE_EXPORT_FORMAT_COUNT
};

struct profile_export_options {
	enum profile_export_format format;
	enum metric_id metric; /* folded: what the numbers are */
	bool extra;	       /* pprof, speedscope: also the metrics after the standard ones */
	bool blocks;	       /* JSON: also the live blocks */
};

/*
 * Writes the profile to `path` ("-": stdout). A regular file gets its name when
 * it is complete; after an error nothing has changed. 0 or -errno.
 */
int profile_export_write(const struct profile *profile,
			 const struct profile_export_options *options, const char *path);

/* The usual name of a file of the format. */
const char *profile_export_file_name(enum profile_export_format format);

#endif
