/*
 * A program whose heap is known to the byte, for the tests of exported files:
 * 100 blocks of 64 bytes and 10 of 100000 stay, 50 of 1000 bytes are freed.
 * With an argument it then waits until its input ends.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <unistd.h>

#define NOT_INLINED __attribute__((noinline, noclone))

void *kept[110];

static NOT_INLINED void *make_block(size_t size)
{
	void *const block = malloc(size);

	*(volatile char *)block = 1;
	return block;
}

static NOT_INLINED void keep_small(void)
{
	for (int i = 0; i < 100; i++)
		kept[i] = make_block(64);
}

static NOT_INLINED void keep_large(void)
{
	for (int i = 100; i < 110; i++)
		kept[i] = malloc(100000);
}

static NOT_INLINED void throw_away(void)
{
	for (int i = 0; i < 50; i++)
		free(make_block(1000));
}

int main(int argc, char **argv)
{
	char byte;

	(void)argv;
	keep_small();
	keep_large();
	throw_away();
	while (argc > 1 && read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}
