/*
 * The configuration of the agent: a file of options and sinks, the command line
 * over it, and the environment below it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_AGENT_CONFIG_H
#define EXPORTER_AGENT_CONFIG_H

#include "exporter/command.h"
#include "exporter/destination.h"
#include "exporter/options.h"

struct agent_config {
	struct options options; /* the command line's and the file's */
	struct destination *destinations;
	size_t destination_count;
	char *text;	  /* of the file, into which the options point */
	char **arguments; /* the lines of the file as options */
	size_t argument_count;
};

/*
 * Reads the file that the options name, if they do, and makes the destinations.
 * A line of the file is an option without its dashes, and its value; one that is
 * indented belongs to the sink before it; `#` starts a comment. 0 or a status after
 * it has said what is wrong; then nothing is to be released.
 */
int agent_config_read(struct agent_config *config, const struct command *command,
		      const struct options *options);
void agent_config_free(struct agent_config *config);

#endif
