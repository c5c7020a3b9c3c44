/*
 * heaptide help.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "exporter/command.h"
#include "exporter/manual.h"

enum help_format { HELP_TEXT, HELP_MAN, HELP_MARKDOWN, HELP_COMPLETION };

static int help_run(const struct options *options, char **arguments)
{
	const struct command *command;

	switch ((enum help_format)options->help_format) {
	case HELP_MAN:
		manual_print_man(stdout);
		return 0;
	case HELP_MARKDOWN:
		manual_print_markdown(stdout);
		return 0;
	case HELP_COMPLETION:
		manual_print_completion(stdout);
		return 0;
	case HELP_TEXT:
		break;
	}
	if (!*arguments) {
		manual_print_overview(stdout);
		return 0;
	}
	command = command_find(*arguments);
	if (!command)
		return log_wrong_use("there is no command %s; `heaptide help` lists them",
				     *arguments);
	manual_print_command(stdout, command);
	return 0;
}

const struct command command_help = {
	.name = "help",
	.arguments = "[COMMAND]",
	.summary = "explain a command",
	.details = "Without a command it lists them all.",
	.examples = "heaptide help run\n"
		    "heaptide help --format man | man -l -\n",
	.maximum_arguments = 1,
	.run = help_run,
};
