/*
 * A program that nothing can be preloaded into. Build with: -static
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

int main(void)
{
	return puts("static ran") < 0;
}
