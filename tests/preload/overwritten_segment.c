/*
 * Allocates in several threads while the process's own segment is overwritten
 * with random words, as anybody with write access to the file could do.
 *
 * usage: overwritten_segment SEED MILLISECONDS
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "tests/preload/own_segment.h"

enum { THREADS = 4, SLOTS = 64, WORDS = 2000, REGION_PART = 65536 };

static _Atomic bool is_over;
static _Atomic uint64_t calls;

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void *allocate(void *argument)
{
	uint64_t random = *(const uint64_t *)argument;
	void *slots[SLOTS] = {0};

	while (!is_over) {
		void **slot = &slots[next_random(&random) % SLOTS];
		const size_t size = next_random(&random) % 5000 + 1;

		if (size % 4 == 0) {
			*slot = realloc(*slot, size);
		} else {
			free(*slot);
			*slot = size % 4 == 1 ? NULL : malloc(size);
		}
		if (*slot)
			*(char *)*slot = 1;
		calls++;
	}
	for (int i = 0; i < SLOTS; i++)
		free(slots[i]);
	return NULL;
}

/* Some words of the header and of the beginning of each region. */
static void overwrite(char *segment, const struct segment_header *sane, uint64_t *random)
{
	static const uint64_t odd[] = {0, 1, 2, 4096, UINT32_MAX, INT64_MAX, UINT64_MAX};

	for (int i = 0; i < WORDS; i++) {
		const uint64_t place = next_random(random) % (SEGMENT_REGION_COUNT + 1);
		const uint64_t start = place ? sane->regions[place - 1].offset : 0;
		const uint64_t size = place ? REGION_PART : sizeof(*sane);
		const uint64_t word = next_random(random) % (size / sizeof(uint64_t));
		const uint64_t dice = next_random(random);

		((volatile uint64_t *)(segment + start))[word] =
			dice % 3 ? odd[dice / 3 % (sizeof(odd) / sizeof(odd[0]))] : dice;
	}
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
	const uint64_t end_ms = now_ms() + (argc > 2 ? strtoull(argv[2], NULL, 10) : 0);
	uint64_t random = argc > 2 ? strtoull(argv[1], NULL, 10) * 77 + 1 : 1;
	pthread_t threads[THREADS];
	uint64_t seeds[THREADS];

	free(malloc(10000));
	char *segment = (char *)own_segment();
	CHECK(segment != NULL);
	const struct segment_header sane = *(const struct segment_header *)segment;
	for (uint64_t i = 0; i < THREADS; i++) {
		seeds[i] = random + i;
		CHECK(pthread_create(&threads[i], NULL, allocate, &seeds[i]) == 0);
	}
	while (now_ms() < end_ms)
		overwrite(segment, &sane, &random);
	is_over = true;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	CHECK(calls > 1000);
	return 0;
}
