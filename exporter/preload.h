/*
 * Preloading the library into a program: finding it, and the environment that
 * makes the dynamic loader and the library do what the options say.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_PRELOAD_H
#define EXPORTER_PRELOAD_H

#include <limits.h>

#include "exporter/options.h"

/*
 * The absolute path of libheaptide.so: next to the heaptide command, as in the
 * build folder, or in ../lib/heaptide, as installed. 0, or a status after it has
 * said what is wrong.
 */
int preload_find_library(char path[PATH_MAX]);

/*
 * Changes the environment of this process so that programs it executes load
 * the library (NULL: do not) and find the settings; what is preloaded already
 * stays.
 */
void preload_set_environment(const char *library, const struct options *settings);

#endif
