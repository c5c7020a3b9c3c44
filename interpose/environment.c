/*
 * Reading settings without stdio, strtoull or locale: this runs inside the
 * first malloc of somebody else's program.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "interpose/environment.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum option_kind { BYTES, COUNT, CHOICE, TEXT };

struct option {
	const char *name;
	enum option_kind kind;
	const char *initial;
	uint64_t minimum, maximum;
	const char *metavar;
	size_t offset, size; /* of its field in struct settings */
};

static const struct option options[] = {
#undef COUNT
#define OPTION(name, kind, initial, minimum, maximum, metavar, meaning) \
	{#name,                                                         \
	 kind,                                                          \
	 initial,                                                       \
	 minimum,                                                       \
	 maximum,                                                       \
	 metavar,                                                       \
	 offsetof(struct settings, name),                               \
	 sizeof(((struct settings *)NULL)->name)},
#include "sampler/options.def"
#undef OPTION
};

/* ---- text ------------------------------------------------------------ */

static void append(char *text, size_t size, const char *more)
{
	const size_t used = strlen(text);

	strncpy(text + used, more, size - used - 1);
	text[size - 1] = '\0';
}

static void append_number(char *text, size_t size, uint64_t number)
{
	char digits[24];
	char *p = digits + sizeof(digits);

	*--p = '\0';
	do
		*--p = '0' + number % 10;
	while ((number /= 10));
	append(text, size, p);
}

/* "HEAPTIDE_" and the name in capitals. */
static void variable_name(char *variable, size_t size, const char *name)
{
	char *p;

	variable[0] = '\0';
	append(variable, size, "HEAPTIDE_");
	append(variable, size, name);
	for (p = variable; *p; p++)
		if (*p >= 'a' && *p <= 'z')
			*p -= 'a' - 'A';
}

/* ---- values ---------------------------------------------------------- */

/* 2^10 for K, and so on; 0 when the letter is no suffix. */
static uint64_t unit_of(char suffix)
{
	static const char suffixes[] = "kmgt";
	const char *p = suffix ? strchr(suffixes, suffix | 0x20) : NULL;

	return p ? UINT64_C(1) << 10 * (p - suffixes + 1) : 0;
}

static bool parse_number(const char *text, bool may_have_unit, uint64_t *number)
{
	uint64_t n = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *p - '0', &n))
			return false;
	if (p == text)
		return false;
	if (*p && may_have_unit) {
		const uint64_t unit = unit_of(*p++);

		if (unit == 0 || __builtin_mul_overflow(n, unit, &n))
			return false;
	}
	*number = n;
	return *p == '\0';
}

/* Finds the word in "one|two|three"; its index is the value. */
static bool parse_choice(const char *text, const char *words, uint64_t *index)
{
	const size_t length = strlen(text);

	for (uint64_t i = 0; *words; i++) {
		const size_t n = strcspn(words, "|");

		if (n == length && strncmp(words, text, n) == 0) {
			*index = i;
			return true;
		}
		words += n + (words[n] == '|');
	}
	return false;
}

static bool parse_value(const struct option *option, const char *text, uint64_t *value)
{
	if (option->kind == CHOICE)
		return parse_choice(text, option->metavar, value);
	/* "auto" is the word for: not set. */
	if (strcmp(text, "auto") == 0 && strcmp(option->initial, "auto") == 0) {
		*value = 0;
		return true;
	}
	return parse_number(text, option->kind == BYTES, value) && *value >= option->minimum &&
	       *value <= option->maximum;
}

static bool set_field(struct settings *settings, const struct option *option, const char *text)
{
	char *field = (char *)settings + option->offset;
	uint64_t value = 0;

	if (option->kind == TEXT) {
		if (strlen(text) >= option->size)
			return false;
		strcpy(field, text);
		return true;
	}
	if (!parse_value(option, text, &value))
		return false;
	if (option->size == sizeof(uint32_t))
		*(uint32_t *)field = value;
	else
		*(uint64_t *)field = value;
	return true;
}

/* ---- complaints ------------------------------------------------------ */

static void complain(struct settings *settings, const struct option *option, const char *variable,
		     const char *value)
{
	char *const text = settings->bad_option;
	const size_t size = sizeof(settings->bad_option);
	char start[48] = "";

	if (text[0])
		return;
	append(start, sizeof(start), value);
	append(text, size, variable);
	append(text, size, "=");
	append(text, size, start);
	append(text, size, " is not understood: it takes ");
	append(text, size, option->metavar);
	if (option->kind == TEXT) {
		append(text, size, ", at most ");
		append_number(text, size, option->size - 1);
		append(text, size, " bytes of text");
	} else if (option->kind != CHOICE) {
		append(text, size, " from ");
		append_number(text, size, option->minimum);
		append(text, size, " to ");
		append_number(text, size, option->maximum);
	}
	append(text, size, "; the default is used");
}

void environment_read(struct settings *settings)
{
	char variable[64];

	memset(settings, 0, sizeof(*settings));
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		const struct option *option = &options[i];

		variable_name(variable, sizeof(variable), option->name);
		set_field(settings, option, option->initial);

		const char *value = secure_getenv(variable);

		if (value && *value && !set_field(settings, option, value))
			complain(settings, option, variable, value);
	}
}
