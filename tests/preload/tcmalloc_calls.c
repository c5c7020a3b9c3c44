/*
 * The calls of C in a program that is linked to tcmalloc.
 * Build with: -Wl,--no-as-needed -l:libtcmalloc_minimal.so.4
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/preload/c_calls.c"
