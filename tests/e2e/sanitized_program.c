/*
 * A program whose runtime must come first. Build with: -fsanitize=address
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	free(malloc(10));
	return puts("sanitized ran") < 0;
}
