/*
 * Amounts as people write them. One place, so that every option takes the same
 * units and every output prints them alike.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/units.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NS_PER_SECOND UINT64_C(1000000000)

struct unit {
	const char *name;
	uint64_t size;
};

static const struct unit byte_units[] = {
	{"", 1},
	{"B", 1},
	{"K", UINT64_C(1) << 10},
	{"KB", UINT64_C(1) << 10},
	{"KiB", UINT64_C(1) << 10},
	{"M", UINT64_C(1) << 20},
	{"MB", UINT64_C(1) << 20},
	{"MiB", UINT64_C(1) << 20},
	{"G", UINT64_C(1) << 30},
	{"GB", UINT64_C(1) << 30},
	{"GiB", UINT64_C(1) << 30},
	{"T", UINT64_C(1) << 40},
	{"TB", UINT64_C(1) << 40},
	{"TiB", UINT64_C(1) << 40},
	{NULL, 0},
};

static const struct unit duration_units[] = {
	{"ns", 1},
	{"us", 1000},
	{"ms", 1000 * 1000},
	{"s", NS_PER_SECOND},
	{"m", 60 * NS_PER_SECOND},
	{"min", 60 * NS_PER_SECOND},
	{"h", 3600 * NS_PER_SECOND},
	{"d", 86400 * NS_PER_SECOND},
	{NULL, 0},
};

/* Digits with at most one point. The fraction counts in units of 10^-digits. */
struct decimal {
	uint64_t whole;
	uint64_t fraction;
	uint64_t fraction_scale;
};

static int parse_decimal(const char **text, struct decimal *decimal)
{
	char *end;

	if (!isdigit((unsigned char)**text))
		return -EINVAL;
	errno = 0;
	decimal->whole = strtoull(*text, &end, 10);
	if (errno == ERANGE)
		return -ERANGE;
	decimal->fraction = 0;
	decimal->fraction_scale = 1;
	if (*end == '.') {
		for (end++; isdigit((unsigned char)*end); end++) {
			if (decimal->fraction_scale > 1000000)
				continue;
			decimal->fraction = decimal->fraction * 10 + (uint64_t)(*end - '0');
			decimal->fraction_scale *= 10;
		}
	}
	*text = end;
	return 0;
}

static int parse_amount(const char *text, const struct unit *units, uint64_t *amount)
{
	struct decimal decimal;
	uint64_t whole;
	int error = parse_decimal(&text, &decimal);

	if (error != 0)
		return error;
	while (*text == ' ')
		text++;
	while (units->name && strcasecmp(units->name, text) != 0)
		units++;
	if (!units->name)
		return -EINVAL;
	if (__builtin_mul_overflow(decimal.whole, units->size, &whole))
		return -ERANGE;
	const double fraction = (double)decimal.fraction / (double)decimal.fraction_scale;

	if (__builtin_add_overflow(whole, (uint64_t)(fraction * (double)units->size + 0.5), amount))
		return -ERANGE;
	return 0;
}

int units_parse_bytes(const char *text, uint64_t *bytes)
{
	return parse_amount(text, byte_units, bytes);
}

int units_parse_duration(const char *text, uint64_t *ns)
{
	return parse_amount(text, duration_units, ns);
}

int units_parse_count(const char *text, uint64_t *count)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	*count = strtoull(text, &end, 10);
	if (errno == ERANGE)
		return -ERANGE;
	return *end == '\0' ? 0 : -EINVAL;
}

/* Three digits that matter: 1.23, 12.3, 123. */
static void format_three_digits(struct units_text *out, double value, const char *unit)
{
	const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;

	snprintf(out->text, sizeof(out->text), "%.*f %s", decimals, value, unit);
}

struct units_text units_format_bytes(uint64_t bytes)
{
	static const char *const names[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	struct units_text out;
	double value = (double)bytes / 1024;
	size_t i = 0;

	if (bytes < 1024) {
		snprintf(out.text, sizeof(out.text), "%" PRIu64 " B", bytes);
		return out;
	}
	/* What would be printed as 1024 KiB is 1.00 MiB. */
	for (; value >= 1023.5 && i + 1 < sizeof(names) / sizeof(names[0]); i++)
		value /= 1024;
	format_three_digits(&out, value, names[i]);
	return out;
}

struct units_text units_format_count(uint64_t count)
{
	static const struct unit large[] = {
		{"M", 1000000},
		{"G", 1000000000},
		{"T", UINT64_C(1000000000000)},
		{"P", UINT64_C(1000000000000000)},
	};
	const size_t last = sizeof(large) / sizeof(large[0]) - 1;
	struct units_text out;
	size_t i = 0;

	if (count < 1000) {
		snprintf(out.text, sizeof(out.text), "%" PRIu64, count);
	} else if (count < 1000000) {
		snprintf(out.text, sizeof(out.text), "%" PRIu64 ",%03" PRIu64, count / 1000,
			 count % 1000);
	} else if (count < 10000000) {
		snprintf(out.text, sizeof(out.text), "%" PRIu64 ",%03" PRIu64 ",%03" PRIu64,
			 count / 1000000, count / 1000 % 1000, count % 1000);
	} else {
		while (i < last && (double)count / (double)large[i].size >= 999.5)
			i++;
		format_three_digits(&out, (double)count / (double)large[i].size, large[i].name);
	}
	return out;
}

/* Two whole units: 3 min 20 s. */
static void format_two_units(struct units_text *out, uint64_t ns)
{
	static const struct unit long_units[] = {
		{"d", 86400},
		{"h", 3600},
		{"min", 60},
		{"s", 1},
	};
	const uint64_t seconds = ns / NS_PER_SECOND;
	size_t i = 0;

	while (long_units[i].size > seconds)
		i++;
	snprintf(out->text, sizeof(out->text), "%" PRIu64 " %s %" PRIu64 " %s",
		 seconds / long_units[i].size, long_units[i].name,
		 seconds % long_units[i].size / long_units[i + 1].size, long_units[i + 1].name);
}

struct units_text units_format_duration(uint64_t ns)
{
	struct units_text out;

	if (ns < 1000)
		snprintf(out.text, sizeof(out.text), "%" PRIu64 " ns", ns);
	else if (ns < 999500)
		format_three_digits(&out, (double)ns / 1e3, "us");
	else if (ns < 999500000)
		format_three_digits(&out, (double)ns / 1e6, "ms");
	else if (ns < 60 * NS_PER_SECOND)
		format_three_digits(&out, (double)ns / 1e9, "s");
	else
		format_two_units(&out, ns);
	return out;
}

struct units_text units_format_setting(uint64_t bytes)
{
	static const char letters[] = {0, 'K', 'M', 'G', 'T'};
	struct units_text out;
	size_t i = 0;

	while (bytes != 0 && bytes % 1024 == 0 && i + 1 < sizeof(letters)) {
		bytes /= 1024;
		i++;
	}
	snprintf(out.text, sizeof(out.text), i ? "%" PRIu64 "%c" : "%" PRIu64, bytes, letters[i]);
	return out;
}

struct units_text units_format_percent(double share)
{
	struct units_text out;
	const double percent = share * 100;

	snprintf(out.text, sizeof(out.text), percent < 99.95 ? "%.1f %%" : "%.0f %%", percent);
	return out;
}
