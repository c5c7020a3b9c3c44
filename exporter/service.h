/*
 * What a process's service is called, and its labels: from its own environment, from
 * options, from the agent's environment, else from its command's name.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_SERVICE_H
#define EXPORTER_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "exporter/labels.h"

/* Labels that are there only when asked for; bits in the order of --with. */
enum service_extra { SERVICE_PID = 1 << 0, SERVICE_HOST = 1 << 1, SERVICE_CONTAINER = 1 << 2 };

struct service_options {
	const char *name;	   /* --service, or "" */
	const char *const *labels; /* --label, each "name=value" */
	size_t label_count;
	unsigned extra;	  /* enum service_extra */
	bool options_win; /* over the process's own environment */
};

/* An environment: variables, each ended by NUL, one after the other. */
struct service_environment {
	const char *text;
	size_t size;
};

/*
 * The labels that an environment states; without any, the set stays as it is.
 * Service names come from HEAPTIDE_SERVICE, OTEL_SERVICE_NAME, service.name of
 * OTEL_RESOURCE_ATTRIBUTES, PYROSCOPE_APPLICATION_NAME, in this order. 0 or -ENOMEM.
 */
int service_read_environment(const struct service_environment *environment, struct labels *labels);

/* The labels of a process. `pid` is its number here, or 0 when it does not run. 0 or -ENOMEM. */
int service_labels(const struct service_options *options, pid_t pid, const char *command,
		   struct labels *labels);

/* The id of the container in the text of a cgroup file, into id[65]; "" when there is none. */
void service_container_id(const char *cgroup, char *id);

#endif
