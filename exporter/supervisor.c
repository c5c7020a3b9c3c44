/*
 * Running a program in our place. It stays in our process group, so that the
 * terminal's signals reach it as they would without us; those that were sent to
 * us alone are passed on. Works as process 1, where orphans must be reaped and
 * the kernel drops signals that nobody waits for: all of them are blocked and
 * taken one by one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* pipe2 */
#include "exporter/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "exporter/proc.h"

#define NS_PER_SECOND INT64_C(1000000000)

/* Signals that mean ourselves: faults, and the end of a stop. */
static const int own_signals[] = {SIGSEGV, SIGBUS, SIGFPE,  SIGILL,
				  SIGTRAP, SIGSYS, SIGABRT, SIGCONT};

static void block_signals(struct supervisor *supervisor)
{
	const struct sigaction plain = {.sa_handler = SIG_DFL};

	/* Who inherited an ignored SIGCHLD would never learn how a child ended. */
	sigaction(SIGCHLD, &plain, &supervisor->on_child);
	sigfillset(&supervisor->waited);
	for (size_t i = 0; i < sizeof(own_signals) / sizeof(own_signals[0]); i++)
		sigdelset(&supervisor->waited, own_signals[i]);
	sigprocmask(SIG_BLOCK, &supervisor->waited, &supervisor->mask);
}

static void unblock_signals(const struct supervisor *supervisor)
{
	sigaction(SIGCHLD, &supervisor->on_child, NULL);
	sigprocmask(SIG_SETMASK, &supervisor->mask, NULL);
}

/* In the child: becomes the program, or tells `report` why it cannot. */
__attribute__((noreturn)) static void become(const struct supervisor *supervisor, const char *path,
					     char *const arguments[], int report)
{
	int error;

	unblock_signals(supervisor);
	execv(path, arguments);
	error = errno;
	if (write(report, &error, sizeof(error)) != sizeof(error))
		_exit(126);
	_exit(127);
}

int supervisor_start(struct supervisor *supervisor, const char *path, char *const arguments[],
		     void (*prepare)(void *context), void *context)
{
	int report[2], error = 0;

	memset(supervisor, 0, sizeof(*supervisor));
	if (pipe2(report, O_CLOEXEC) != 0)
		return -errno;
	block_signals(supervisor);
	supervisor->pid = fork();
	if (supervisor->pid == 0) {
		prepare(context);
		become(supervisor, path, arguments, report[1]);
	}
	if (supervisor->pid < 0)
		error = errno;
	close(report[1]);
	/* Ends when exec closes the other end: nothing read means success. */
	while (supervisor->pid > 0 && read(report[0], &error, sizeof(error)) < 0 && errno == EINTR)
		;
	close(report[0]);
	if (error != 0) {
		if (supervisor->pid > 0)
			waitpid(supervisor->pid, NULL, 0);
		unblock_signals(supervisor);
	}
	return -error;
}

/* The kernel sends the terminal's signals to the whole group, the program
 * included, but a hang-up to the session's leader alone. An alarm() set before
 * we were executed was meant for the program. */
static bool is_for_program(const siginfo_t *info)
{
	if (info->si_pid == getpid() && info->si_code <= 0)
		return false;
	if (info->si_code > 0)
		return info->si_signo == SIGALRM ||
		       (info->si_signo == SIGHUP && getsid(0) == getpid());
	return true;
}

static void pass_on(const struct supervisor *supervisor, const siginfo_t *info)
{
	if (!is_for_program(info))
		return;
	if (info->si_code == SI_QUEUE)
		sigqueue(supervisor->pid, info->si_signo, info->si_value);
	else
		kill(supervisor->pid, info->si_signo);
}

/* Is there a shell that waits for us and takes the terminal when we stop? It
 * makes us the leader of a group, but not of the session. A SIGSTOP without
 * such a shell is somebody's who will continue the program alone. */
static bool is_shell_waiting(int stop_signal)
{
	const int terminal = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (terminal < 0)
		return false;
	close(terminal);
	return getsid(0) != getpid() && (stop_signal != SIGSTOP || getpgrp() == getpid());
}

/* The program has stopped, so we do, as the shell expects of its job. Not before
 * the program: it would go on reading from the terminal. */
static void stop_too(const struct supervisor *supervisor, int stop_signal)
{
	if (!is_shell_waiting(stop_signal) || proc_state(supervisor->pid) != 'T')
		return;
	raise(SIGSTOP);
	/* `fg` continues the group, but others may have continued only us. */
	if (proc_state(supervisor->pid) == 'T')
		kill(supervisor->pid, SIGCONT);
}

/* Reaps all that have ended; true when the program is among them. */
static bool reap(struct supervisor *supervisor)
{
	bool has_ended = false;
	struct rusage usage;
	int status;
	pid_t pid;

	while ((pid = wait4(-1, &status, WNOHANG | WUNTRACED, &usage)) > 0) {
		if (pid != supervisor->pid)
			continue;
		if (WIFSTOPPED(status)) {
			stop_too(supervisor, WSTOPSIG(status));
			continue;
		}
		supervisor->status = status;
		supervisor->usage = usage;
		has_ended = true;
	}
	return has_ended;
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

/* Waits for a signal; false when `until` came first. */
static bool wait_signal(const struct supervisor *supervisor, int64_t until, siginfo_t *info)
{
	for (;;) {
		const int64_t left = until - now_ns();
		const struct timespec timeout = {.tv_sec = left / NS_PER_SECOND,
						 .tv_nsec = left % NS_PER_SECOND};

		if (left <= 0)
			return false;
		if (sigtimedwait(&supervisor->waited, info, &timeout) > 0)
			return true;
	}
}

/* The verdict is written to its end whatever is sent to us, but whoever sits at
 * the terminal need not wait for it. */
static void let_user_interrupt(void)
{
	sigset_t interrupts;

	sigemptyset(&interrupts);
	sigaddset(&interrupts, SIGINT);
	sigaddset(&interrupts, SIGQUIT);
	sigprocmask(SIG_UNBLOCK, &interrupts, NULL);
}

void supervisor_wait(struct supervisor *supervisor, uint64_t tick_ns, void (*tick)(void *context),
		     void *context)
{
	int64_t next_tick = tick_ns ? now_ns() + (int64_t)tick_ns : INT64_MAX;
	siginfo_t info;

	for (;;) {
		if (!wait_signal(supervisor, next_tick, &info)) {
			tick(context);
			next_tick = now_ns() + (int64_t)tick_ns;
		} else if (info.si_signo != SIGCHLD) {
			pass_on(supervisor, &info);
		} else if (reap(supervisor)) {
			break;
		}
	}
	let_user_interrupt();
}

int supervisor_exit_status(const struct supervisor *supervisor)
{
	if (WIFSIGNALED(supervisor->status))
		return 128 + WTERMSIG(supervisor->status);
	return WEXITSTATUS(supervisor->status);
}
