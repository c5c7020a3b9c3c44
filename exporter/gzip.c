/*
 * Context: any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/gzip.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#define GZIP_WINDOW (15 + 16)

int gzip_compress(const uint8_t *from, size_t from_size, uint8_t **bytes, size_t *size)
{
	z_stream stream = {.next_in = (Bytef *)from, .avail_in = (uInt)from_size};
	uint8_t *to;

	if (from_size > INT32_MAX)
		return -EFBIG;
	if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) !=
	    Z_OK)
		return -ENOMEM;
	*size = deflateBound(&stream, from_size);
	to = malloc(*size);
	if (to) {
		stream.next_out = to;
		stream.avail_out = (uInt)*size;
		deflate(&stream, Z_FINISH);
		*size = stream.total_out;
	}
	deflateEnd(&stream);
	*bytes = to;
	return to ? 0 : -ENOMEM;
}

/* Fills `to`, which grows as needed. */
static int inflate_all(z_stream *stream, size_t size_max, uint8_t **to)
{
	size_t capacity = 0;

	for (;;) {
		const size_t wanted = capacity ? 2 * capacity : 16384;
		uint8_t *const bigger = realloc(*to, wanted);
		int result;

		if (!bigger)
			return -ENOMEM;
		*to = bigger;
		stream->next_out = bigger + capacity;
		stream->avail_out = (uInt)(wanted - capacity);
		capacity = wanted;
		result = inflate(stream, Z_NO_FLUSH);
		if (stream->total_out > size_max)
			return -EFBIG;
		if (result == Z_STREAM_END)
			return 0;
		if (result != Z_OK || stream->avail_out > 0)
			return -EBADMSG;
	}
}

int gzip_uncompress(const uint8_t *from, size_t from_size, size_t size_max, uint8_t **bytes,
		    size_t *size)
{
	z_stream stream = {.next_in = (Bytef *)from, .avail_in = (uInt)from_size};
	uint8_t *to = NULL;
	int status;

	if (from_size > INT32_MAX || size_max > INT32_MAX)
		return -EFBIG;
	if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
		return -ENOMEM;
	status = inflate_all(&stream, size_max, &to);
	*size = stream.total_out;
	inflateEnd(&stream);
	if (status < 0)
		free(to);
	else
		*bytes = to;
	return status;
}
