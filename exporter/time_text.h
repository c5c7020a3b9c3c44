/*
 * Points in time as people write them: 2026-11-23 05:00, 10 min ago, -1h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_TIME_TEXT_H
#define EXPORTER_TIME_TEXT_H

#include <stdint.h>

#include "exporter/units.h"

/*
 * Reads a whole string, seen from now_ns (real time): "now"; a time ago, with words
 * ("10 min ago", "2 hours ago") or a minus ("-1h30m"); a date and time of this place
 * ("2026-11-23 05:00", also with T between and with seconds), of UTC with a Z at the
 * end; a date alone, which is its midnight; a time alone, which is the last such time;
 * or seconds since 1970 ("@1767225600"). 0, -EINVAL when it is none of these, or
 * -ERANGE.
 */
int time_text_parse(const char *text, uint64_t now_ns, uint64_t *time_ns);

/* "2026-11-23 05:00:00", of this place. */
struct units_text time_text_format(uint64_t time_ns);

#endif
