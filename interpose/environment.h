/*
 * The library's settings, from the environment of the process.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INTERPOSE_ENVIRONMENT_H
#define INTERPOSE_ENVIRONMENT_H

#include "sampler/segment_writer.h"

/*
 * Fills the settings from HEAPTIDE_INTERVAL and its sisters, one for each line
 * of options.def. A bad value leaves the default, and the first one leaves a
 * sentence in bad_option. Does not allocate.
 */
void environment_read(struct settings *settings);

#endif
