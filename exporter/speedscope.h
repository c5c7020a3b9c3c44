/*
 * Profiles for www.speedscope.app, a viewer that runs in the browser.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_SPEEDSCOPE_H
#define EXPORTER_SPEEDSCOPE_H

#include <stdbool.h>
#include <stdio.h>

#include "exporter/profile.h"

/* One profile for each metric, `extra` ones after the standard ones; in-use
 * space is shown first. 0, or -EIO when the stream failed. */
int speedscope_write(const struct profile *profile, bool extra, FILE *stream);

#endif
