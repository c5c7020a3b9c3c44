/*
 * The calls of C in a program that is linked to mimalloc.
 * Build with: -Wl,--no-as-needed -l:libmimalloc.so.2
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/preload/c_calls.c"
