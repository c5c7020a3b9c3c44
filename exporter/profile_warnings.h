/*
 * What a reader of a profile must know to trust it rightly, in sentences.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_PROFILE_WARNINGS_H
#define EXPORTER_PROFILE_WARNINGS_H

#include "exporter/profile.h"
#include "exporter/symbols.h"

/* Samples that were due and could not be recorded. */
uint64_t profile_warnings_dropped_samples(const struct snapshot *snapshot);

/* The share of the samples that were due and were recorded, 0 to 1. */
double profile_warnings_coverage(const struct snapshot *snapshot);

/* Fills in profile->warnings. 0 or -ENOMEM. */
int profile_warnings_collect(struct profile *profile, struct symbols *symbols);

#endif
