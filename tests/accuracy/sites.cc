/*
 * A program that allocates in every way at places with a name, and keeps its own
 * books: `sites TRUTH-FILE PLUGIN [SCALE]`. With SCALE 1 (default) the two sites
 * of the bias test allocate 64 MiB each.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <new>

#include "tests/accuracy/truth.h"

#define SITE extern "C" __attribute__((noinline, noclone))

static const size_t KIB = 1024, MIB = 1024 * 1024;

/* ---- the books ------------------------------------------------------- */

static struct truth truth;
static uint64_t total;

struct site {
	struct truth_site *books;

	explicit site(const char *name) : books(&truth.sites[truth.site_count++])
	{
		snprintf(books->name, sizeof(books->name), "%s", name);
	}

	void took(size_t size)
	{
		books->allocated_bytes += size;
		books->allocated_objects++;
		books->live_bytes += size;
		books->live_objects++;
		total += size;
		if (total <= truth.peak_bytes)
			return;
		truth.peak_bytes = total;
		for (uint32_t i = 0; i < truth.site_count; i++) {
			truth.sites[i].peak_bytes = truth.sites[i].live_bytes;
			truth.sites[i].peak_objects = truth.sites[i].live_objects;
		}
	}

	void gave(size_t size)
	{
		books->live_bytes -= size;
		books->live_objects--;
		books->freed_objects++;
		total -= size;
	}
};

/* ---- the sites ------------------------------------------------------- */

/* The volatile keeps each call a call, and not a jump that leaves no frame. */
#define ALLOCATING(name, expression)               \
	SITE void *name(size_t size)               \
	{                                          \
		void *volatile block = expression; \
		return block;                      \
	}

ALLOCATING(site_64_bytes, malloc(size))
ALLOCATING(site_64_kib, malloc(size))
ALLOCATING(site_mixed, malloc(size))
ALLOCATING(site_temporary, malloc(size))
ALLOCATING(site_zeroed, calloc(size / 16, 16))
ALLOCATING(site_aligned, aligned_alloc(4096, size))
ALLOCATING(site_peak, malloc(size))
ALLOCATING(site_large, malloc(size))
ALLOCATING(site_new, ::operator new(size))
ALLOCATING(site_new_array, ::operator new[](size))
ALLOCATING(site_new_aligned, ::operator new(size, std::align_val_t(128)))
ALLOCATING(site_producer, malloc(size))
ALLOCATING(site_thread, malloc(size))
ALLOCATING(site_child, malloc(size))

SITE void *site_memalign(size_t size)
{
	void *block = nullptr;

	if (posix_memalign(&block, 256, size) != 0)
		abort();
	return block;
}

SITE void *site_realloc(void *old, size_t size)
{
	void *volatile block = realloc(old, size);

	return block;
}

SITE void *site_overflow(size_t count)
{
	void *volatile block = calloc(count, count);

	return block;
}

/* ---- what they do ---------------------------------------------------- */

static uint64_t random_state = 1;

static uint64_t next_random()
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return random_state >> 33;
}

/* `count` blocks, of which every `keep`-th stays. */
static void many(const char *name, void *(*allocate)(size_t), size_t size, size_t count,
		 size_t keep)
{
	site site(name);

	for (size_t i = 0; i < count; i++) {
		void *block = allocate(size);

		site.took(size);
		if (i % keep == 0)
			continue;
		free(block);
		site.gave(size);
	}
}

static void mixed_sizes(size_t count)
{
	site site("site_mixed");

	for (size_t i = 0; i < count; i++) {
		const size_t size =
			1 + (next_random() & ((size_t(1) << (4 + next_random() % 14)) - 1));
		void *block = site_mixed(size);

		site.took(size);
		if (next_random() % 2) {
			free(block);
			site.gave(size);
		}
	}
}

/* A resized block is a free and an allocation of the new size. */
static void *resize(site &site, void *old, size_t old_size, size_t size)
{
	void *block = site_realloc(old, size);

	if (old)
		site.gave(old_size);
	site.took(size);
	return block;
}

static void growing_blocks(size_t count)
{
	site site("site_realloc");

	for (size_t i = 0; i < count; i++) {
		void *block = resize(site, nullptr, 0, 1000);
		size_t size = 1000;

		for (int step = 0; step < 8; step++, size *= 2)
			block = resize(site, block, size, 2 * size); /* mostly moves */
		for (int step = 0; step < 8; step++, size -= 64)
			block = resize(site, block, size, size - 64); /* in place */
		if (site_realloc(block, SIZE_MAX / 2))		      /* fails: nothing changes */
			abort();
		if (i % 2) {
			free(block);
			site.gave(size);
		}
	}
}

static void operators(size_t count)
{
	site plain("site_new"), array("site_new_array"), aligned("site_new_aligned");

	for (size_t i = 0; i < count; i++) {
		void *a = site_new(48), *b = site_new_array(4800), *c = site_new_aligned(512);

		plain.took(48);
		array.took(4800);
		aligned.took(512);
		if (i % 4 == 0)
			continue;
		::operator delete(a);
		::operator delete[](b);
		::operator delete(c, std::align_val_t(128));
		plain.gave(48);
		array.gave(4800);
		aligned.gave(512);
	}
}

/* One thread allocates, another frees: blocks are handed over through a pipe. */
static const size_t HANDED = 1000;
static size_t handed_rounds;
static int handing[2];

static void *produce(void *)
{
	for (size_t i = 0; i < handed_rounds * HANDED; i++) {
		void *block = site_producer(HANDED);

		if (write(handing[1], &block, sizeof(block)) != sizeof(block))
			abort();
	}
	return nullptr;
}

static void producer_and_consumer(size_t rounds)
{
	site site("site_producer");
	pthread_t thread;
	void *block;

	handed_rounds = rounds;
	if (pipe(handing) != 0 || pthread_create(&thread, nullptr, produce, nullptr) != 0)
		abort();
	for (size_t i = 0; i < rounds * HANDED; i++) {
		if (read(handing[0], &block, sizeof(block)) != sizeof(block))
			abort();
		site.took(HANDED);
		if (i % 3 == 0)
			continue;
		free(block);
		site.gave(HANDED);
	}
	pthread_join(thread, nullptr);
	close(handing[0]);
	close(handing[1]);
}

static void *live_shortly(void *)
{
	free(site_thread(2000));
	return site_thread(3000);
}

static void short_lived_threads(size_t count)
{
	site site("site_thread");

	for (size_t i = 0; i < count; i++) {
		pthread_t thread;
		void *block;

		if (pthread_create(&thread, nullptr, live_shortly, nullptr) != 0)
			abort();
		pthread_join(thread, &block);
		site.took(2000);
		site.gave(2000);
		site.took(3000);
		if (i % 2) {
			free(block);
			site.gave(3000);
		}
	}
}

static void plugin(const char *path, size_t count)
{
	site site("site_plugin");
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	void *(*allocate)(size_t) = nullptr;

	if (library)
		allocate = reinterpret_cast<void *(*)(size_t)>(dlsym(library, "site_plugin"));
	if (!allocate)
		abort();
	for (size_t i = 0; i < count; i++) {
		void *block = allocate(700);

		site.took(700);
		if (i % 2) {
			free(block);
			site.gave(700);
		}
	}
	dlclose(library);
}

/* The child's blocks are in the child's segment, not in ours. */
static void forked_child()
{
	const pid_t pid = fork();

	if (pid == 0) {
		for (int i = 0; i < 1000; i++)
			free(site_child(4000));
		_exit(0);
	}
	waitpid(pid, nullptr, 0);
}

int main(int argc, char **argv)
{
	const size_t scale = argc > 3 ? strtoul(argv[3], nullptr, 10) : 1;

	if (argc < 3)
		return 2;
	truth.pid = getpid();
	many("site_64_bytes", site_64_bytes, 64, scale * MIB, 2);
	many("site_64_kib", site_64_kib, 64 * KIB, scale * KIB, 2);
	mixed_sizes(scale * 20000);
	many("site_temporary", site_temporary, 256, scale * 200000, SIZE_MAX);
	many("site_zeroed", site_zeroed, 1600, scale * 20000, 3);
	many("site_aligned", site_aligned, 8192, scale * 4000, 2);
	many("site_memalign", site_memalign, 512, scale * 40000, 2);
	many("site_large", site_large, 3 * MIB, scale * 8, 2);
	growing_blocks(scale * 100);
	if (site_overflow(SIZE_MAX / 2))
		abort();
	operators(scale * 10000);
	producer_and_consumer(scale * 20);
	short_lived_threads(scale * 10000);
	plugin(argv[2], scale * 30000);
	forked_child();
	/* The peak, in no doubt: then all of this goes. */
	many("site_peak", site_peak, 256 * KIB, scale * 128, 1);

	const int fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, &truth, sizeof(truth)) != sizeof(truth))
		return 1;
	close(fd);
	_exit(0); /* what is live now stays so */
}
