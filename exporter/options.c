/*
 * Reads options. The rules are those of every GNU program: --name VALUE,
 * --name=VALUE, -o VALUE, -oVALUE, and -- ends the options. getopt_long() is
 * not used because its messages do not say what would be right.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/options.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/command.h"
#include "exporter/units.h"

/* Which commands take a setting of the library. */
#define TAKERS_interval "run ctl"
#define TAKERS_budget "run"
#define TAKERS_depth "run"
#define TAKERS_unwinder "run"
#define TAKERS_start "run"
#define TAKERS_dir "run ps report export ctl clean agent"
#define TAKERS_run_id ""
#define TAKERS_only_pid ""
#define TAKERS_seed "run"

/* Longest name that options_distance() compares. */
#define WORD_MAX 32

const struct option_row options_table[OPTION_TOTAL] = {
#define OPTION(field, KIND, default, min, max, words, text) \
	[OPTION_##field] = {.name = #field,                 \
			    .kind = OPTION_KIND_##KIND,     \
			    .commands = TAKERS_##field,     \
			    .is_setting = true,             \
			    .initial = default,             \
			    .minimum = min,                 \
			    .maximum = max,                 \
			    .metavar = words,               \
			    .meaning = text,                \
			    .offset = offsetof(struct options, field)},
#include "sampler/options.def"
#undef OPTION
#define OPTION(field, long_name, short_name, takers, KIND, default, min, max, words, text) \
	[OPTION_##field] = {.name = long_name,                                             \
			    .letter = short_name,                                          \
			    .kind = OPTION_KIND_##KIND,                                    \
			    .commands = takers,                                            \
			    .initial = default,                                            \
			    .minimum = min,                                                \
			    .maximum = max,                                                \
			    .metavar = words,                                              \
			    .meaning = text,                                               \
			    .offset = offsetof(struct options, field)},
#include "exporter/options.def"
#undef OPTION
};

/* True when the `length` bytes at `text` are `word`. */
static bool is_word(const char *text, size_t length, const char *word)
{
	return strlen(word) == length && strncmp(text, word, length) == 0;
}

bool options_row_is_for(const struct option_row *row, const char *command)
{
	for (const char *word = row->commands; *word;) {
		const size_t length = strcspn(word, " ");

		if (is_word(word, length, command))
			return true;
		word += length + (word[length] == ' ');
	}
	return false;
}

void options_variable(const struct option_row *row, char *name)
{
	snprintf(name, OPTIONS_VARIABLE_SIZE, "HEAPTIDE_%s", row->name);
	for (; *name; name++)
		*name = (char)toupper((unsigned char)*name);
}

unsigned options_distance(const char *one, const char *other)
{
	const size_t n = strlen(one), m = strlen(other);
	unsigned row[WORD_MAX + 1];

	if (n > WORD_MAX || m > WORD_MAX)
		return UINT32_MAX;
	for (size_t j = 0; j <= m; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			const unsigned above = row[j];
			unsigned best = diagonal + (one[i - 1] != other[j - 1]);

			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = above;
			row[j] = best;
		}
	}
	return row[m];
}

/* Where a word stands in "one|two|three", or -1. */
static int find_choice(const char *choices, const char *text, size_t length)
{
	for (int i = 0; *choices; i++) {
		const size_t word_length = strcspn(choices, "|");

		if (word_length == length && strncmp(choices, text, length) == 0)
			return i;
		choices += word_length + (choices[word_length] == '|');
	}
	return -1;
}

static int parse_list(const char *choices, const char *text, unsigned *bits)
{
	*bits = 0;
	for (;;) {
		const size_t length = strcspn(text, ",");
		const int choice = find_choice(choices, text, length);

		if (choice < 0)
			return -EINVAL;
		*bits |= 1u << choice;
		if (text[length] == '\0')
			return 0;
		text += length + 1;
	}
}

static int parse_number(const struct option_row *row, const char *text, uint64_t *value)
{
	int error;

	if (strcmp(row->initial, "auto") == 0 && strcmp(text, "auto") == 0) {
		*value = 0;
		return 0;
	}
	if (row->kind == OPTION_KIND_BYTES)
		error = units_parse_bytes(text, value);
	else if (row->kind == OPTION_KIND_DURATION)
		error = units_parse_duration(text, value);
	else
		error = units_parse_count(text, value);
	if (error == 0 && (*value < row->minimum || *value > row->maximum))
		error = -ERANGE;
	return error;
}

static int append_text(struct option_texts *texts, const char *text)
{
	if (texts->count == OPTION_TEXTS_MAX)
		return -ERANGE;
	texts->items[texts->count++] = text;
	return 0;
}

/* Stores the value of `text`; 0, -EINVAL or -ERANGE, and then nothing. */
static int store_value(const struct option_row *row, const char *text, struct options *options)
{
	char *const field = (char *)options + row->offset;
	uint64_t number = 0;
	unsigned bits = 0;
	int choice, error = 0;

	switch (row->kind) {
	case OPTION_KIND_BYTES:
	case OPTION_KIND_COUNT:
	case OPTION_KIND_DURATION:
		error = parse_number(row, text, &number);
		if (error == 0)
			*(uint64_t *)(void *)field = number;
		return error;
	case OPTION_KIND_CHOICE:
		choice = find_choice(row->metavar, text, strlen(text));
		if (choice < 0)
			return -EINVAL;
		*(unsigned *)(void *)field = (unsigned)choice;
		return 0;
	case OPTION_KIND_LIST:
		error = parse_list(row->metavar, text, &bits);
		if (error == 0)
			*(unsigned *)(void *)field = bits;
		return error;
	case OPTION_KIND_TEXT:
		if (row->maximum != 0 && strlen(text) > row->maximum)
			return -ERANGE;
		*(const char **)(void *)field = text;
		return 0;
	case OPTION_KIND_TEXTS:
		return append_text((void *)field, text);
	case OPTION_KIND_FLAG:
		*(bool *)(void *)field = true;
		return 0;
	}
	return -EINVAL;
}

/* What would be right, as the end of "NAME wants ...". */
static void describe_values(const struct option_row *row, char *text, size_t size)
{
	switch (row->kind) {
	case OPTION_KIND_BYTES:
		snprintf(text, size, "a number of bytes such as 512K, 16M or 1G, from %s to %s%s",
			 units_format_setting(row->minimum).text,
			 units_format_setting(row->maximum).text,
			 strcmp(row->initial, "auto") == 0 ? ", or auto" : "");
		break;
	case OPTION_KIND_COUNT:
		if (row->maximum == UINT64_MAX)
			snprintf(text, size, "a whole number from %" PRIu64, row->minimum);
		else
			snprintf(text, size, "a whole number from %" PRIu64 " to %" PRIu64,
				 row->minimum, row->maximum);
		break;
	case OPTION_KIND_DURATION:
		if (row->minimum == 0)
			snprintf(text, size, "a time with its unit such as 10ms, 15s, 5m or 2h");
		else
			snprintf(text, size,
				 "a time with its unit such as 15s, 5m or 2h, at least %s",
				 units_format_duration(row->minimum).text);
		break;
	case OPTION_KIND_CHOICE:
		snprintf(text, size, "one of %s", row->metavar);
		break;
	case OPTION_KIND_LIST:
		snprintf(text, size, "words of %s, separated by commas", row->metavar);
		break;
	case OPTION_KIND_TEXT:
		if (row->maximum != 0) {
			snprintf(text, size, "a %s of at most %" PRIu64 " bytes", row->metavar,
				 row->maximum);
			break;
		}
		snprintf(text, size, "a %s", row->metavar);
		break;
	case OPTION_KIND_TEXTS:
		snprintf(text, size, "a %s, at most %d times", row->metavar, OPTION_TEXTS_MAX);
		break;
	case OPTION_KIND_FLAG:
		snprintf(text, size, "%s", row->metavar);
		break;
	}
}

static void set_defaults(struct options *options)
{
	memset(options, 0, sizeof(*options));
	for (const struct option_row *row = options_table; row < options_table + OPTION_TOTAL;
	     row++)
		if (row->kind != OPTION_KIND_FLAG &&
		    (row->kind == OPTION_KIND_TEXT || *row->initial != '\0'))
			store_value(row, row->initial, options);
}

static void read_environment(const struct command *command, struct options *options)
{
	char name[OPTIONS_VARIABLE_SIZE], right[256];

	for (unsigned i = 0; i < OPTION_TOTAL; i++) {
		const struct option_row *row = &options_table[i];
		const char *value;

		if (!row->is_setting || !options_row_is_for(row, command->name))
			continue;
		options_variable(row, name);
		value = getenv(name);
		if (!value || *value == '\0')
			continue;
		if (store_value(row, value, options) == 0) {
			options->given[i] = true;
		} else {
			describe_values(row, right, sizeof(right));
			log_note("%s=%s is ignored: it wants %s", name, value, right);
		}
	}
}

static const struct option_row *find_long(const struct command *command, const char *name,
					  size_t length)
{
	for (const struct option_row *row = options_table; row < options_table + OPTION_TOTAL;
	     row++)
		if (is_word(name, length, row->name) && options_row_is_for(row, command->name))
			return row;
	return NULL;
}

static const struct option_row *find_short(const struct command *command, char letter)
{
	for (const struct option_row *row = options_table; row < options_table + OPTION_TOTAL;
	     row++)
		if (row->letter == letter && options_row_is_for(row, command->name))
			return row;
	return NULL;
}

/* Says that there is no such option, and which one may have been meant. */
static int refuse_unknown(const struct command *command, const char *argument)
{
	const int shown = (int)strcspn(argument, "=");
	char name[WORD_MAX + 1];
	const char *best = NULL;
	unsigned best_distance = OPTIONS_NEAR + 1;

	snprintf(name, sizeof(name), "%.*s", shown, argument);
	for (const struct option_row *row = options_table; row < options_table + OPTION_TOTAL;
	     row++) {
		const unsigned distance = strncmp(name, "--", 2) == 0
						  ? options_distance(row->name, name + 2)
						  : UINT32_MAX;

		if (distance < best_distance && options_row_is_for(row, command->name)) {
			best_distance = distance;
			best = row->name;
		}
	}
	if (best)
		return log_wrong_use("there is no option %.*s; did you mean --%s?", shown, argument,
				     best);
	return log_wrong_use("there is no option %.*s; `heaptide %s --help` lists them", shown,
			     argument, command->name);
}

/* The command line as it is read. */
struct reading {
	const struct command *command;
	struct options *options;
	char **next; /* the argument to read next */
};

/* Takes one option; `value` is what was attached to it, or NULL. */
static int take_option(struct reading *reading, const struct option_row *row, const char *value)
{
	char right[256];

	describe_values(row, right, sizeof(right));
	if (row->kind == OPTION_KIND_FLAG) {
		if (value)
			return log_wrong_use("--%s takes no value", row->name);
	} else if (!value) {
		value = *reading->next;
		if (!value)
			return log_wrong_use("--%s wants a value: %s", row->name, right);
		reading->next++;
	}
	if (store_value(row, value, reading->options) != 0)
		return log_wrong_use("--%s wants %s; not '%s'", row->name, right, value);
	reading->options->given[row - options_table] = true;
	return 0;
}

static int read_long(struct reading *reading, const char *argument)
{
	const char *const name = argument + 2;
	const size_t length = strcspn(name, "=");
	const struct option_row *row = find_long(reading->command, name, length);

	if (is_word(name, length, "help"))
		return OPTIONS_HELP;
	if (!row)
		return refuse_unknown(reading->command, argument);
	return take_option(reading, row, name[length] == '=' ? name + length + 1 : NULL);
}

/* Letters: flags may stand together, the last may have its value attached. */
static int read_short(struct reading *reading, const char *argument)
{
	int status = 0;

	for (const char *letter = argument + 1; *letter && status == 0; letter++) {
		const struct option_row *row = find_short(reading->command, *letter);

		if (*letter == 'h')
			return OPTIONS_HELP;
		if (!row)
			return refuse_unknown(reading->command, argument);
		if (row->kind != OPTION_KIND_FLAG)
			return take_option(reading, row, letter[1] ? letter + 1 : NULL);
		status = take_option(reading, row, NULL);
	}
	return status;
}

static int check_argument_count(const struct command *command, int count)
{
	if (count < command->minimum_arguments)
		return log_wrong_use("something is missing: heaptide %s %s", command->name,
				     command->arguments);
	if (!command->runs_program && count > command->maximum_arguments)
		return log_wrong_use("too many arguments: heaptide %s%s%s", command->name,
				     *command->arguments ? " " : "", command->arguments);
	return 0;
}

int options_parse(const struct command *command, char **argv, struct options *options)
{
	struct reading reading = {.command = command, .options = options, .next = argv};
	bool options_ended = false;
	int count = 0;

	set_defaults(options);
	read_environment(command, options);
	while (*reading.next) {
		char *const argument = *reading.next++;
		int status = 0;

		if (options_ended || argument[0] != '-' || argument[1] == '\0') {
			argv[count++] = argument;
			options_ended = options_ended || command->runs_program;
		} else if (strcmp(argument, "--") == 0) {
			options_ended = true;
		} else if (argument[1] == '-') {
			status = read_long(&reading, argument);
		} else {
			status = read_short(&reading, argument);
		}
		if (status != 0)
			return status;
	}
	argv[count] = NULL;
	return check_argument_count(command, count);
}

static size_t value_size(enum option_kind kind)
{
	switch (kind) {
	case OPTION_KIND_TEXT:
		return sizeof(OPTION_TYPE_TEXT);
	case OPTION_KIND_TEXTS:
		return sizeof(OPTION_TYPE_TEXTS);
	case OPTION_KIND_FLAG:
		return sizeof(OPTION_TYPE_FLAG);
	case OPTION_KIND_CHOICE:
	case OPTION_KIND_LIST:
		return sizeof(OPTION_TYPE_LIST);
	default:
		return sizeof(OPTION_TYPE_COUNT);
	}
}

void options_merge(struct options *options, const struct options *others)
{
	for (unsigned i = 0; i < OPTION_TOTAL; i++) {
		const struct option_row *const row = &options_table[i];
		void *const to = (char *)options + row->offset;
		const void *const from = (const char *)others + row->offset;

		if (!others->given[i])
			continue;
		if (options->given[i] && row->kind == OPTION_KIND_TEXTS) {
			const struct option_texts *const texts = from;

			for (size_t j = 0; j < texts->count; j++)
				append_text(to, texts->items[j]);
		} else if (!options->given[i]) {
			memcpy(to, from, value_size(row->kind));
			options->given[i] = true;
		}
	}
}

/* Writes the value as options take it. */
static void format_value(const struct option_row *row, const struct options *options, char *text,
			 size_t size)
{
	const void *const field = (const char *)options + row->offset;
	const char *word = row->metavar;

	if (row->kind == OPTION_KIND_TEXT) {
		snprintf(text, size, "%s", *(const char *const *)field);
	} else if (row->kind == OPTION_KIND_CHOICE) {
		for (unsigned i = *(const unsigned *)field; i > 0; i--)
			word = strchr(word, '|') + 1;
		snprintf(text, size, "%.*s", (int)strcspn(word, "|"), word);
	} else if (*(const uint64_t *)field == 0 && strcmp(row->initial, "auto") == 0) {
		snprintf(text, size, "auto");
	} else {
		snprintf(text, size, "%" PRIu64, *(const uint64_t *)field);
	}
}

void options_export(const struct options *options)
{
	char name[OPTIONS_VARIABLE_SIZE], value[PATH_MAX];

	for (const struct option_row *row = options_table; row < options_table + OPTION_TOTAL;
	     row++) {
		if (!row->is_setting)
			continue;
		options_variable(row, name);
		if (options->given[row - options_table]) {
			format_value(row, options, value, sizeof(value));
			setenv(name, value, 1);
		} else {
			unsetenv(name);
		}
	}
}
