/*
 * malloc(64) and free, as often as the argument says, and nothing else: every
 * instruction that a library adds to it is the library's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

int main(int argc, char **argv)
{
	long pairs = argc == 2 ? atol(argv[1]) : 0;
	void *(*volatile take)(size_t) = malloc;
	void (*volatile give_back)(void *) = free;

	while (pairs-- > 0)
		give_back(take(64));
	return 0;
}
