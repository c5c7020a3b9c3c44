/*
 * Grows as it is told: a line "red N" or "blue N" of its standard input keeps N KiB,
 * "free" frees what is red; each line is said back when that is done.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS_MAX 65536

static void *red[BLOCKS_MAX], *blue[BLOCKS_MAX];
static int red_count, blue_count;

__attribute__((noinline)) static void *keep_red(void)
{
	void *volatile block = malloc(1024);

	return block;
}

__attribute__((noinline)) static void *keep_blue(void)
{
	void *volatile block = malloc(1024);

	return block;
}

int main(void)
{
	char line[64];
	int n;

	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "red %d", &n) == 1)
			while (n-- > 0 && red_count < BLOCKS_MAX)
				red[red_count++] = keep_red();
		if (sscanf(line, "blue %d", &n) == 1)
			while (n-- > 0 && blue_count < BLOCKS_MAX)
				blue[blue_count++] = keep_blue();
		if (strncmp(line, "free", 4) == 0)
			while (red_count > 0)
				free(red[--red_count]);
		fputs(line, stdout);
		fflush(stdout);
	}
	return 0;
}
