/*
 * Chooses and fills the tables of a report. The arithmetic is leakcheck's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "exporter/stack_filter.h"

/* How many callers a row names, and how many stacks an overview has. */
#define ROW_CALLERS 3
#define OVERVIEW_STACKS 3

static const char *const view_names[VIEW_KIND_COUNT] = {
	[VIEW_INUSE] = "inuse",
	[VIEW_ALLOC] = "alloc",
	[VIEW_PEAK] = "peak",
	[VIEW_TEMPORARY] = "temporary",
};

static const char *const by_names[REPORT_BY_COUNT] = {
	[REPORT_BY_FUNCTION] = "function", [REPORT_BY_STACK] = "stack",
	[REPORT_BY_MODULE] = "module",	   [REPORT_BY_SIZE] = "size",
	[REPORT_BY_LIFETIME] = "lifetime", [REPORT_BY_THREAD] = "thread",
};

const char *report_view_name(enum view_kind view)
{
	return view_names[view];
}

const char *report_by_name(enum report_by by)
{
	return by_names[by];
}

static struct view make_view(const struct report *report, enum view_kind kind)
{
	return (struct view){
		.snapshot = report->profile->snapshot,
		.kind = kind,
		.young_bucket = report->young_bucket,
		.selected = report->selected,
	};
}

static void fill_totals(struct report *report)
{
	unsigned kind;

	for (kind = 0; kind < VIEW_KIND_COUNT; kind++) {
		struct view view = make_view(report, kind);

		view.selected = NULL;
		report->totals[kind] = view_total(&view);
	}
}

/*
 * An overview by flat amount names what allocates, and leaves main() and the like
 * to its stacks.
 */
static size_t count_rows(const struct report *report, const struct grouping *grouping)
{
	size_t count = grouping->count;

	if (!report->request.overview || report->request.by_cumulative)
		return count;
	while (count > 0 && grouping->rows[count - 1].flat.samples == 0)
		count--;
	return count;
}

static int fill_rows(struct report *report, struct report_table *table, uint64_t top)
{
	size_t i;
	int status = 0;

	table->row_total = count_rows(report, &table->grouping);
	table->row_count = table->row_total < top ? table->row_total : top;
	table->rows = calloc(table->row_count + 1, sizeof(*table->rows));
	if (!table->rows)
		return -ENOMEM;
	for (i = 0; i < table->row_count && !status; i++) {
		table->rows[i].amounts = &table->grouping.rows[i];
		if (table->by == REPORT_BY_FUNCTION)
			status = callers_find(&table->rows[i].callers, &table->view,
					      &report->names.frames, table->grouping.rows[i].key,
					      ROW_CALLERS);
	}
	return status;
}

static int add_table(struct report *report, enum view_kind kind, enum report_by by, uint64_t top)
{
	struct report_table *table = &report->tables[report->table_count++];
	int status;

	table->view = make_view(report, kind);
	table->by = by;
	if (by == REPORT_BY_STACK)
		status = grouping_by_stack(&table->grouping, &table->view, &report->names.frames);
	else
		status = grouping_by_name(&table->grouping, &table->view, &report->names.frames);
	if (status)
		return status;
	if (report->request.by_cumulative)
		grouping_sort_cumulative(&table->grouping);
	return fill_rows(report, table, top);
}

/* The peak is worth a table of its own when it was not about now. */
static bool peak_differs(const struct report *report)
{
	return (double)report->totals[VIEW_INUSE].bytes <
	       0.95 * (double)report->totals[VIEW_PEAK].bytes;
}

static int add_overview_stacks(struct report *report, enum view_kind kind)
{
	const uint64_t top = report->request.top;

	return add_table(report, kind, REPORT_BY_STACK,
			 top < OVERVIEW_STACKS ? top : OVERVIEW_STACKS);
}

/* When nothing is in use any more, the stacks shown are those of the peak. */
static int add_overview(struct report *report)
{
	const uint64_t top = report->request.top;
	const bool has_inuse = report->totals[VIEW_INUSE].samples > 0;
	int status = add_table(report, VIEW_INUSE, REPORT_BY_FUNCTION, top);

	if (!status && has_inuse)
		status = add_overview_stacks(report, VIEW_INUSE);
	if (!status && peak_differs(report))
		status = add_table(report, VIEW_PEAK, REPORT_BY_FUNCTION, top);
	if (!status && peak_differs(report) && !has_inuse)
		status = add_overview_stacks(report, VIEW_PEAK);
	if (!status)
		status = add_table(report, VIEW_ALLOC, REPORT_BY_FUNCTION, top);
	return status;
}

static int add_tables(struct report *report)
{
	const struct report_request *request = &report->request;
	enum name_table_kind names = request->by == REPORT_BY_MODULE ? NAME_TABLE_MODULES
				     : request->lines		     ? NAME_TABLE_LINES
								     : NAME_TABLE_FUNCTIONS;
	unsigned kind;
	int status = name_table_fill(&report->names, report->profile, names);

	if (status)
		return status;
	if (request->overview)
		return add_overview(report);
	for (kind = 0; kind < VIEW_KIND_COUNT && !status; kind++) {
		if (request->views & 1U << kind)
			status = add_table(report, kind, request->by, request->top);
	}
	return status;
}

/* A process that has ended grows no older. */
static uint64_t process_now_ns(const struct report *report)
{
	const struct snapshot *snapshot = report->profile->snapshot;

	return report->request.is_alive ? snapshot->taken_monotonic_ns
					: snapshot->last_sample_monotonic_ns;
}

static int fill_histogram(struct report *report, enum segment_histogram_kind kind)
{
	report->histogram = malloc(sizeof(*report->histogram));
	if (!report->histogram)
		return -ENOMEM;
	histogram_fill(report->histogram, report->profile->snapshot, kind, report->selected,
		       process_now_ns(report));
	return 0;
}

/* Sizes, lifetimes and threads are recorded for what was allocated and for what is
 * in use only. */
/* Stored profiles have amounts only. */
static int check_stored(const struct report_request *request, char *error, size_t error_size)
{
	const unsigned kept = 1U << VIEW_INUSE | 1U << VIEW_ALLOC;

	if (!request->stored)
		return 0;
	if (request->by >= REPORT_BY_SIZE)
		snprintf(error, error_size,
			 "--by %s needs a segment: stored profiles have stacks only",
			 by_names[request->by]);
	else if (!request->overview && request->views & ~kept)
		snprintf(error, error_size,
			 "stored profiles have what is in use and was allocated, not --view %s",
			 view_names[request->views & 1U << VIEW_PEAK ? VIEW_PEAK : VIEW_TEMPORARY]);
	else
		return 0;
	return -EINVAL;
}

static int check_views(const struct report_request *request, char *error, size_t error_size)
{
	const unsigned recorded = 1U << VIEW_INUSE | 1U << VIEW_ALLOC;

	if (request->by < REPORT_BY_SIZE || !(request->views & ~recorded))
		return 0;
	snprintf(error, error_size, "--by %s goes with --view inuse and alloc, not with %s",
		 by_names[request->by],
		 view_names[request->views & 1U << VIEW_PEAK ? VIEW_PEAK : VIEW_TEMPORARY]);
	return -EINVAL;
}

static int fill_threads(struct report *report, char *error, size_t error_size)
{
	unsigned *const views = &report->request.views;

	if (report->selected)
		*views &= ~(1U << VIEW_ALLOC);
	if (*views)
		return thread_list_fill(&report->threads, report->profile->snapshot,
					report->selected);
	snprintf(error, error_size,
		 "what a thread allocated is not recorded by stack: with --by thread, --focus and "
		 "--ignore go with --view inuse");
	return -EINVAL;
}

static int fill_tables(struct report *report, char *error, size_t error_size)
{
	switch (report->request.by) {
	case REPORT_BY_SIZE:
		return fill_histogram(report, SEGMENT_HISTOGRAM_SIZE);
	case REPORT_BY_LIFETIME:
		return fill_histogram(report, SEGMENT_HISTOGRAM_LIFETIME);
	case REPORT_BY_THREAD:
		return fill_threads(report, error, error_size);
	default:
		return add_tables(report);
	}
}

int report_fill(struct report *report, const struct profile *profile,
		const struct report_request *request, char *error, size_t error_size)
{
	int status = check_views(request, error, error_size);

	if (!status)
		status = check_stored(request, error, error_size);
	*report = (struct report){.profile = profile, .request = *request};
	if (status)
		return status;
	report->young_bucket = histogram_nearest_border(request->young_ns);
	status = stack_filter_select(profile, request->focus, request->ignore, &report->selected,
				     error, error_size);
	if (!status) {
		fill_totals(report);
		status = fill_tables(report, error, error_size);
	}
	if (status == -ENOMEM)
		snprintf(error, error_size, "out of memory");
	if (status)
		report_fini(report);
	return status;
}

void report_fini(struct report *report)
{
	size_t i;

	for (i = 0; i < report->table_count; i++) {
		grouping_free(&report->tables[i].grouping);
		free(report->tables[i].rows);
	}
	name_table_free(&report->names);
	thread_list_free(&report->threads);
	free(report->histogram);
	free(report->selected);
	*report = (struct report){0};
}
