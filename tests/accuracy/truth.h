/*
 * What a program of known behaviour says of itself: for each site, a function
 * named site_..., what it allocated and held. Written by the program, read by
 * accuracy_table.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_ACCURACY_TRUTH_H
#define TESTS_ACCURACY_TRUTH_H

#include <stdint.h>

enum { TRUTH_SITES = 32, TRUTH_NAME = 32 };

struct truth_site {
	char name[TRUTH_NAME];
	uint64_t allocated_bytes, allocated_objects;
	uint64_t live_bytes, live_objects; /* at the end */
	uint64_t peak_bytes, peak_objects; /* when the sum over the sites was largest */
	uint64_t freed_objects;
};

struct truth {
	uint32_t pid;
	uint32_t site_count;
	uint64_t peak_bytes;
	struct truth_site sites[TRUTH_SITES];
};

#endif
