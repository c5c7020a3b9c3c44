/*
 * Options of the command line and settings in the environment, all from one
 * table: sampler/options.def and exporter/options.def.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_OPTIONS_H
#define EXPORTER_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPTION_TYPE_BYTES uint64_t
#define OPTION_TYPE_COUNT uint64_t
#define OPTION_TYPE_DURATION uint64_t /* ns */
#define OPTION_TYPE_CHOICE unsigned   /* position in the metavar's words */
#define OPTION_TYPE_LIST unsigned     /* bit i: word i */
#define OPTION_TYPE_TEXT const char *
#define OPTION_TYPE_FLAG bool
#define OPTION_TYPE_TEXTS struct option_texts

/* The values of an option that may be given several times, in their order. */
#define OPTION_TEXTS_MAX 32

struct option_texts {
	const char *items[OPTION_TEXTS_MAX];
	size_t count;
};

enum option_id {
#define OPTION(field, ...) OPTION_##field,
#include "sampler/options.def"
#include "exporter/options.def"
#undef OPTION
	OPTION_TOTAL
};

/* The value of every option: given, from the environment, or the default. */
struct options {
#define OPTION(field, kind, ...) OPTION_TYPE_##kind field;
#include "sampler/options.def"
#undef OPTION
#define OPTION(field, name, letter, commands, kind, ...) OPTION_TYPE_##kind field;
#include "exporter/options.def"
#undef OPTION
	bool given[OPTION_TOTAL]; /* on the command line or in the environment */
};

enum option_kind {
	OPTION_KIND_BYTES,
	OPTION_KIND_COUNT,
	OPTION_KIND_DURATION,
	OPTION_KIND_CHOICE,
	OPTION_KIND_LIST,
	OPTION_KIND_TEXT,
	OPTION_KIND_FLAG,
	OPTION_KIND_TEXTS,
};

/* A row of the table. */
struct option_row {
	const char *name; /* without "--" */
	char letter;	  /* 0: none */
	enum option_kind kind;
	const char *commands; /* names separated by blanks; "": none, environment only */
	bool is_setting;      /* of the library: HEAPTIDE_<NAME> in the environment sets it too */
	const char *initial;  /* default as text; "" and "auto": none to show */
	uint64_t minimum, maximum;
	const char *metavar, *meaning;
	size_t offset; /* of the value in struct options */
};

extern const struct option_row options_table[OPTION_TOTAL];

struct command;

/*
 * Fills *options from the defaults, the environment and argv (what follows the
 * command's name), and leaves the other arguments in argv, ended by NULL. Texts
 * point into argv and the environment. A bad setting in the environment is
 * noted and ignored. Returns 0; a status other than 0 after it has said what
 * is wrong; or OPTIONS_HELP when --help was asked for.
 */
int options_parse(const struct command *command, char **argv, struct options *options);

#define OPTIONS_HELP (-1)

/* Takes over from `others` what was not given; values of an option that may be
 * given several times come after those that were. Texts are borrowed. */
void options_merge(struct options *options, const struct options *others);

/* Puts the settings that were given into the environment, in the plain form that
 * the library reads, and removes the others from it. */
void options_export(const struct options *options);

/* True when the command takes the option. */
bool options_row_is_for(const struct option_row *row, const char *command);

/* The environment variable of a setting, in name[OPTIONS_VARIABLE_SIZE]. */
void options_variable(const struct option_row *row, char *name);

#define OPTIONS_VARIABLE_SIZE 64

/* How many letters must change to make one word of the other; words at most
 * OPTIONS_NEAR apart are worth suggesting. */
unsigned options_distance(const char *one, const char *other);

#define OPTIONS_NEAR 2

#endif
