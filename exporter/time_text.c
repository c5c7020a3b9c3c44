/*
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/time_text.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND UINT64_C(1000000000)

static const struct {
	const char *name; /* an s may follow a longer one */
	uint64_t ns;
} units[] = {
	{"s", SECOND},		 {"sec", SECOND},	    {"second", SECOND},
	{"m", 60 * SECOND},	 {"min", 60 * SECOND},	    {"minute", 60 * SECOND},
	{"h", 3600 * SECOND},	 {"hour", 3600 * SECOND},   {"d", 86400 * SECOND},
	{"day", 86400 * SECOND}, {"w", 7 * 86400 * SECOND}, {"week", 7 * 86400 * SECOND},
};

static const char *skip_blanks(const char *text)
{
	while (isspace((unsigned char)*text))
		text++;
	return text;
}

static bool is_unit(const char *name, const char *word, size_t length)
{
	const size_t own = strlen(name);

	if (strncasecmp(word, name, own) != 0)
		return false;
	return length == own || (own > 1 && length == own + 1 && tolower(word[own]) == 's');
}

/* One number and its unit; moves *text behind them. 0, -EINVAL or -ERANGE. */
static int read_part(const char **text, uint64_t *sum_ns)
{
	char *end;
	const double number = strtod(*text, &end);
	const char *const word = skip_blanks(end);
	size_t length = 0;

	if (end == *text || !isdigit((unsigned char)**text))
		return -EINVAL;
	while (isalpha((unsigned char)word[length]))
		length++;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!is_unit(units[i].name, word, length))
			continue;
		*text = skip_blanks(word + length);
		if (!(number * (double)units[i].ns < 0x1p62))
			return -ERANGE;
		*sum_ns += (uint64_t)(number * (double)units[i].ns);
		return *sum_ns < UINT64_C(1) << 62 ? 0 : -ERANGE;
	}
	return -EINVAL;
}

/* "-1h30m", "10 min ago". */
static int parse_ago(const char *text, uint64_t now_ns, uint64_t *time_ns)
{
	const bool has_minus = *text == '-';
	uint64_t ago_ns = 0;

	text = skip_blanks(text + has_minus);
	do {
		const int status = read_part(&text, &ago_ns);

		if (status < 0)
			return status;
	} while (*text && strcasecmp(text, "ago") != 0);
	if (has_minus ? *text != '\0' : *text == '\0')
		return -EINVAL;
	if (ago_ns > now_ns)
		return -ERANGE;
	*time_ns = now_ns - ago_ns;
	return 0;
}

static int parse_seconds(const char *text, uint64_t *time_ns)
{
	uint64_t seconds;
	const int status = units_parse_count(text, &seconds);

	if (status < 0)
		return status;
	if (__builtin_mul_overflow(seconds, SECOND, time_ns) || *time_ns > INT64_MAX)
		return -ERANGE;
	return 0;
}

static int to_ns(struct tm *parts, bool is_utc, uint64_t *time_ns)
{
	const int day = parts->tm_mday;
	time_t seconds;

	parts->tm_isdst = -1;
	seconds = is_utc ? timegm(parts) : mktime(parts);
	if (seconds < 0)
		return -ERANGE;
	/* The 31st of November would become the 1st of December. */
	if (parts->tm_mday != day)
		return -EINVAL;
	*time_ns = (uint64_t)seconds * SECOND;
	return 0;
}

static int parse_date(const char *text, uint64_t *time_ns)
{
	static const char *const formats[] = {"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S",
					      "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d"};

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct tm parts = {0};
		const char *const end = strptime(text, formats[i], &parts);

		if (end && (*end == '\0' || strcmp(end, "Z") == 0))
			return to_ns(&parts, *end == 'Z', time_ns);
	}
	return -EINVAL;
}

/* A time of today or, when that is yet to come, of yesterday. */
static int parse_clock(const char *text, uint64_t now_ns, uint64_t *time_ns)
{
	const time_t now = (time_t)(now_ns / SECOND);
	struct tm parts;
	const char *end;
	int status;

	if (!localtime_r(&now, &parts))
		return -ERANGE;
	parts.tm_sec = 0;
	end = strptime(text, "%H:%M:%S", &parts);
	if (!end)
		end = strptime(text, "%H:%M", &parts);
	if (!end || *end)
		return -EINVAL;
	status = to_ns(&parts, false, time_ns);
	if (status < 0 || *time_ns <= now_ns)
		return status;
	parts.tm_mday--;
	parts.tm_isdst = -1;
	*time_ns = (uint64_t)mktime(&parts) * SECOND;
	return 0;
}

int time_text_parse(const char *text, uint64_t now_ns, uint64_t *time_ns)
{
	int status;

	text = skip_blanks(text);
	if (strcasecmp(text, "now") == 0) {
		*time_ns = now_ns;
		return 0;
	}
	if (*text == '@')
		return parse_seconds(text + 1, time_ns);
	status = parse_date(text, time_ns);
	if (status == -EINVAL)
		status = parse_clock(text, now_ns, time_ns);
	return status == -EINVAL ? parse_ago(text, now_ns, time_ns) : status;
}

struct units_text time_text_format(uint64_t time_ns)
{
	const time_t seconds = (time_t)(time_ns / SECOND);
	struct units_text text = {"?"};
	struct tm parts;

	if (localtime_r(&seconds, &parts))
		strftime(text.text, sizeof(text.text), "%Y-%m-%d %H:%M:%S", &parts);
	return text;
}
