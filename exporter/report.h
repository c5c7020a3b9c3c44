/*
 * A report: the tables that were asked for, filled in from a profile. What the
 * text and the JSON form show is all in here, so they cannot differ.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_REPORT_H
#define EXPORTER_REPORT_H

#include "exporter/name_table.h"
#include "exporter/profile.h"
#include "leakcheck/callers.h"
#include "leakcheck/grouping.h"
#include "leakcheck/histogram.h"
#include "leakcheck/thread_list.h"
#include "leakcheck/view.h"

/* In the order of the words of --by. */
enum report_by {
	REPORT_BY_FUNCTION,
	REPORT_BY_STACK,
	REPORT_BY_MODULE,
	REPORT_BY_SIZE,
	REPORT_BY_LIFETIME,
	REPORT_BY_THREAD,
	REPORT_BY_COUNT
};

struct report_request {
	unsigned views; /* bit i: enum view_kind i */
	enum report_by by;
	bool overview;	    /* nothing in particular was asked for: choose the tables */
	bool lines;	    /* rows are source lines instead of functions */
	bool by_cumulative; /* order of the rows, instead of by flat amount */
	bool is_alive;	    /* the process still runs */
	const char *stored; /* not from a segment, but of what this says; else NULL */
	uint64_t top;	    /* rows per table */
	uint64_t young_ns;
	const char *focus, *ignore; /* "" or NULL: none */
	const char *target;	    /* the arguments that name the process in other commands */
};

/* A row of a function or module table: who stands behind it. */
struct report_row {
	const struct grouping_row *amounts;
	struct callers callers;
};

/* Stacks by function, line, module or whole stack. */
struct report_table {
	struct view view;
	enum report_by by;
	struct grouping grouping;
	struct report_row *rows; /* the first of the grouping's: `top` at most */
	size_t row_count;
	size_t row_total; /* rows there would be without that limit */
};

#define REPORT_TABLES_MAX 8

struct report {
	const struct profile *profile;
	struct report_request request;
	bool *selected; /* one per stack; NULL: all */
	uint32_t young_bucket;
	struct snapshot_amount totals[VIEW_KIND_COUNT]; /* of all stacks: 100 % */
	struct name_table names;			/* of the rows of `tables` */
	struct report_table tables[REPORT_TABLES_MAX];
	size_t table_count;
	struct histogram *histogram; /* by size or lifetime; else NULL */
	struct thread_list threads;  /* by thread */
};

/*
 * Borrows the profile. Returns 0, -ENOMEM, or -EINVAL with one sentence in
 * error[error_size] when what was asked for does not exist. Release with
 * report_fini() when it was 0.
 */
int report_fill(struct report *report, const struct profile *profile,
		const struct report_request *request, char *error, size_t error_size);
void report_fini(struct report *report);

/* The name of a view or a kind of table as options and JSON have it. */
const char *report_view_name(enum view_kind view);
const char *report_by_name(enum report_by by);

#endif
