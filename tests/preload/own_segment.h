/*
 * For programs that run under the library: their own segment as it is mapped
 * in them, and checks that end the program with a message. Nothing here
 * allocates.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_PRELOAD_OWN_SEGMENT_H
#define TESTS_PRELOAD_OWN_SEGMENT_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* C++ has other atomics than C; for one word that is read, volatile is enough. */
#ifdef __cplusplus
#include <atomic>
#define _STDATOMIC_H
#define __CLANG_STDATOMIC_H
#define _Atomic volatile
#define _Static_assert static_assert
#endif

#include "sampler/segment_layout.h"

#define CHECK(condition)                                                                   \
	do {                                                                               \
		if (!(condition)) {                                                        \
			dprintf(2, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			_exit(1);                                                          \
		}                                                                          \
	} while (0)

#define CHECK_EQUAL(a, b)                                                                     \
	do {                                                                                  \
		const long long a_is = (long long)(a), b_is = (long long)(b);                 \
                                                                                              \
		if (a_is != b_is) {                                                           \
			dprintf(2, "%s:%d: %s is %lld, %s is %lld\n", __FILE__, __LINE__, #a, \
				a_is, #b, b_is);                                              \
			_exit(1);                                                             \
		}                                                                             \
	} while (0)

/* The header of this process's segment, or NULL. */
static inline const struct segment_header *own_segment(void)
{
	static char maps[1 << 19];
	const int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	size_t size = 0;
	ssize_t n;
	const char *end;

	CHECK(fd >= 0);
	while ((n = read(fd, maps + size, sizeof(maps) - size - 1)) > 0)
		size += n;
	close(fd);
	maps[size] = '\0';
	end = strstr(maps, ".heaptide");
	if (!end)
		return NULL;
	while (end > maps && end[-1] != '\n')
		end--;
	return (const struct segment_header *)strtoull(end, NULL, 16);
}

struct own_counts {
	uint64_t samples, frees, live;
};

static inline struct own_counts own_counts(void)
{
	const struct segment_header *header = own_segment();
	struct own_counts counts = {0, 0, 0};

	if (header) {
		counts.samples = header->counters[SEGMENT_COUNTER_samples];
		counts.frees = header->counters[SEGMENT_COUNTER_frees];
		counts.live = header->live_objects >> SEGMENT_OBJECT_SHIFT;
	}
	return counts;
}

static inline uint64_t own_counter(enum segment_counter_id counter)
{
	return own_segment()->counters[counter];
}

/* Whether a sampled live block of exactly this size is in the segment, and how many. */
static inline unsigned own_live_blocks(uint64_t size)
{
	const struct segment_header *header = own_segment();
	const struct segment_region *region = &header->regions[SEGMENT_BLOCKS];
	const struct segment_block *blocks =
		(const struct segment_block *)((const char *)header + region->offset);
	unsigned found = 0;

	for (uint64_t i = 0; i < header->used[SEGMENT_BLOCKS]; i++)
		if (blocks[i].address != 0 && blocks[i].size == size)
			found++;
	return found;
}

struct test_case {
	const char *name;
	void (*run)(void);
};

/* Runs the case that the command line names. */
static inline int run_case(const struct test_case *cases, size_t count, int argc, char **argv)
{
	for (size_t i = 0; i < count; i++)
		if (argc == 2 && strcmp(argv[1], cases[i].name) == 0) {
			cases[i].run();
			return 0;
		}
	dprintf(2, "usage: %s CASE\n", argv[0]);
	return 2;
}

#define RUN_CASE(cases, argc, argv) run_case(cases, sizeof(cases) / sizeof(cases[0]), argc, argv)

#endif
