/*
 * jemalloc's extended calls, at T = 1, in a program that is linked to it.
 * Build with: -Wl,--no-as-needed -ljemalloc
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/preload/own_segment.h"

void *mallocx(size_t size, int flags);
void *rallocx(void *block, size_t size, int flags);
size_t xallocx(void *block, size_t size, size_t extra, int flags);
size_t sallocx(const void *block, int flags);
void dallocx(void *block, int flags);
void sdallocx(void *block, size_t size, int flags);

enum { ALIGN_4096 = 12, ZERO = 0x40 };

static struct own_counts before;

static void expect(uint64_t samples, uint64_t frees)
{
	const struct own_counts now = own_counts();

	CHECK_EQUAL(now.samples - before.samples, samples);
	CHECK_EQUAL(now.frees - before.frees, frees);
	CHECK_EQUAL(now.live - before.live, samples - frees);
}

int main(void)
{
	char *block = mallocx(1 << 20, 0);

	CHECK(block);
	CHECK_EQUAL(own_live_blocks(1 << 20), 1);
	dallocx(block, 0);
	CHECK_EQUAL(own_live_blocks(1 << 20), 0);

	before = own_counts();
	block = mallocx(5000, ALIGN_4096 | ZERO);
	expect(1, 0);
	CHECK_EQUAL((uintptr_t)block % 4096, 0);
	CHECK_EQUAL(block[4999], 0);

	block = rallocx(block, 300000, 0);
	CHECK(block);
	expect(2, 1);
	CHECK(rallocx(block, (size_t)1 << 60, 0) == NULL);
	expect(2, 1);
	CHECK_EQUAL(own_live_blocks(300000), 1);

	/* In place: it shrinks, and it cannot grow to more than the address space. */
	CHECK(xallocx(block, 200000, 0, 0) >= 200000);
	expect(3, 2);
	CHECK_EQUAL(own_live_blocks(200000), 1);
	CHECK(xallocx(block, (size_t)1 << 60, 0, 0) < (size_t)1 << 60);
	expect(3, 2);
	CHECK_EQUAL(own_live_blocks(200000), 1);

	sdallocx(block, sallocx(block, 0), 0);
	expect(3, 3);

	block = malloc(100);
	expect(4, 3);
	dallocx(block, 0);
	expect(4, 4);
	block = mallocx(100, 0);
	free(block);
	expect(5, 5);
	return 0;
}
