/*
 * What a command is. Each lives in cmd_<name>.c, which exports one
 * `const struct command command_<name>`, and is listed in command.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_COMMAND_H
#define EXPORTER_COMMAND_H

#include <stdbool.h>

#include "exporter/log.h"
#include "exporter/options.h"

struct command {
	const char *name;
	const char *arguments; /* as shown after the options: "[PID|FILE]" */
	const char *summary;   /* one line for lists, no full stop */
	/* For --help, the manual page and the docs: paragraphs, separated by an
	 * empty line, `code` between backticks; a line is broken where it reads. */
	const char *details;
	const char *examples; /* shell lines, each ended by a newline */
	int minimum_arguments, maximum_arguments;
	bool runs_program; /* the first argument ends the options */
	/* Borrows both. `arguments` ends with NULL. Returns the exit status:
	 * 0, enum exit_status, or the program's. */
	int (*run)(const struct options *options, char **arguments);
};

/* All commands in the order of the lists, ended by NULL. */
extern const struct command *const command_list[];

/* NULL when there is no such command. */
const struct command *command_find(const char *name);

/* The name most like `wrong`, or NULL when none is near. */
const char *command_suggest(const char *wrong);

#endif
