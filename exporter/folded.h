/*
 * Folded stacks, the input of flame graph programs: "main;make 4096".
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_FOLDED_H
#define EXPORTER_FOLDED_H

#include <stdio.h>

#include "exporter/metric.h"
#include "exporter/profile.h"

/*
 * Writes one line for each different stack with something of the metric:
 * functions from the root inwards, separated by semicolons, a blank, the number.
 * Semicolons in names become colons. Lines are in the order of strcmp(). 0,
 * -ENOMEM, or -EIO.
 */
int folded_write(const struct profile *profile, enum metric_id metric, FILE *stream);

#endif
