/*
 * Claims made by several threads at once.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sampler/segment_writer.h"
#include "tests/unit/unit.h"

#define MIB (UINT64_C(1) << 20)
enum { THREADS = 4, CLAIMS = 300000 };

static struct settings settings = {
	.interval = 1,
	.budget = 256 * MIB,
	.start = SEGMENT_ON,
	.dir = "/tmp/heaptide-unit-XXXXXX",
};

static _Atomic uint32_t hidden; /* claims that a reader would not have seen */

static void *claim_many(void *argument)
{
	struct segment_header *header = segment_writer_header();

	for (int i = 0; i < CLAIMS; i++) {
		const uint64_t index = segment_writer_claim(SEGMENT_BLOCKS, 1);

		if (index != UINT64_MAX && header->used[SEGMENT_BLOCKS] <= index)
			hidden++;
	}
	return argument;
}

/* A process that is killed now leaves everything to be read that it has claimed,
 * also when another thread was in the middle of its claim. */
START_TEST(a_reader_sees_every_claim_that_has_returned)
{
	pthread_t threads[THREADS];
	char command[320];

	ck_assert_ptr_nonnull(mkdtemp(settings.dir));
	ck_assert_int_eq(segment_writer_open(&settings), 0);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, claim_many, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(segment_writer_header()->used[SEGMENT_BLOCKS], THREADS * CLAIMS);
	snprintf(command, sizeof(command), "rm -r %s", settings.dir);
	ck_assert_int_eq(system(command), 0);
	ck_assert_uint_eq(hidden, 0);
}
END_TEST

UNIT_MAIN(a_reader_sees_every_claim_that_has_returned)
