/*
 * The agent as a process: its configuration, its signals, its end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_AGENT_PROCESS_H
#define EXPORTER_AGENT_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "exporter/command.h"
#include "exporter/options.h"

/* Is the agent until it is told to end. Returns an exit status. */
int agent_process_run(const struct command *command, const struct options *options);

/* An agent beside `heaptide run`, for the processes of one run. */
struct agent_process {
	pid_t pid;	/* 0: there is none */
	int control_fd; /* closed, it tells the agent to end */
};

/* True when the options ask for one. */
bool agent_process_is_wanted(const struct options *options);

/*
 * Starts the agent. options->run_id says which processes are its own; their
 * segments stay. 0 or a status after it has said what is wrong.
 */
int agent_process_start(struct agent_process *process, const struct command *command,
			const struct options *options);

/* Lets it send what is left, and waits for that. */
void agent_process_stop(struct agent_process *process);

#endif
