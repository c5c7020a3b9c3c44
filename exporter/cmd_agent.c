/*
 * heaptide agent: sends the profiles of all profiled processes, for months.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/agent_process.h"
#include "exporter/command.h"

static int agent_command_run(const struct options *options, char **arguments);

const struct command command_agent = {
	.name = "agent",
	.arguments = "",
	.summary = "send the profiles of all profiled processes, again and again",
	.details =
		"It finds each segment as soon as it is made, looks at it at an interval and when "
		"its "
		"process ends, however that ends, and sends what was allocated since the last time "
		"and what is in use. The processes of one service with the same labels are added "
		"up. "
		"The segment of a process that has ended is removed when every sink has its "
		"profile.\n\n"
		"The service's name and labels come from the process's own environment "
		"(HEAPTIDE_SERVICE, HEAPTIDE_LABELS, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, "
		"PYROSCOPE_APPLICATION_NAME, PYROSCOPE_LABELS), then from --service and --label, "
		"then "
		"from the agent's environment; else the service is called as the command. The last "
		"profile of a process that was killed or crashed has the label `end`: `killed`, "
		"`crash` or `oom`.\n\n"
		"Each sink has a queue of its own, so that one which is slow or dead delays no "
		"other. "
		"What had to be dropped is added to the next profile. Without a sink on the "
		"command "
		"line or in the file, PYROSCOPE_SERVER_ADDRESS and "
		"OTEL_EXPORTER_OTLP_ENDPOINT are taken.\n\n"
		"The file of --config has one option a line, without dashes: `every 15s`. Lines "
		"that are "
		"indented are settings of the sink before them, as for --set: `tenant team-a`. The "
		"command line wins. SIGHUP reads the file again; SIGTERM sends what is left, "
		"within 5 "
		"seconds.",
	.examples = "heaptide agent --push http://localhost:4040\n"
		    "heaptide agent --push https://profiles.example.com --set user=1234 --set "
		    "password-file=/etc/heaptide/password\n"
		    "heaptide agent --folder /var/lib/profiles --set keep-bytes=1G --every 1m\n",
	.run = agent_command_run,
};

static int agent_command_run(const struct options *options, char **arguments)
{
	(void)arguments;
	return agent_process_run(&command_agent, options);
}
