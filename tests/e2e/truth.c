/*
 * A program that keeps its own books, and a judge that compares them with its
 * segment.
 *
 *   truth kill LIBRARY ROUNDS    kills the program at random moments and compares
 *   truth watch LIBRARY ROUNDS   compares while it runs
 *   truth allocate FD            the program; its books are in the file FD
 *
 * Build with: sampler/snapshot.c sampler/snapshot_copy.c
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sampler/snapshot.h"

enum { THREADS = 4, SLOTS = 64, KEPT = 16, SITES = 4 };
enum { LEAST_SIZE = 1001, SIZE_STEP = 112 };
#define LARGEST_SIZE ((uint64_t)LEAST_SIZE + (SITES - 1) * SIZE_STEP)
/* What the C library allocates for itself, which the books do not hold. */
#define UNBOOKED_BYTES 16384
#define UNBOOKED_BLOCKS 64

/* Each thread writes its own page: an allocation after it was made, a free
 * before it is done. So what the segment holds is never less. */
struct books {
	_Alignas(4096) _Atomic uint64_t live_bytes;
	_Atomic uint64_t live_blocks;
	_Atomic uint64_t allocated_bytes;
	_Atomic uint32_t running;
};

static struct books *books; /* THREADS of them */

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* ---- the program --------------------------------------------------------- */

/* Every stack has blocks of one size, so its sums show whether they are whole. */
#define SITE(n)                                                            \
	static __attribute__((noinline)) void *allocate_##n(void)          \
	{                                                                  \
		void *volatile block = malloc(LEAST_SIZE + (n)*SIZE_STEP); \
                                                                           \
		return block;                                              \
	}
SITE(0)
SITE(1)
SITE(2)
SITE(3)

static void *(*const sites[SITES])(void) = {allocate_0, allocate_1, allocate_2, allocate_3};

struct slot {
	void *block;
	uint64_t size;
};

static void fill(struct books *own, struct slot *slot, unsigned site)
{
	slot->block = sites[site]();
	slot->size = LEAST_SIZE + site * SIZE_STEP;
	own->live_bytes += slot->size;
	own->live_blocks++;
	own->allocated_bytes += slot->size;
}

static void empty(struct books *own, struct slot *slot)
{
	if (slot->block == NULL)
		return;
	own->live_bytes -= slot->size;
	own->live_blocks--;
	free(slot->block);
	slot->block = NULL;
}

static void *allocate(void *argument)
{
	struct books *own = argument;
	struct slot slots[SLOTS] = {{0}};
	uint64_t random = 88172645463325252 + (uint64_t)(own - books);

	for (unsigned i = 0; i < KEPT; i++)
		fill(own, &slots[i], i % SITES);
	own->running = 1;
	for (;;) {
		const uint64_t dice = next_random(&random);
		struct slot *slot = &slots[KEPT + dice % (SLOTS - KEPT)];

		empty(own, slot);
		if (dice >> 32 & 1)
			fill(own, slot, (dice >> 33) % SITES);
	}
	return NULL;
}

static void map_books(int fd)
{
	books = mmap(NULL, THREADS * sizeof(*books), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (books == MAP_FAILED)
		abort();
}

static int run_program(int fd)
{
	pthread_t thread;

	map_books(fd);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread, NULL, allocate, &books[i]) != 0)
			abort();
	pause();
	return 0;
}

/* ---- the judge ------------------------------------------------------------ */

static unsigned round_number;

__attribute__((format(printf, 1, 2), noreturn)) static void complain(const char *format, ...)
{
	va_list arguments;

	printf("round %u: ", round_number);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	exit(1);
}

static pid_t start_program(const char *library, int fd)
{
	char number[16];
	const pid_t pid = fork();

	if (pid != 0)
		return pid;
	snprintf(number, sizeof(number), "%d", fd);
	setenv("LD_PRELOAD", library, 1);
	execl("/proc/self/exe", "truth", "allocate", number, (char *)NULL);
	_exit(127);
}

static bool is_running(void)
{
	for (int i = 0; i < THREADS; i++)
		if (!books[i].running)
			return false;
	return true;
}

static void sleep_us(uint64_t us)
{
	const struct timespec time = {.tv_nsec = (long)us * 1000};

	nanosleep(&time, NULL);
}

/* The only file in the directory, or "". */
static const char *segment_path(void)
{
	static char path[600];
	const char *directory = getenv("HEAPTIDE_DIR");
	DIR *entries = opendir(directory);

	path[0] = '\0';
	for (struct dirent *entry; entries && (entry = readdir(entries)) != NULL;)
		if (entry->d_name[0] != '.')
			snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
	if (entries)
		closedir(entries);
	return path;
}

static uint64_t booked(size_t field)
{
	uint64_t sum = 0;

	for (int i = 0; i < THREADS; i++)
		sum += *(_Atomic uint64_t *)((char *)&books[i] + field);
	return sum;
}

static void check_range(const char *what, uint64_t value, uint64_t least, uint64_t most)
{
	if (value < least || value > most)
		complain("%s: %lu is not within %lu and %lu", what, value, least, most);
}

/* All blocks of a stack of the program have one size. */
static bool is_site(const struct snapshot_amount *amount)
{
	const uint64_t size = amount->samples ? amount->bytes / amount->samples : 0;

	return size >= LEAST_SIZE && size <= LARGEST_SIZE && (size - LEAST_SIZE) % SIZE_STEP == 0;
}

static bool is_whole(const struct snapshot_stack *stack)
{
	const struct snapshot_amount *all = &stack->allocated, *live = &stack->live;

	return all->objects == all->samples && live->objects == live->samples &&
	       all->bytes % all->samples == 0 && live->samples <= all->samples &&
	       live->bytes == live->samples * (all->bytes / all->samples);
}

/* At most `most_torn` stacks may be in the middle of a change. */
static void check_stacks(const struct snapshot *snapshot, unsigned most_torn)
{
	unsigned sites_seen = 0, torn = 0;

	for (size_t i = 0; i < snapshot->stack_count; i++) {
		if (!is_site(&snapshot->stacks[i].allocated))
			continue;
		sites_seen++;
		torn += !is_whole(&snapshot->stacks[i]);
	}
	/* A torn stack's own size may not be one of the sizes. */
	check_range("stacks of the program", sites_seen + most_torn, SITES, 64);
	check_range("stacks in the middle of a change", torn, 0, most_torn);
	check_range("damaged records", snapshot->damaged, 0, 0);
}

static void check_losses(const struct snapshot *snapshot)
{
	for (int i = 0; i < SEGMENT_COUNTER_COUNT; i++) {
		const enum segment_counter_id counter = (enum segment_counter_id)i;
		const char *name = snapshot_counter_name(counter);

		if (strncmp(name, "dropped", 7) == 0 || strncmp(name, "lost", 4) == 0 ||
		    strncmp(name, "stale", 5) == 0)
			check_range(name, snapshot->counters[i], 0, 0);
	}
}

/* ---- killing ----------------------------------------------------------------- */

static void judge_dead(void)
{
	const uint64_t blocks = booked(offsetof(struct books, live_blocks));
	const uint64_t bytes = booked(offsetof(struct books, live_bytes));
	const uint64_t allocated = booked(offsetof(struct books, allocated_bytes));
	struct snapshot *snapshot = NULL;
	char error[SNAPSHOT_ERROR_SIZE];
	const char *path = segment_path();
	const int result = path[0] ? snapshot_take(path, &snapshot, error) : -ENOENT;

	if (result < 0) {
		/* Killed before its first allocation had returned. */
		if (allocated != 0)
			complain("%lu bytes were allocated, and there is no segment: %s", allocated,
				 path[0] ? error : "no file");
		return;
	}
	check_range("bytes in use", snapshot->live.bytes, bytes,
		    bytes + THREADS * LARGEST_SIZE + UNBOOKED_BYTES);
	check_range("blocks in use", snapshot->live.objects, blocks,
		    blocks + THREADS + UNBOOKED_BLOCKS);
	check_range("sampled blocks", snapshot->block_count + THREADS, blocks,
		    blocks + 2 * THREADS + UNBOOKED_BLOCKS);
	check_range("allocated bytes", snapshot->allocated.bytes, allocated,
		    allocated + THREADS * LARGEST_SIZE + UNBOOKED_BYTES);
	if (is_running())
		check_stacks(snapshot, 1);
	check_losses(snapshot);
	snapshot_free(snapshot);
}

static void kill_at_random(const char *library, int fd, uint64_t *random)
{
	const bool is_early = next_random(random) % 8 == 0;
	const pid_t pid = start_program(library, fd);

	/* Most die at work, some while they start. */
	while (!is_early && !is_running())
		sleep_us(50);
	sleep_us(next_random(random) % 3000);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int kill_many(const char *library, int fd, unsigned rounds)
{
	uint64_t random = 42;

	for (round_number = 1; round_number <= rounds; round_number++) {
		memset(books, 0, THREADS * sizeof(*books));
		kill_at_random(library, fd, &random);
		judge_dead();
		unlink(segment_path());
	}
	printf("%u killed\n", rounds);
	return 0;
}

/* ---- watching ------------------------------------------------------------------ */

static void judge_living(uint64_t *last_allocated)
{
	const uint64_t most = THREADS * SLOTS * LARGEST_SIZE + UNBOOKED_BYTES;
	const uint64_t least = THREADS * KEPT * (uint64_t)LEAST_SIZE;
	struct snapshot *snapshot = NULL;
	char error[SNAPSHOT_ERROR_SIZE];

	if (snapshot_take(segment_path(), &snapshot, error) < 0)
		complain("%s", error);
	check_range("bytes in use", snapshot->live.bytes, least, most);
	check_range("bytes at the peak", snapshot->peak.bytes, least, most);
	check_range("blocks in use", snapshot->block_count, THREADS * KEPT,
		    THREADS * SLOTS + UNBOOKED_BLOCKS);
	check_range("allocated bytes", snapshot->allocated.bytes, *last_allocated, UINT64_MAX);
	check_stacks(snapshot, 0);
	check_losses(snapshot);
	*last_allocated = snapshot->allocated.bytes;
	snapshot_free(snapshot);
}

static int watch(const char *library, int fd, unsigned rounds)
{
	const pid_t pid = start_program(library, fd);
	uint64_t last_allocated = 0;

	while (!is_running())
		sleep_us(50);
	for (round_number = 1; round_number <= rounds; round_number++) {
		judge_living(&last_allocated);
		sleep_us(1000);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	printf("%u taken\n", rounds);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "allocate") == 0)
		return run_program(atoi(argv[2]));
	if (argc != 4)
		return 2;
	const int fd = memfd_create("books", 0);

	if (ftruncate(fd, THREADS * sizeof(*books)) != 0)
		return 2;
	map_books(fd);
	if (strcmp(argv[1], "kill") == 0)
		return kill_many(argv[2], fd, (unsigned)atoi(argv[3]));
	return watch(argv[2], fd, (unsigned)atoi(argv[3]));
}
