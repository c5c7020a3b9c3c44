/*
 * Writes down the signals it receives: "ready", then for each its number, its
 * si_code and its value, until SIGRTMAX ends it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	siginfo_t info;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("ready %d\n", (int)getpid());
	while (sigwaitinfo(&all, &info) > 0 && info.si_signo != SIGRTMAX)
		printf("%d %d %d\n", info.si_signo, info.si_code,
		       info.si_code == SI_QUEUE ? info.si_value.sival_int : 0);
	return 9;
}
