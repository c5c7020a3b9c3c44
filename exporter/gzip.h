/*
 * gzip, in memory. The only users of zlib are behind this header.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_GZIP_H
#define EXPORTER_GZIP_H

#include <stddef.h>
#include <stdint.h>

/* Fast rather than small. 0 and bytes to be released with free(), -ENOMEM, or -EFBIG. */
int gzip_compress(const uint8_t *from, size_t from_size, uint8_t **bytes, size_t *size);

/* The reverse. -EBADMSG when it is not gzip, -EFBIG when it is larger than size_max. */
int gzip_uncompress(const uint8_t *from, size_t from_size, size_t size_max, uint8_t **bytes,
		    size_t *size);

#endif
