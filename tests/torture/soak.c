/*
 * Allocates at full speed in four threads, in as many sizes as there are, and
 * keeps a working set whose size is known.
 *
 * usage: soak SECONDS
 * Prints at the end: bytes and blocks allocated, bytes and blocks that are live.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { THREADS = 4, SLOTS = 20000 };

static _Atomic bool is_over;

struct worker {
	pthread_t thread;
	uint64_t bytes, blocks, live_bytes, live_blocks;
	void *slots[SLOTS];
	uint32_t sizes[SLOTS];
};

static struct worker workers[THREADS];

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	uint64_t random = 88172645463325252 + (worker - workers);

	while (!is_over) {
		const uint64_t dice = next_random(&random);
		const unsigned slot = dice % SLOTS;
		const uint32_t size = 1 + (dice >> 32) % (dice & 1 ? 100 : 5000);

		free(worker->slots[slot]);
		worker->slots[slot] = malloc(size);
		worker->sizes[slot] = size;
		worker->bytes += size;
		worker->blocks++;
	}
	for (int i = 0; i < SLOTS; i++)
		if (worker->slots[i]) {
			worker->live_bytes += worker->sizes[i];
			worker->live_blocks++;
		}
	return NULL;
}

int main(int argc, char **argv)
{
	struct worker sum = {0};

	for (int i = 0; i < THREADS; i++)
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	sleep(argc > 1 ? atoi(argv[1]) : 1);
	is_over = true;
	for (int i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		sum.bytes += workers[i].bytes;
		sum.blocks += workers[i].blocks;
		sum.live_bytes += workers[i].live_bytes;
		sum.live_blocks += workers[i].live_blocks;
	}
	printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", sum.bytes, sum.blocks,
	       sum.live_bytes, sum.live_blocks);
	fflush(stdout);
	_exit(0);
}
