/*
 * C++'s operators new and delete.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INTERPOSE_CXX_HOOKS_H
#define INTERPOSE_CXX_HOOKS_H

#include <stdbool.h>

/* Looks up the next objects' operators, after real_malloc_resolve(). `is_counting`:
 * those that do not call malloc are to be counted. Moves the thread's countdown. */
void cxx_hooks_resolve(bool is_counting);

#endif
