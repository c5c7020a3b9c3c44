/*
 * Which writer makes which format.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/profile_export.h"

#include <errno.h>
#include <stdlib.h>

#include "exporter/folded.h"
#include "exporter/gperftools.h"
#include "exporter/output_file.h"
#include "exporter/pprof.h"
#include "exporter/profile_json.h"
#include "exporter/speedscope.h"

static int write_pprof(const struct profile *profile, bool extra, FILE *stream)
{
	uint8_t *bytes = NULL;
	size_t size = 0;
	int status =
		pprof_encode(profile, &(const struct pprof_options){.extra = extra}, &bytes, &size);

	if (status == 0 && fwrite(bytes, 1, size, stream) != size)
		status = -EIO;
	free(bytes);
	return status;
}

static int write_stream(const struct profile *profile, const struct profile_export_options *options,
			FILE *stream)
{
	switch (options->format) {
	case PROFILE_EXPORT_FOLDED:
		return folded_write(profile, options->metric, stream);
	case PROFILE_EXPORT_JSON:
		return profile_json_write(profile, options->blocks, stream);
	case PROFILE_EXPORT_SPEEDSCOPE:
		return speedscope_write(profile, options->extra, stream);
	case PROFILE_EXPORT_GPERFTOOLS:
		return gperftools_write(profile, stream);
	default:
		return write_pprof(profile, options->extra, stream);
	}
}

int profile_export_write(const struct profile *profile,
			 const struct profile_export_options *options, const char *path)
{
	struct output_file file;
	int status = output_file_open(&file, path);
	int close_status;

	if (status < 0)
		return status;
	status = write_stream(profile, options, file.stream);
	close_status = output_file_close(&file, status == 0);
	/* When writing failed, closing knows the reason. */
	return close_status < 0 && (status == 0 || status == -EIO) ? close_status : status;
}

const char *profile_export_file_name(enum profile_export_format format)
{
	static const char *const names[PROFILE_EXPORT_FORMAT_COUNT] = {
		[PROFILE_EXPORT_PPROF] = "profile.pb.gz",
		[PROFILE_EXPORT_FOLDED] = "profile.folded",
		[PROFILE_EXPORT_JSON] = "profile.json",
		[PROFILE_EXPORT_SPEEDSCOPE] = "profile.speedscope.json",
		[PROFILE_EXPORT_GPERFTOOLS] = "profile.heap",
	};

	return names[format];
}
