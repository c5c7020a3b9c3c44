/*
 * Lays out the tables of a report: by name, by stack, by size, by lifetime and
 * by thread. Errors stand beside the numbers; exact numbers have none, and their
 * column goes away.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/report_tables.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/amount_text.h"
#include "exporter/text_table.h"
#include "leakcheck/amount.h"

/* Frames of a stack in an overview. */
#define OVERVIEW_FRAMES 10
/* The bar of a histogram for 100 %. */
#define BAR "####################"
#define BAR_LENGTH 20
#define INDENT 2
/* Terminals below it show less beside the names. */
#define NARROW 100
/* What stands before the name of a caller. */
#define CALLER " <- "
#define FRAME_INDENT 6
#define COLUMN_COUNT(columns) (sizeof(columns) / sizeof((columns)[0]))

static bool shows(const struct report *report, enum view_kind kind)
{
	return report->request.views & 1U << kind;
}

static struct snapshot_amount sum_of(const struct snapshot_amount *amounts)
{
	struct snapshot_amount sum = {0};
	uint32_t i;

	for (i = 0; i < SEGMENT_HISTOGRAM_BUCKETS; i++)
		amount_add(&sum, &amounts[i]);
	return sum;
}

/* Three cells: bytes, error and share. */
static void add_amount(struct text_table *table, const struct snapshot_amount *amount,
		       const struct snapshot_amount *whole)
{
	const bool is_some = amount->samples > 0;

	text_table_add(table, "%s", is_some ? amount_text_bytes(amount).text : "-");
	text_table_add(table, "%s", is_some ? amount_text_error(amount).text : "");
	text_table_add(table, "%s", is_some ? amount_text_share(amount, whole).text : "");
}

static void add_objects(struct text_table *table, const struct snapshot_amount *amount)
{
	text_table_add(table, "%s", amount->samples ? amount_text_objects(amount).text : "");
}

/* Empty cells, so that their columns go away. */
static void add_nothing(struct text_table *table, unsigned count)
{
	while (count--)
		text_table_add(table, "%s", "");
}

/* The four cells of an amount and its objects. */
static void add_view(struct text_table *table, bool is_shown, const struct snapshot_amount *amount,
		     const struct snapshot_amount *whole)
{
	if (!is_shown) {
		add_nothing(table, 4);
		return;
	}
	add_amount(table, amount, whole);
	add_objects(table, amount);
}

static void print_title(const struct report *report, const struct report_table *table, FILE *out)
{
	static const char *const titles[VIEW_KIND_COUNT] = {
		[VIEW_INUSE] = "In use",
		[VIEW_ALLOC] = "Allocated",
		[VIEW_PEAK] = "In use at the peak",
		[VIEW_TEMPORARY] = "Temporary",
	};
	const bool is_by_line = table->by == REPORT_BY_FUNCTION && report->request.lines;
	const struct snapshot_amount *const whole = &report->totals[table->view.kind];

	fprintf(out, "\n%s, by %s: %s", titles[table->view.kind],
		is_by_line ? "line" : report_by_name(table->by),
		amount_text_sentence(&table->grouping.total).text);
	if (report->selected && table->grouping.total.samples == 0)
		fputs(" matches", out);
	else if (report->selected)
		fprintf(out, " match, %s of all",
			amount_text_share(&table->grouping.total, whole).text);
	if (table->row_count < table->row_total)
		fprintf(out, " (the largest %zu of %zu)", table->row_count, table->row_total);
	fputc('\n', out);
}

/* The length of a C++ name without its parameters, which callers are shown without. */
static int bare_length(const char *name)
{
	const char *const end = strrchr(name, ')');
	const char *at = end;
	int depth = 0;

	/* More than "const" or a compiler's remark behind it: not a list of parameters. */
	if (!end || (end[1] != '\0' && end[1] != ' '))
		return (int)strlen(name);
	for (; at > name; at--) {
		depth += (*at == ')') - (*at == '(');
		if (depth == 0)
			return (int)(at - name);
	}
	return (int)strlen(name);
}

/* "name <- caller <- caller" */
static void add_name(struct text_table *table, const struct report *report,
		     const struct report_row *row)
{
	char *text = NULL;
	size_t size;
	FILE *const stream = open_memstream(&text, &size);
	uint32_t i;

	if (!stream) {
		table->failed = true;
		return;
	}
	fputs(report->names.names[row->amounts->key], stream);
	for (i = 0; i < row->callers.count; i++) {
		const char *const name = report->names.names[row->callers.ids[i]];

		fprintf(stream, CALLER "%.*s", bare_length(name), name);
	}
	if (fclose(stream))
		table->failed = true;
	else
		text_table_add(table, "%s", text);
	free(text);
}

/* An overview has no cumulative amounts, a narrow terminal has them only. */
static void add_cumulative(struct text_table *table, const struct report *report,
			   const struct report_table *from, const struct snapshot_amount *amount,
			   unsigned width)
{
	if (report->request.overview && !report->request.by_cumulative) {
		add_nothing(table, 3);
	} else if (width > 0 && width < NARROW) {
		text_table_add(table, "%s", amount_text_bytes(amount).text);
		add_nothing(table, 2);
	} else {
		add_amount(table, amount, &report->totals[from->view.kind]);
	}
}

/* Seven cells and a name. */
static void add_row(struct text_table *table, const struct report *report,
		    const struct report_table *from, const struct report_row *row, unsigned width)
{
	add_amount(table, &row->amounts->flat, &report->totals[from->view.kind]);
	add_objects(table, &row->amounts->flat);
	add_cumulative(table, report, from, &row->amounts->cumulative, width);
	add_name(table, report, row);
}

static int print_names(const struct report *report, const struct report_table *table, FILE *out,
		       unsigned width)
{
	static const struct text_column function_columns[] = {
		{"flat", true},	      {"+/-", true},
		{"share", true},      {"objects", true},
		{"cumulative", true}, {"+/-", true},
		{"share", true},      {"function <- mostly called by", false},
	};
	static const struct text_column module_columns[] = {
		{"flat", true},	      {"+/-", true}, {"share", true}, {"objects", true},
		{"cumulative", true}, {"+/-", true}, {"share", true}, {"module", false},
	};
	const bool is_by_module = table->by == REPORT_BY_MODULE;
	struct text_table text;
	size_t i;
	int status;

	text_table_init(&text, is_by_module ? module_columns : function_columns,
			COLUMN_COUNT(function_columns));
	text.remark = CALLER;
	for (i = 0; i < table->row_count; i++)
		add_row(&text, report, table, &table->rows[i], width);
	status = text_table_print(&text, out, INDENT, width);
	text_table_fini(&text);
	return status;
}

static void print_frame(FILE *out, const char *text, unsigned width)
{
	fprintf(out, "%*s", FRAME_INDENT, "");
	text_table_put(out, text, width > 2 * FRAME_INDENT ? width - FRAME_INDENT : width);
	fputc('\n', out);
}

static void print_frames(const struct report *report, size_t stack, FILE *out, unsigned width)
{
	const struct grouping_names *const frames = &report->names.frames;
	const size_t depth = frames->first[stack + 1] - frames->first[stack];
	size_t i, shown = depth;

	if (report->request.overview && depth > OVERVIEW_FRAMES + 1)
		shown = OVERVIEW_FRAMES;
	for (i = 0; i < shown; i++)
		print_frame(out, report->names.names[frames->ids[frames->first[stack] + i]], width);
	if (shown < depth)
		fprintf(out, "%*s... and %zu more\n", FRAME_INDENT, "", depth - shown);
}

static int print_stacks(const struct report *report, const struct report_table *table, FILE *out,
			unsigned width)
{
	const struct snapshot_amount *const whole = &report->totals[table->view.kind];
	size_t i;

	for (i = 0; i < table->row_count; i++) {
		const struct grouping_row *const row = table->rows[i].amounts;

		fprintf(out, "  %zu. %s, %s\n", i + 1, amount_text_sentence(&row->flat).text,
			amount_text_share(&row->flat, whole).text);
		print_frames(report, row->key, out, width);
	}
	return 0;
}

static void add_bar(struct text_table *table, const struct snapshot_amount *amount,
		    const struct snapshot_amount *whole)
{
	const double share = whole->bytes ? (double)amount->bytes / (double)whole->bytes : 0;
	const int length = (int)(share * BAR_LENGTH + 0.5);

	text_table_add(table, "%.*s", length, BAR);
}

/* "64 to 127", "512K to 1M" (from powers of 1024 on, the end is not included). */
static void add_sizes(struct text_table *table, uint32_t bucket)
{
	const uint64_t start = (uint64_t)histogram_size_start(bucket);
	const uint64_t end = (uint64_t)histogram_size_start(bucket + 1);

	if (end - start <= 1)
		text_table_add(table, "%" PRIu64, start);
	else
		text_table_add(table, "%s to %s", units_format_setting(start).text,
			       units_format_setting(start < 1024 ? end - 1 : end).text);
}

static void add_lifetimes(struct text_table *table, uint32_t bucket)
{
	const double start = histogram_lifetime_start_ns(bucket ? bucket : 1);

	text_table_add(table, "%s %s", bucket ? "from" : "below",
		       units_format_duration((uint64_t)start).text);
}

static void add_bucket(struct text_table *table, const struct report *report, uint32_t bucket,
		       const struct snapshot_amount wholes[2])
{
	const struct snapshot_amount *const recorded = &report->histogram->recorded[bucket];
	const struct snapshot_amount *const inuse = &report->histogram->inuse[bucket];
	const bool has_recorded = shows(report, VIEW_ALLOC), has_inuse = shows(report, VIEW_INUSE);

	if (!(has_recorded && recorded->samples) && !(has_inuse && inuse->samples))
		return;
	if (report->request.by == REPORT_BY_SIZE)
		add_sizes(table, bucket);
	else
		add_lifetimes(table, bucket);
	add_view(table, has_recorded, recorded, &wholes[0]);
	add_view(table, has_inuse, inuse, &wholes[1]);
	add_bar(table, has_recorded ? recorded : inuse, &wholes[has_recorded ? 0 : 1]);
}

static int print_histogram(const struct report *report, FILE *out, unsigned width)
{
	static const struct text_column size_columns[] = {
		{"size", true},	   {"allocated", true}, {"+/-", true}, {"share", true},
		{"objects", true}, {"in use", true},	{"+/-", true}, {"share", true},
		{"objects", true}, {"", false},
	};
	static const struct text_column lifetime_columns[] = {
		{"lifetime or age", true}, {"freed", true},  {"+/-", true}, {"share", true},
		{"objects", true},	   {"in use", true}, {"+/-", true}, {"share", true},
		{"objects", true},	   {"", false},
	};
	const bool is_by_size = report->request.by == REPORT_BY_SIZE;
	const struct snapshot_amount wholes[2] = {sum_of(report->histogram->recorded),
						  sum_of(report->histogram->inuse)};
	struct text_table text;
	uint32_t bucket;
	int status;

	text_table_init(&text, is_by_size ? size_columns : lifetime_columns,
			COLUMN_COUNT(size_columns));
	for (bucket = 0; bucket < SEGMENT_HISTOGRAM_BUCKETS; bucket++)
		add_bucket(&text, report, bucket, wholes);
	fprintf(out, "\n%s%s\n",
		is_by_size ? "Blocks by size" : "Freed blocks by lifetime, blocks in use by age",
		report->selected ? ", of the stacks that match" : "");
	status = text_table_print(&text, out, INDENT, width);
	text_table_fini(&text);
	return status;
}

static void add_thread(struct text_table *table, const struct report *report,
		       const struct thread_row *row)
{
	const struct snapshot_thread *const thread =
		&report->profile->snapshot->threads[row->thread];

	add_view(table, shows(report, VIEW_INUSE), &row->inuse, &report->totals[VIEW_INUSE]);
	add_view(table, shows(report, VIEW_ALLOC), &row->allocated, &report->totals[VIEW_ALLOC]);
	if (thread->tid) {
		text_table_add(table, "%" PRIu32, thread->tid);
		text_table_add(table, "%s", thread->name);
	} else {
		text_table_add(table, "%s", "");
		text_table_add(table, "[all other threads]");
	}
}

static int print_threads(const struct report *report, FILE *out, unsigned width)
{
	static const struct text_column columns[] = {
		{"in use", true},    {"+/-", true},	{"share", true}, {"objects", true},
		{"allocated", true}, {"+/-", true},	{"share", true}, {"objects", true},
		{"tid", true},	     {"thread", false},
	};
	const size_t count = report->threads.count;
	const size_t shown = count < report->request.top ? count : report->request.top;
	struct text_table text;
	size_t i;
	int status;

	text_table_init(&text, columns, COLUMN_COUNT(columns));
	for (i = 0; i < shown; i++)
		add_thread(&text, report, &report->threads.rows[i]);
	fprintf(out, "\nBy the thread that allocated%s",
		report->selected ? ", of the stacks that match" : "");
	if (shown < count)
		fprintf(out, " (the largest %zu of %zu)", shown, count);
	fputc('\n', out);
	status = text_table_print(&text, out, INDENT, width);
	text_table_fini(&text);
	return status;
}

static int print_table(const struct report *report, const struct report_table *table, FILE *out,
		       unsigned width)
{
	print_title(report, table, out);
	if (table->row_count == 0)
		return 0;
	if (table->by == REPORT_BY_STACK)
		return print_stacks(report, table, out, width);
	return print_names(report, table, out, width);
}

int report_tables_print_top(const struct report *report, FILE *out, unsigned indent, unsigned width)
{
	static const struct text_column columns[] = {
		{"", true},
		{"", true},
		{"", true},
		{"", false},
	};
	const struct report_table *const table = &report->tables[0];
	struct text_table text;
	size_t i;
	int status;

	text_table_init(&text, columns, COLUMN_COUNT(columns));
	text.remark = CALLER;
	for (i = 0; i < table->row_count && table->rows[i].amounts->flat.samples; i++) {
		const struct snapshot_amount *const flat = &table->rows[i].amounts->flat;
		const struct units_text error = amount_text_error(flat);

		text_table_add(&text, "%s", amount_text_bytes(flat).text);
		text_table_add(&text, "%s%s", *error.text && !amount_is_vague(flat) ? "+/- " : "",
			       error.text);
		text_table_add(&text, "%s",
			       amount_text_share(flat, &report->totals[table->view.kind]).text);
		add_name(&text, report, &table->rows[i]);
	}
	status = text_table_print(&text, out, indent, width);
	text_table_fini(&text);
	return status ? status : (int)i;
}

int report_tables_print(const struct report *report, FILE *out, unsigned width)
{
	size_t i;
	int status = 0;

	if (report->histogram)
		return print_histogram(report, out, width);
	if (report->request.by == REPORT_BY_THREAD)
		return print_threads(report, out, width);
	for (i = 0; i < report->table_count && !status; i++)
		status = print_table(report, &report->tables[i], out, width);
	return status;
}
