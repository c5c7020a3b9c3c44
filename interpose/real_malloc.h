/*
 * The functions that the program would have called without this library: those
 * of the next object in the loader's order that defines them.
 *
 * Invariant: every pointer can be called at any time, even before a
 * constructor has run.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INTERPOSE_REAL_MALLOC_H
#define INTERPOSE_REAL_MALLOC_H

#include <stdbool.h>
#include <stddef.h>

struct link_map;

struct real_malloc {
#define FUNCTION(type, name, parameters, arguments, otherwise) type(*name) parameters;
#include "interpose/real_malloc.def"
#undef FUNCTION
};

extern struct real_malloc real_malloc __attribute__((visibility("hidden")));

/* Looks the functions up, once. False while that is still under way. */
bool real_malloc_resolve(void);

/* The next object's function or operator of this name, or NULL. */
void *real_malloc_find(const char *name);

/* What was not found left a message: the program must not get it from dlerror(). */
void real_malloc_forget_errors(void);

/* The loaded object (struct link_map) that holds this address, or NULL. */
const struct link_map *real_malloc_object(const void *address);

/* Whether the address lies in this library. */
bool real_malloc_is_ours(const void *address);

#endif
