/*
 * A program with two executable segments, which many profile readers get wrong.
 * Build with: -Wl,--section-start=.text_far=0x900000
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

void *kept[2];

static __attribute__((noinline)) void allocate_near(void)
{
	kept[0] = malloc(1000);
}

static __attribute__((noinline, section(".text_far"))) void allocate_far(void)
{
	kept[1] = malloc(2000);
}

int main(void)
{
	allocate_near();
	allocate_far();
	return 0;
}
