/*
 * A program that brings its own malloc: preloading cannot come before it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/preload/bump_plugin.c"

#include "tests/preload/own_segment.h"

static void *volatile kept;

int main(void)
{
	const struct segment_header *header = own_segment();

	kept = malloc(100);
	kept = strdup("the C library uses it too");
	/* Never a silently empty profile. */
	CHECK(header);
	CHECK_EQUAL(header->notices, SEGMENT_NOTICE_OWN_MALLOC);
	CHECK_EQUAL(header->counters[SEGMENT_COUNTER_samples], 0);

	const char *strings = (const char *)header + header->regions[SEGMENT_STRINGS].offset;

	CHECK(strcmp(strings + header->allocator_name, header->executable) == 0);
	return 0;
}
