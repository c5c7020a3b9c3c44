/*
 * The entry of the heaptide command: finds the command, reads its options,
 * runs it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "exporter/command.h"
#include "exporter/manual.h"

static int refuse_command(const char *name)
{
	const char *suggestion = command_suggest(name);

	if (suggestion)
		return log_wrong_use("there is no command %s; did you mean %s?", name, suggestion);
	if (access(name, X_OK) == 0)
		return log_wrong_use("there is no command %s; to profile that program: "
				     "heaptide run -- %s",
				     name, name);
	return log_wrong_use("there is no command %s; `heaptide help` lists them", name);
}

static int run_command(const struct command *command, char **argv)
{
	struct options options;
	int status;

	log_set_command(command->name);
	status = options_parse(command, argv, &options);
	if (status == OPTIONS_HELP) {
		manual_print_command(stdout, command);
		return 0;
	}
	if (status != 0)
		return status;
	return command->run(&options, argv);
}

static int choose(char **argv)
{
	const struct command *command;

	if (!*argv) {
		manual_print_overview(stderr);
		return STATUS_WRONG_USE;
	}
	if (strcmp(*argv, "--help") == 0 || strcmp(*argv, "-h") == 0) {
		manual_print_overview(stdout);
		return 0;
	}
	if (strcmp(*argv, "--version") == 0) {
		printf("heaptide %s\n", HEAPTIDE_VERSION);
		return 0;
	}
	command = command_find(*argv);
	if (!command)
		return refuse_command(*argv);
	return run_command(command, argv + 1);
}

/* A standard descriptor that is closed would be taken by the next file that is
 * opened, and written to. The program of `heaptide run` finds it closed still. */
static void keep_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	keep_standard_descriptors();
	const int status = argc > 0 ? choose(argv + 1) : STATUS_WRONG_USE;

	if (fflush(stdout) != 0 && status == 0)
		return log_failure("cannot write the output: %s", strerror(errno));
	return status;
}
