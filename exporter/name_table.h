/*
 * What the rows of a table are called: the frames of a profile's stacks as
 * functions, as source lines or as modules, each name once.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_NAME_TABLE_H
#define EXPORTER_NAME_TABLE_H

#include "exporter/profile.h"
#include "leakcheck/grouping.h"

enum name_table_kind {
	NAME_TABLE_FUNCTIONS,
	NAME_TABLE_LINES, /* "function file:line"; needs a profile with lines */
	NAME_TABLE_MODULES,
};

struct name_table {
	enum name_table_kind kind;
	const char **names;	      /* by id, in the order of the names */
	size_t *origins;	      /* by id: a line of the profile that has the name (modules: a
			       mapping, or mapping_count for frames of none) */
	struct grouping_names frames; /* the profile's stacks as ids */
	char *texts;		      /* storage of the names that were put together */
};

/* The profile must outlive the table. 0 or -ENOMEM; release with name_table_free(). */
int name_table_fill(struct name_table *table, const struct profile *profile,
		    enum name_table_kind kind);
void name_table_free(struct name_table *table);

#endif
