/*
 * The difference of two profiles as tables, for people and as JSON.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_DIFFERENCE_H
#define EXPORTER_DIFFERENCE_H

#include <stdint.h>
#include <stdio.h>

#include "exporter/name_table.h"
#include "exporter/profile.h"
#include "leakcheck/growth.h"
#include "leakcheck/view.h"

/* Raised when a member of the JSON form changes its meaning. */
#define DIFFERENCE_JSON_VERSION 1

struct difference_request {
	enum view_kind kind;	    /* inuse or alloc */
	const char *focus, *ignore; /* "" or NULL: none */
	bool lines;
	uint64_t top; /* rows per table */
};

struct difference {
	const struct profile *pair;
	struct difference_request request;
	bool *selected;
	struct name_table names;
	struct growth functions, stacks;
};

/* Borrows a pair as of profile_pair_fill(). 0, -ENOMEM, or -EINVAL with a sentence in
 * error[error_size]. Release with difference_fini() when it was 0. */
int difference_fill(struct difference *difference, const struct profile *pair,
		    const struct difference_request *request, char *error, size_t error_size);
void difference_fini(struct difference *difference);

/* What the two sides are called. 0 or -ENOMEM. */
int difference_print_text(const struct difference *difference, const char *before,
			  const char *after, FILE *out, unsigned width);
void difference_print_json(const struct difference *difference, const char *before,
			   const char *after, FILE *out);

#endif
