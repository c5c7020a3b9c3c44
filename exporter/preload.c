/*
 * Preloading the library into a program.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* asprintf */
#include "exporter/preload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exporter/log.h"

#define LIBRARY "libheaptide.so"

static const char *const places[] = {LIBRARY, "../lib/heaptide/" LIBRARY};

int preload_find_library(char path[PATH_MAX])
{
	char folder[PATH_MAX], candidate[PATH_MAX];
	const ssize_t length = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
	char *slash;

	if (length < 0)
		return log_failure("cannot find %s: /proc is not mounted", LIBRARY);
	folder[length] = '\0';
	slash = strrchr(folder, '/');
	if (slash)
		*slash = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (snprintf(candidate, sizeof(candidate), "%s/%s", folder, places[i]) >=
			    PATH_MAX ||
		    !realpath(candidate, path) || access(path, R_OK) != 0)
			continue;
		/* LD_PRELOAD is a list that blanks and colons separate. */
		if (strpbrk(path, " :"))
			return log_failure("%s cannot be preloaded from a folder with a blank or a "
					   "colon in its name; install heaptide elsewhere",
					   path);
		return 0;
	}
	return log_failure("%s is neither in %s nor in %s/../lib/heaptide; build it with `make`",
			   LIBRARY, folder, folder);
}

void preload_set_environment(const char *library, const struct options *settings)
{
	const char *others = getenv("LD_PRELOAD");
	char *list;

	options_export(settings);
	if (!library)
		return;
	if (!others || *others == '\0')
		setenv("LD_PRELOAD", library, 1);
	else if (strncmp(others, library, strlen(library)) != 0 &&
		 asprintf(&list, "%s:%s", library, others) > 0) {
		setenv("LD_PRELOAD", list, 1);
		free(list);
	}
}
