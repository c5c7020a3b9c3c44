/*
 * How the fuzz targets read an input: as a segment, when it begins like one;
 * else as a list of patches to a good segment, each an offset, a width and a
 * value. Patches get behind the checks of the header far oftener than changed
 * bytes do.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_FUZZ_FUZZ_INPUT_H
#define TESTS_FUZZ_FUZZ_INPUT_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sampler/snapshot.h"
#include "tests/unit/built_segment.h"

#define REQUIRE(condition)        \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

struct __attribute__((packed)) fuzz_patch {
	uint16_t offset;
	uint8_t width; /* 1, 2, 4 or 8 bytes, by its lowest two bits */
	uint64_t value;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_patch(struct built_segment *built, const uint8_t *data, size_t size)
{
	struct fuzz_patch patch;

	for (; size >= sizeof(patch); data += sizeof(patch), size -= sizeof(patch)) {
		memcpy(&patch, data, sizeof(patch));
		const size_t width = (size_t)1 << (patch.width & 3);
		const size_t offset = patch.offset % (sizeof(*built) / width) * width;

		memcpy((char *)built + offset, &patch.value, width);
	}
}

/* The snapshot, to be freed, or NULL when the input was refused. */
static inline struct snapshot *fuzz_snapshot(const uint8_t *data, size_t size)
{
	static const uint64_t magic = SEGMENT_MAGIC;
	struct built_segment built;
	struct snapshot *snapshot = NULL;
	char error[SNAPSHOT_ERROR_SIZE];
	int result;

	if (size >= sizeof(magic) && memcmp(data, &magic, sizeof(magic)) == 0) {
		result = snapshot_parse(data, size, &snapshot, error);
	} else {
		built_segment_init(&built);
		fuzz_patch(&built, data, size);
		result = snapshot_parse(&built, sizeof(built), &snapshot, error);
	}
	if (result == 0)
		return snapshot;
	REQUIRE(result == -EBADMSG || result == -EPROTONOSUPPORT);
	REQUIRE(snapshot == NULL && error[0] != '\0' && strlen(error) < sizeof(error));
	return NULL;
}

#endif
