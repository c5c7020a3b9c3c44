/*
 * Holds memory and does as it is told, so that a test can look at it in between.
 * Allocates MIB x 1 MiB in blocks of 64 KiB, says "ready", then obeys its standard
 * input line by line: "churn" allocates and frees 64 MiB, "exec" starts itself
 * anew, any other line is said back. At the end of input it exits. With a second
 * argument it hides its memory map from other processes of its user.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define BLOCK 65536

__attribute__((noinline)) static void *hold_block(void)
{
	void *block = malloc(BLOCK);

	if (!block)
		exit(1);
	memset(block, 1, BLOCK);
	return block;
}

__attribute__((noinline)) static void churn_blocks(void)
{
	for (int i = 0; i < 1024; i++)
		free(hold_block());
}

int main(int argc, char **argv)
{
	const int blocks = 16 * (argc > 1 ? atoi(argv[1]) : 1);
	void **held = calloc(blocks, sizeof(*held));
	char line[64];

	if (argc > 2)
		prctl(PR_SET_DUMPABLE, 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 0; i < blocks; i++)
		held[i] = hold_block();
	printf("ready %d\n", (int)getpid());
	/* Unbuffered: what exec starts must find the rest of the input. */
	setvbuf(stdin, NULL, _IONBF, 0);
	while (fgets(line, sizeof(line), stdin)) {
		if (strcmp(line, "churn\n") == 0)
			churn_blocks();
		if (strcmp(line, "exec\n") == 0)
			execv(argv[0], argv);
		printf("did %s", line);
	}
	return 0;
}
