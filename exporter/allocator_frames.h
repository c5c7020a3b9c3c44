/*
 * Which functions belong to an allocator rather than to the code that uses it.
 * They say nothing about where memory goes and are left out of profiles.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_ALLOCATOR_FRAMES_H
#define EXPORTER_ALLOCATOR_FRAMES_H

#include <stdbool.h>

/* Whether the function of this demangled name is one: malloc and its family,
 * operator new, the allocators of the C++ and Rust standard libraries. */
bool allocator_frames_match(const char *name);

#endif
