/*
 * What a reader of a profile must know to trust it rightly, in sentences.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_PROFILE_WARNINGS_H
#define EXPORTER_PROFILE_WARNINGS_H

#include "exporter/profile.h"
#include "exporter/symbols.h"

/* Fills in profile->warnings. 0 or -ENOMEM. */
int profile_warnings_collect(struct profile *profile, struct symbols *symbols);

#endif
