/*
 * Every allocation call of C, at T = 1, seen from the program: what it returns,
 * what it does to errno, and what it leaves in the segment.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <sys/resource.h>

#include "tests/preload/own_segment.h"

#define HUGE_SIZE ((size_t)1 << 60)

static void *volatile sink;

static void *by_malloc(size_t n)
{
	return malloc(n);
}
static void *by_calloc(size_t n)
{
	return calloc(1, n);
}
static void *by_realloc(size_t n)
{
	return realloc(NULL, n);
}
static void *by_reallocarray(size_t n)
{
	return reallocarray(NULL, 1, n);
}
static void *by_memalign(size_t n)
{
	return memalign(64, n);
}
static void *by_aligned_alloc(size_t n)
{
	return aligned_alloc(64, n);
}
static void *by_valloc(size_t n)
{
	return valloc(n);
}
static void *by_posix_memalign(size_t n)
{
	void *block = NULL;

	errno = posix_memalign(&block, 64, n);
	return block;
}

static void *(*const calls[])(size_t) = {
	by_malloc,   by_calloc,	       by_realloc, by_reallocarray,
	by_memalign, by_aligned_alloc, by_valloc,  by_posix_memalign,
};

enum { CALLS = sizeof(calls) / sizeof(calls[0]), UNALIGNED_CALLS = 4, ODD_ERRNO = 12345 };

static void each_call_is_counted_once(void)
{
	for (int i = 0; i < CALLS; i++) {
		const struct own_counts before = own_counts();
		void *block = calls[i](6400);
		const struct own_counts between = own_counts();

		CHECK(block);
		CHECK_EQUAL(between.samples, before.samples + 1);
		CHECK_EQUAL(between.live, before.live + 1);
		CHECK_EQUAL(own_live_blocks(6400), 1);
		free(block);

		const struct own_counts after = own_counts();

		CHECK_EQUAL(after.samples, between.samples);
		CHECK_EQUAL(after.frees, before.frees + 1);
		CHECK_EQUAL(after.live, before.live);
		CHECK_EQUAL(own_live_blocks(6400), 0);
	}
}

static void a_loop_is_counted_to_the_last_block(void)
{
	enum { BLOCKS = 5000 };
	static void *blocks[BLOCKS];
	const struct own_counts before = own_counts();

	for (int i = 0; i < BLOCKS; i++)
		blocks[i] = calls[i % CALLS](64 + 64 * (i % 50));
	CHECK_EQUAL(own_counts().samples, before.samples + BLOCKS);
	CHECK_EQUAL(own_counts().live, before.live + BLOCKS);
	for (int i = 0; i < BLOCKS; i++)
		free(blocks[i]);
	CHECK_EQUAL(own_counts().frees, before.frees + BLOCKS);
	CHECK_EQUAL(own_counts().live, before.live);
}

static void errno_is_kept(void)
{
	for (int i = 0; i < CALLS; i++)
		for (size_t size = 0; size < 3 << 20; size = 2 * size + 64) {
			errno = ODD_ERRNO;
			void *block = calls[i](size);
			/* by_posix_memalign puts the result there. */
			CHECK_EQUAL(errno, calls[i] == by_posix_memalign ? 0 : ODD_ERRNO);
			errno = ODD_ERRNO;
			block = realloc(block, size + 100);
			CHECK_EQUAL(errno, ODD_ERRNO);
			free(block);
			CHECK_EQUAL(errno, ODD_ERRNO);
			free(NULL);
			CHECK_EQUAL(errno, ODD_ERRNO);
		}
}

static void alignments_are_kept(void)
{
	for (size_t alignment = sizeof(void *); alignment <= 1 << 16; alignment *= 2)
		for (size_t size = 1; size < 5000; size = 3 * size + 1) {
			void *block = NULL;

			CHECK_EQUAL(posix_memalign(&block, alignment, size), 0);
			CHECK_EQUAL((uintptr_t)block % alignment, 0);
			free(block);
			block = memalign(alignment, size);
			CHECK_EQUAL((uintptr_t)block % alignment, 0);
			free(block);
			block = aligned_alloc(alignment, (size + alignment - 1) & -alignment);
			CHECK_EQUAL((uintptr_t)block % alignment, 0);
			free(block);
		}
	CHECK_EQUAL((uintptr_t)(sink = valloc(1)) % 4096, 0);
}

/* Printed, to be compared with what is printed without the library. */
static void sizes_and_errors(void)
{
	for (int i = 0; i < CALLS; i++) {
		for (size_t size = 0; size < 3 << 20; size = 2 * size + 24) {
			void *block = calls[i](size);

			CHECK(malloc_usable_size(block) >= size);
			/* Where an aligned block ends depends on its neighbours. */
			if (i < UNALIGNED_CALLS)
				printf("%zu ", malloc_usable_size(block));
			free(block);
		}
		errno = ODD_ERRNO;
		sink = calls[i](HUGE_SIZE);
		printf("%p %d\n", sink, errno);
	}
	for (size_t alignment = 0; alignment < 300; alignment++) {
		void *block = &block;

		errno = ODD_ERRNO;
		const int error = posix_memalign(&block, alignment, 100);
		printf("%d %d %d ", error, block == &block, errno);
		errno = ODD_ERRNO;
		block = aligned_alloc(alignment, 100);
		printf("%d %d\n", block == NULL, errno);
	}
	void *block = &block;
	errno = ODD_ERRNO;
	const int error = posix_memalign(&block, 64, HUGE_SIZE);
	printf("%d %d %d\n", error, block == &block, errno);
}

static void what_overflows_is_not_counted(void)
{
	const volatile size_t half = SIZE_MAX / 2 + 1;
	char *old = malloc(100);
	const struct own_counts before = own_counts();

	CHECK(calloc(half, 2) == NULL);
	CHECK(calloc(3, half) == NULL);
	old[0] = 'x';
	CHECK(reallocarray(old, half, 2) == NULL);
	CHECK_EQUAL(old[0], 'x');
	CHECK_EQUAL(own_counts().samples, before.samples);
	CHECK_EQUAL(own_counts().live, before.live);
	free(old);
}

static void what_overflows_sets_errno(void)
{
	const volatile size_t half = SIZE_MAX / 2 + 1;

	errno = 0;
	CHECK(calloc(half, 2) == NULL);
	CHECK_EQUAL(errno, ENOMEM);
	errno = 0;
	CHECK(reallocarray(NULL, half, 2) == NULL);
	CHECK_EQUAL(errno, ENOMEM);
}

/* Apart from the others, because jemalloc has no pvalloc. */
static void pvalloc_is_counted_once(void)
{
	const struct own_counts before = own_counts();
	void *block = pvalloc(100);

	CHECK_EQUAL((uintptr_t)block % 4096, 0);
	CHECK_EQUAL(own_counts().samples, before.samples + 1);
	CHECK_EQUAL(own_live_blocks(100), 1);
	free(block);
	CHECK_EQUAL(own_counts().live, before.live);
}

static void what_fails_is_not_counted(void)
{
	sink = malloc(1); /* the segment is there */
	const struct own_counts before = own_counts();

	for (int i = 0; i < CALLS; i++) {
		errno = 0;
		CHECK(calls[i](HUGE_SIZE) == NULL);
		CHECK_EQUAL(errno, ENOMEM);
	}
	CHECK_EQUAL(posix_memalign(&(void *){NULL}, 3, 64), EINVAL);
	CHECK_EQUAL(own_counts().samples, before.samples);
	CHECK_EQUAL(own_counts().live, before.live);
}

static void a_resized_block_is_freed_and_allocated(void)
{
	const struct own_counts before = own_counts();
	char *block = malloc(1000);

	for (size_t size = 1001; size < 40000; size += 999) {
		block[0] = (char)size;
		char *other = realloc(block, size);

		CHECK_EQUAL(other[0], (char)size);
		CHECK_EQUAL(own_live_blocks(size), 1);
		block = other;
	}
	const struct own_counts after = own_counts();

	CHECK_EQUAL(after.live, before.live + 1);
	CHECK_EQUAL(after.samples - before.samples, after.frees - before.frees + 1);
	CHECK_EQUAL(after.samples - before.samples, 41);
	free(block);
	CHECK_EQUAL(own_counts().live, before.live);
}

static void a_failed_resize_leaves_the_old_block(void)
{
	struct rlimit limit = {0, 0};
	char *block = malloc(77777);

	memset(block, 7, 77777);
	CHECK_EQUAL(own_live_blocks(77777), 1);
	const struct own_counts before = own_counts();
	const size_t sizes[] = {HUGE_SIZE, (size_t)1 << 30};

	CHECK_EQUAL(setrlimit(RLIMIT_AS, &limit), 0);
	for (int i = 0; i < 2; i++) {
		errno = 0;
		CHECK(realloc(block, sizes[i]) == NULL);
		CHECK_EQUAL(errno, ENOMEM);
		errno = 0;
		CHECK(reallocarray(block, sizes[i], 1) == NULL);
		CHECK_EQUAL(errno, ENOMEM);
	}
	CHECK_EQUAL(own_live_blocks(77777), 1);
	CHECK_EQUAL(own_counts().samples, before.samples);
	CHECK_EQUAL(own_counts().frees, before.frees);
	CHECK_EQUAL(block[77776], 7);
	free(block);
	CHECK_EQUAL(own_live_blocks(77777), 0);
	CHECK_EQUAL(own_counts().live, before.live - 1);
}

static void a_resize_to_nothing_is_a_free(void)
{
	void *block = malloc(4321);
	const struct own_counts before = own_counts();

	sink = block = realloc(block, 0);
	CHECK_EQUAL(own_live_blocks(4321), 0);
	CHECK_EQUAL(own_counts().frees, before.frees + 1);
	/* glibc gives nothing, others the smallest block. */
	CHECK_EQUAL(own_counts().live, before.live - (block == NULL));
	free(block);
}

static void (*freeing(const char *name))(void *, size_t, size_t)
{
	return (void (*)(void *, size_t, size_t))dlsym(RTLD_DEFAULT, name);
}

static void the_other_frees_are_seen(void)
{
	const char *const names[] = {"cfree", "free_sized", "free_aligned_sized"};

	for (int i = 0; i < 3; i++) {
		void (*give_back)(void *, size_t, size_t) = freeing(names[i]);

		CHECK(give_back);
		const struct own_counts before = own_counts();
		void *block = aligned_alloc(64, 128);

		if (i == 2)
			give_back(block, 64, 128);
		else
			give_back(block, 128, 0);
		give_back(NULL, 0, 0);
		CHECK_EQUAL(own_counts().live, before.live);
		CHECK_EQUAL(own_counts().frees, before.frees + 1);
	}
}

static void no_loader_error_is_left_behind(void)
{
	CHECK(dlerror() == NULL);
}

/* Deliberate mistakes: the allocator's verdict must be its own. */
static void double_free(void)
{
	void *block = malloc(24);

	free(block);
	free(block);
}

static void wild_free(void)
{
	static char no_block[256];

	free(no_block + 64);
}

static void free_in_the_middle(void)
{
	char *block = malloc(500);

	free(block + 8);
}

static void wild_realloc(void)
{
	static char no_block[256];

	sink = realloc(no_block + 64, 200);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{"each_call_is_counted_once", each_call_is_counted_once},
		{"a_loop_is_counted_to_the_last_block", a_loop_is_counted_to_the_last_block},
		{"errno_is_kept", errno_is_kept},
		{"alignments_are_kept", alignments_are_kept},
		{"sizes_and_errors", sizes_and_errors},
		{"what_overflows_is_not_counted", what_overflows_is_not_counted},
		{"what_overflows_sets_errno", what_overflows_sets_errno},
		{"pvalloc_is_counted_once", pvalloc_is_counted_once},
		{"what_fails_is_not_counted", what_fails_is_not_counted},
		{"a_resized_block_is_freed_and_allocated", a_resized_block_is_freed_and_allocated},
		{"a_failed_resize_leaves_the_old_block", a_failed_resize_leaves_the_old_block},
		{"a_resize_to_nothing_is_a_free", a_resize_to_nothing_is_a_free},
		{"the_other_frees_are_seen", the_other_frees_are_seen},
		{"no_loader_error_is_left_behind", no_loader_error_is_left_behind},
		{"double_free", double_free},
		{"wild_free", wild_free},
		{"free_in_the_middle", free_in_the_middle},
		{"wild_realloc", wild_realloc},
	};

	return RUN_CASE(cases, argc, argv);
}
