/*
 * Which stacks a report is about: --focus and --ignore.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_STACK_FILTER_H
#define EXPORTER_STACK_FILTER_H

#include <stdbool.h>

#include "exporter/profile.h"

/*
 * Selects the stacks that have a frame matching `focus` and none matching
 * `ignore`: POSIX extended regular expressions over a frame's function, source
 * file and module path; "" or NULL is no condition. *selected has one bool per
 * stack, to be released with free(); it is NULL when there is no condition.
 * Returns 0, -ENOMEM, or -EINVAL with one sentence in error[error_size].
 */
int stack_filter_select(const struct profile *profile, const char *focus, const char *ignore,
			bool **selected, char *error, size_t error_size);

#endif
