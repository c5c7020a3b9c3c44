/*
 * The list of commands.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/command.h"

#include <string.h>

/* One a line. */
extern const struct command command_run;
extern const struct command command_ps;
extern const struct command command_report;
extern const struct command command_diff;
extern const struct command command_history;
extern const struct command command_export;
extern const struct command command_agent;
extern const struct command command_ctl;
extern const struct command command_clean;
extern const struct command command_help;

/* clang-format off */
const struct command *const command_list[] = {
	&command_run,
	&command_ps,
	&command_report,
	&command_diff,
	&command_history,
	&command_export,
	&command_agent,
	&command_ctl,
	&command_clean,
	&command_help,
	NULL,
};
/* clang-format on */

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
