/*
 * Keeps 1000 bytes from a function that it exports, 2000 from one that it does
 * not and 3000 from one that is inlined. With an argument it then waits for the
 * end of its input.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#define NOINLINE __attribute__((noinline))

void *volatile kept[3];

NOINLINE void keep_exported(void)
{
	kept[0] = malloc(1000);
}

static NOINLINE void keep_hidden(void)
{
	kept[1] = malloc(2000);
}

static inline __attribute__((always_inline)) void keep_inlined(void)
{
	kept[2] = malloc(3000);
}

NOINLINE void keep_everything(void)
{
	keep_exported();
	keep_hidden();
	keep_inlined();
	kept[0] = kept[0]; /* nothing above is a tail call */
}

int main(int argc, char **argv)
{
	(void)argv;
	keep_everything();
	if (argc == 1)
		return 0;
	printf("ready\n");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
