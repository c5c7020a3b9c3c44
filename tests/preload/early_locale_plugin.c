/*
 * A library whose constructor makes a locale, as libp11-kit's does: its
 * allocation is the process's first, and the C library holds a lock meanwhile.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <locale.h>
#include <stddef.h>

static __attribute__((constructor)) void begin(void)
{
	freelocale(newlocale(LC_ALL_MASK, "C.UTF-8", NULL));
}
