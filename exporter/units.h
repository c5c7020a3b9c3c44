/*
 * Amounts as people write them: 512K, 10ms, 3.25 GiB.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_UNITS_H
#define EXPORTER_UNITS_H

#include <stdint.h>

/*
 * Each reads a whole string; 0 or -EINVAL (not such an amount) or -ERANGE
 * (does not fit). Bytes take K, M, G and T, which are powers of 1024 (also KB
 * and KiB), and a fraction: 1.5M. Durations need a unit: ns, us, ms, s, m, h or
 * d. Counts are plain digits.
 */
int units_parse_bytes(const char *text, uint64_t *bytes);
int units_parse_duration(const char *text, uint64_t *ns);
int units_parse_count(const char *text, uint64_t *count);

/* A piece of text by value, to be used within one expression:
 * printf("%s", units_format_bytes(n).text). */
struct units_text {
	char text[32];
};

struct units_text units_format_bytes(uint64_t bytes);	/* 96 B, 1.50 MiB, 512 KiB */
struct units_text units_format_count(uint64_t count);	/* 12,345 or 12.3 M */
struct units_text units_format_duration(uint64_t ns);	/* 15.3 ms, 2.50 s, 3 min 20 s */
struct units_text units_format_setting(uint64_t bytes); /* as options take it: 512K, 1000 */
struct units_text units_format_percent(double share);	/* 0.123 as 12.3 % */

#endif
