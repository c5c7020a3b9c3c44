/*
 * Profiles in pprof's format: gzip around one protocol buffer message.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_PPROF_H
#define EXPORTER_PPROF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exporter/profile.h"

struct pprof_options {
	bool extra; /* after Go's four values also those of the peak and of temporary blocks */
};

/*
 * Encodes the profile. The result depends on nothing but its arguments. Returns
 * 0 and compressed bytes that the caller releases with free(), or
 * -ENOMEM, or -EFBIG.
 */
int pprof_encode(const struct profile *profile, const struct pprof_options *options,
		 uint8_t **bytes, size_t *size);

#endif
