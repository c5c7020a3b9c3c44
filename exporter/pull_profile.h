/*
 * The profile of one process, or of all processes of a service, for those who
 * ask for it: allocated amounts since the start, or since an earlier look.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_PULL_PROFILE_H
#define EXPORTER_PULL_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exporter/delta.h"
#include "exporter/key_map.h"
#include "exporter/profile_sum.h"
#include "exporter/roster.h"
#include "exporter/symbol_cache.h"

/* When a process was looked at, and what it had allocated by then. */
struct pull_look {
	char *segment;
	uint64_t time_ns; /* monotonic */
	struct delta_baseline baseline;
};

/* All zero: nobody has looked. */
struct pull_looks {
	struct pull_look *looks;
	size_t count;
};

/* The processes that are meant. */
struct pull_scope {
	const struct roster_process *processes;
	size_t count;
	bool is_service; /* else one process, with the addresses that it has */
};

/* Looks at every process. 0 or -ENOMEM. */
int pull_looks_take(struct pull_looks *looks, const struct pull_scope *scope);
void pull_looks_fini(struct pull_looks *looks);

struct pull_profile {
	const struct profile *profile;
	uint64_t duration_ns; /* since the looks before; 0: since the start */

	/* Private. */
	struct snapshot *snapshot; /* of the one process, or NULL */
	struct profile *own;	   /* its profile, or NULL */
	struct profile_sum *sum;   /* of a service, or NULL */
	struct symbols *symbols;
	struct key_map by_address;
	bool is_indexed;
};

/*
 * Makes the profile. With `looks`, allocated amounts are those since these, which
 * move on. An address in a service's profile means the same in every one, and no
 * other place has it. 0, -ENOENT when no process can be read, or -ENOMEM.
 */
int pull_profile_new(const struct pull_scope *scope, struct symbol_cache *cache,
		     struct pull_looks *looks, struct pull_profile *profile);
void pull_profile_fini(struct pull_profile *profile);

/* The name of the code at an address, or NULL; valid until pull_profile_fini(). */
const char *pull_profile_name(struct pull_profile *profile, uint64_t address);

#endif
