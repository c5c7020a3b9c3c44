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
	bool only_alloc, only_inuse; /* two of the four values */
	bool shows_alloc;	     /* readers show the allocated bytes first */
	bool runtime_addresses;	     /* as the process has them, under its true mappings */
	uint64_t time_ns;	     /* 0: when the snapshot was taken */
	uint64_t duration_ns;	     /* of the interval that it is about; 0: none */
	size_t size_max;	     /* uncompressed; 0: any */
};

/*
 * Encodes the profile. The result depends on nothing but its arguments. Returns
 * 0 and compressed bytes that the caller releases with free(), or
 * -ENOMEM, or -EFBIG when it is larger than a message or `size_max` may be.
 */
int pprof_encode(const struct profile *profile, const struct pprof_options *options,
		 uint8_t **bytes, size_t *size);

#endif
