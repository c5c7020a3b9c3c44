/*
 * The program that `heaptide run` is to start: where it is, and whether the
 * library can be preloaded into it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_PROGRAM_H
#define EXPORTER_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

struct program {
	char path[PATH_MAX]; /* the file that is executed */
	bool is_text;	     /* neither ELF nor #!: for the shell, if the kernel refuses it */
	/* One sentence that says why its allocations cannot be seen and what
	 * would work instead; "" when they can. */
	char obstacle[2 * PATH_MAX];
	bool can_preload; /* false: it would not start with the library */
};

/*
 * Finds the command as execvp() does and looks at its file, through #! lines.
 * 0, -ENOENT (no such command) or -EACCES (not executable).
 */
int program_find(const char *command, struct program *program);

#endif
