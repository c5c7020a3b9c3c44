/*
 * heaptide run: starts a program with the library preloaded, stands in for it
 * while it runs, and says at the end where its heap went.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* mkostemp */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "exporter/agent_process.h"
#include "exporter/command.h"
#include "exporter/preload.h"
#include "exporter/program.h"
#include "exporter/run_family.h"
#include "exporter/supervisor.h"
#include "exporter/units.h"
#include "exporter/verdict.h"

/* One run, from its preparation to its verdict. */
struct run {
	struct options options; /* the settings that the program gets */
	char library[PATH_MAX];
	char directory[PATH_MAX]; /* of the segments, absolute */
	char id[32];
	bool can_preload;
	bool can_record; /* nothing known stands in the way */
	struct run_family family;
	struct supervisor supervisor;
	struct agent_process agent;
	struct snapshot_amount last_allocated; /* at the last heartbeat */
	uint64_t last_ns;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void choose_id(struct run *run)
{
	run->family = (struct run_family){.options = &run->options,
					  .run_id = run->id,
					  .started_ns = clock_ns(CLOCK_REALTIME)};
	snprintf(run->id, sizeof(run->id), "%d-%llx", (int)getpid(),
		 (unsigned long long)run->family.started_ns);
	run->options.run_id = run->id;
	run->options.given[OPTION_run_id] = true;
}

/* The profile's folder must be there before the program has run for hours. */
static int check_output(const char *path)
{
	char folder[PATH_MAX];
	char *slash;

	if (*path == '\0' || strcmp(path, "-") == 0)
		return 0;
	if (strlen(path) >= sizeof(folder))
		return log_wrong_use("--output: the name is too long");
	strcpy(folder, path);
	slash = strrchr(folder, '/');
	if (!slash)
		strcpy(folder, ".");
	else
		slash[slash == folder] = '\0';
	if (access(folder, W_OK | X_OK) != 0)
		return log_wrong_use("--output %s: cannot write in %s: %s", path, folder,
				     strerror(errno));
	return 0;
}

/* Makes the folder of the segments and a file in it, which is removed at once:
 * permission bits alone do not tell. */
static int try_directory(const char *path)
{
	char file[PATH_MAX];
	int fd;

	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return -errno;
	if (snprintf(file, sizeof(file), "%s/.try.XXXXXX", path) >= (int)sizeof(file))
		return -ENAMETOOLONG;
	fd = mkostemp(file, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	close(fd);
	unlink(file);
	return 0;
}

/* RLIMIT_FSIZE bounds the segment, which needs the smallest budget. */
static bool has_room_for_segments(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_FSIZE, &limit) != 0 ||
	       limit.rlim_cur >= options_table[OPTION_budget].minimum;
}

/* The program may change its directory: that of the segments must be absolute. */
static void prepare_directory(struct run *run)
{
	char path[PATH_MAX];
	int error;

	if (targets_directory(&run->options, path) != 0)
		return;
	error = try_directory(path);
	if (error != 0)
		log_note("nothing can be recorded: cannot write in %s: %s; choose another place "
			 "with --dir",
			 path, strerror(-error));
	else if (!has_room_for_segments())
		log_note("nothing can be recorded: files may not grow large enough; raise the "
			 "limit with `ulimit -f`");
	else if (run->options.given[OPTION_dir] && realpath(path, run->directory))
		run->options.dir = run->directory;
	run->can_record = error == 0 && has_room_for_segments();
}

static int refuse_program(const char *name, int error)
{
	if (error == -ENOENT) {
		log_failure("there is no program %s%s", name,
			    strchr(name, '/') ? "" : " in PATH; give its path if it is elsewhere");
		return 127;
	}
	log_failure("cannot execute %s: %s", name, strerror(-error));
	return 126;
}

static void set_environment(void *context)
{
	struct run *run = context;

	if (run->options.no_children) {
		run->options.only_pid = (uint64_t)getpid();
		run->options.given[OPTION_only_pid] = true;
	}
	preload_set_environment(run->can_preload ? run->library : NULL, &run->options);
}

static void print_heartbeat(void *context)
{
	struct run *run = context;
	struct snapshot *snapshot = run_family_present(&run->family);
	const uint64_t now = clock_ns(CLOCK_MONOTONIC);
	uint64_t fresh;

	if (!snapshot) {
		log_note("nothing sampled yet");
		return;
	}
	fresh = snapshot->allocated.bytes > run->last_allocated.bytes
			? snapshot->allocated.bytes - run->last_allocated.bytes
			: 0;
	log_note("%s (%u): heap %s, peak %s, allocated %s, %s/s", snapshot->command, snapshot->pid,
		 units_format_bytes(snapshot->live.bytes).text,
		 units_format_bytes(snapshot->peak.bytes).text,
		 units_format_bytes(snapshot->allocated.bytes).text,
		 units_format_bytes((uint64_t)((double)fresh * 1e9 / (double)(now - run->last_ns)))
			 .text);
	run->last_allocated = snapshot->allocated;
	run->last_ns = now;
	snapshot_free(snapshot);
}

/* A script without #!, as shells run it. */
static int start_shell(struct run *run, char *path, char **arguments)
{
	size_t count = 0;
	char **shell_arguments;
	int error;

	while (arguments[count])
		count++;
	shell_arguments = calloc(count + 2, sizeof(*shell_arguments));
	if (!shell_arguments)
		return -ENOMEM;
	shell_arguments[0] = "sh";
	shell_arguments[1] = path;
	memcpy(shell_arguments + 2, arguments + 1, (count - 1) * sizeof(*arguments));
	error = supervisor_start(&run->supervisor, "/bin/sh", shell_arguments, set_environment,
				 run);
	free(shell_arguments);
	return error;
}

static int start_program(struct run *run, char **arguments)
{
	struct program program;
	int error = program_find(arguments[0], &program);

	if (error != 0)
		return refuse_program(arguments[0], error);
	if (*program.obstacle) {
		log_note("%s", program.obstacle);
		run->can_record = false;
	}
	run->can_preload = program.can_preload;
	run->last_ns = clock_ns(CLOCK_MONOTONIC);
	error = supervisor_start(&run->supervisor, program.path, arguments, set_environment, run);
	if (error == -ENOEXEC && program.is_text)
		error = start_shell(run, program.path, arguments);
	if (error == -ENOENT) {
		log_failure("cannot execute %s: the interpreter or loader it names is not there",
			    arguments[0]);
		return 127;
	}
	if (error != 0)
		return refuse_program(arguments[0], error);
	run->family.program = run->supervisor.pid;
	return 0;
}

static void say_nothing_sampled(uint64_t interval, const char *name)
{
	if (interval == 1)
		log_note("%s allocated nothing that could be seen", name);
	else
		log_note("nothing was sampled: %s allocated too little for one sample per %s; "
			 "record "
			 "every allocation with: heaptide run --interval 1 -- %s ...",
			 name, units_format_bytes(interval).text, name);
}

extern const struct command command_run;

static int run_run(const struct options *options, char **arguments)
{
	struct run run = {.options = *options};
	int status = check_output(options->run_output);

	if (status == 0)
		status = preload_find_library(run.library);
	if (status != 0)
		return status;
	prepare_directory(&run);
	choose_id(&run);
	if (agent_process_is_wanted(options))
		status = agent_process_start(&run.agent, &command_run, &run.options);
	if (status == 0)
		status = start_program(&run, arguments);
	if (status != 0) {
		agent_process_stop(&run.agent);
		return status;
	}
	supervisor_wait(&run.supervisor, options->progress ? options->progress_every : 0,
			print_heartbeat, &run);
	agent_process_stop(&run.agent);
	if (!verdict_print(&run.family, &run.supervisor) && run.can_record && !options->quiet)
		say_nothing_sampled(options->interval, arguments[0]);
	return supervisor_exit_status(&run.supervisor);
}

const struct command command_run = {
	.name = "run",
	.arguments = "[--] PROGRAM [ARGUMENT...]",
	.summary = "run a program and say where its heap went",
	.details =
		"The program runs with the profiler preloaded; so do the processes that it "
		"starts. Its terminal, standard input, signals and exit status are its own. At "
		"the end a verdict on stderr says what was allocated, what the heap held at its "
		"peak and at the exit, by which functions, how sure these numbers are, and what "
		"could not be seen. The profile is written for pprof, and the segment stays for "
		"`heaptide report`.\n\n"
		"With --push and the like an agent runs beside it, which sends profiles while the "
		"program runs and when it has ended, as `heaptide agent` does.\n\n"
		"It can be the first process of a container.",
	.examples = "heaptide run -- redis-server --port 7000\n"
		    "heaptide run --interval 1 -o exact.pb.gz -- ./parser input.xml\n"
		    "heaptide run --progress --every 10s -- python3 train.py\n"
		    "heaptide run --push http://pyroscope:4040 -- ./server\n",
	.minimum_arguments = 1,
	.runs_program = true,
	.run = run_run,
};
