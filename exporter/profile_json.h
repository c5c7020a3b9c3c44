/*
 * Everything that is known about a process, as JSON. docs/formats.md describes
 * the members.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_PROFILE_JSON_H
#define EXPORTER_PROFILE_JSON_H

#include <stdbool.h>
#include <stdio.h>

#include "exporter/profile.h"

/* Moves when a member changes its meaning or goes; new members may come. */
#define PROFILE_JSON_VERSION 1

/* With `blocks` also every sampled live block. 0, or -EIO when the stream failed. */
int profile_json_write(const struct profile *profile, bool blocks, FILE *stream);

#endif
