/*
 * C++'s operators new and delete.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INTERPOSE_CXX_HOOKS_H
#define INTERPOSE_CXX_HOOKS_H

/* Looks up the next objects' operators; after real_malloc_resolve(). */
void cxx_hooks_resolve(void);

#endif
