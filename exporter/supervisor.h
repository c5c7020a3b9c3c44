/*
 * Running a program in our place: it gets our terminal, our signals and our
 * standard input, and we end when it does.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_SUPERVISOR_H
#define EXPORTER_SUPERVISOR_H

#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

struct supervisor {
	pid_t pid;		   /* of the program */
	int status;		   /* as wait() gives it, once it has ended */
	struct rusage usage;	   /* of the program, once it has ended */
	sigset_t waited;	   /* signals that are passed on, and SIGCHLD */
	sigset_t mask;		   /* what was blocked before */
	struct sigaction on_child; /* what was done about SIGCHLD before */
};

/*
 * Executes the file at `path`, with the environment changed by
 * prepare(context), which runs in the child. 0, or -errno when it could not be
 * started.
 */
int supervisor_start(struct supervisor *supervisor, const char *path, char *const arguments[],
		     void (*prepare)(void *context), void *context);

/*
 * Passes signals on until the program ends, reaps whatever child comes our way,
 * and calls tick(context) every tick_ns (0: never).
 */
void supervisor_wait(struct supervisor *supervisor, uint64_t tick_ns, void (*tick)(void *context),
		     void *context);

/* The exit status to end with: the program's, or 128 + signal. */
int supervisor_exit_status(const struct supervisor *supervisor);

#endif
