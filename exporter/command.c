/*
 * The list of commands.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/command.h"

#include <string.h>

extern const struct command command_export, command_report, command_ctl, command_clean, command_help;

const struct command *const command_list[] = {
	&command_export,
	&command_report,
	&command_ctl,
	&command_clean,
	&command_help,
	NULL,
};

const struct command *command_find(const char *name)
{
	for (const struct command *const *command = command_list; *command; command++)
		if (strcmp((*command)->name, name) == 0)
			return *command;
	return NULL;
}

const char *command_suggest(const char *wrong)
{
	const char *best = NULL;
	unsigned best_distance = OPTIONS_NEAR + 1;

	for (const struct command *const *command = command_list; *command; command++) {
		const unsigned distance = options_distance((*command)->name, wrong);

		if (distance < best_distance) {
			best_distance = distance;
			best = (*command)->name;
		}
	}
	return best;
}
