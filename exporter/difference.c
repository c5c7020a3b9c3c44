/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/difference.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "exporter/json.h"
#include "exporter/profile_pair.h"
#include "exporter/report.h"
#include "exporter/stack_filter.h"
#include "exporter/text_table.h"
#include "exporter/units.h"

#define INDENT 2
#define FRAME_INDENT 6

static const char *const certainty_names[] = {
	[GROWTH_WITHIN_ERROR] = "within error",
	[GROWTH_LIKELY] = "likely",
	[GROWTH_SURE] = "sure",
};

/* ---- filling ---- */

static int group(const struct difference *difference, enum view_kind side, bool by_stack,
		 struct grouping *grouping)
{
	const struct view view = {
		.snapshot = difference->pair->snapshot,
		.kind = side,
		.selected = difference->selected,
	};

	return by_stack ? grouping_by_stack(grouping, &view, &difference->names.frames)
			: grouping_by_name(grouping, &view, &difference->names.frames);
}

static int fill_growth(const struct difference *difference, bool by_stack, struct growth *growth)
{
	struct grouping before = {0}, after = {0};
	int status = group(difference, PROFILE_PAIR_BEFORE, by_stack, &before);

	if (status == 0)
		status = group(difference, PROFILE_PAIR_AFTER, by_stack, &after);
	if (status == 0)
		status = growth_fill(growth, &before, &after);
	grouping_free(&before);
	grouping_free(&after);
	return status;
}

int difference_fill(struct difference *difference, const struct profile *pair,
		    const struct difference_request *request, char *error, size_t error_size)
{
	int status;

	*difference = (struct difference){.pair = pair, .request = *request};
	status = stack_filter_select(pair, request->focus, request->ignore, &difference->selected,
				     error, error_size);
	if (status == 0)
		status = name_table_fill(&difference->names, pair,
					 request->lines ? NAME_TABLE_LINES : NAME_TABLE_FUNCTIONS);
	if (status == 0)
		status = fill_growth(difference, false, &difference->functions);
	if (status == 0)
		status = fill_growth(difference, true, &difference->stacks);
	if (status == -ENOMEM)
		snprintf(error, error_size, "out of memory");
	if (status)
		difference_fini(difference);
	return status;
}

void difference_fini(struct difference *difference)
{
	growth_free(&difference->functions);
	growth_free(&difference->stacks);
	name_table_free(&difference->names);
	free(difference->selected);
	*difference = (struct difference){0};
}

static size_t row_count(const struct difference *difference, const struct growth *growth)
{
	return growth->count < difference->request.top ? growth->count : difference->request.top;
}

/* ---- text ---- */

static struct units_text bytes_of(double bytes)
{
	return units_format_bytes(bytes < 0x1p63 ? (uint64_t)(bytes + 0.5) : UINT64_MAX);
}

/* "+19.8 MiB" */
static struct units_text change_of(const struct growth_amount *amount)
{
	const double change = growth_bytes(amount);
	struct units_text text;

	snprintf(text.text, sizeof(text.text), "%c%.30s", change < 0 ? '-' : '+',
		 bytes_of(fabs(change)).text);
	return text;
}

static struct units_text error_of(const struct growth_amount *amount)
{
	const double error = growth_bytes_error(amount);

	return error > 0 ? bytes_of(error) : (struct units_text){""};
}

static const char *certainty_of(const struct growth_amount *amount)
{
	return certainty_names[growth_certainty(amount)];
}

static const char *view_words(const struct difference *difference)
{
	return difference->request.kind == VIEW_ALLOC ? "allocated" : "in use";
}

static void print_sentence(const struct growth_amount *amount, FILE *out)
{
	const struct units_text error = error_of(amount);

	fprintf(out, "%s%s%s, from %s to %s: %s\n", change_of(amount).text,
		*error.text ? " +/- " : "", error.text,
		units_format_bytes(amount->before.bytes).text,
		units_format_bytes(amount->after.bytes).text, certainty_of(amount));
}

static int print_functions(const struct difference *difference, FILE *out, unsigned width)
{
	static const struct text_column columns[] = {
		{"change", true}, {"+/-", true},	  {"before", true},    {"after", true},
		{"is", false},	  {"with callees", true}, {"function", false},
	};
	const struct growth *const growth = &difference->functions;
	struct text_table table;
	int status;

	text_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < row_count(difference, growth); i++) {
		const struct growth_row *const row = &growth->rows[i];

		/* From here on only what they call has changed. */
		if (growth_bytes(&row->flat) == 0)
			break;
		text_table_add(&table, "%s", change_of(&row->flat).text);
		text_table_add(&table, "%s", error_of(&row->flat).text);
		text_table_add(&table, "%s", units_format_bytes(row->flat.before.bytes).text);
		text_table_add(&table, "%s", units_format_bytes(row->flat.after.bytes).text);
		text_table_add(&table, "%s", certainty_of(&row->flat));
		text_table_add(&table, "%s", change_of(&row->cumulative).text);
		text_table_add(&table, "%s", difference->names.names[row->key]);
	}
	fprintf(out, "\nChange of what %s %s, by function\n",
		difference->request.kind == VIEW_ALLOC ? "was" : "is", view_words(difference));
	status = text_table_print(&table, out, INDENT, width);
	text_table_fini(&table);
	return status;
}

static void print_frames(const struct difference *difference, size_t stack, FILE *out,
			 unsigned width)
{
	const struct grouping_names *const frames = &difference->names.frames;

	for (size_t i = frames->first[stack]; i < frames->first[stack + 1]; i++) {
		fprintf(out, "%*s", FRAME_INDENT, "");
		text_table_put(out, difference->names.names[frames->ids[i]],
			       width > FRAME_INDENT ? width - FRAME_INDENT : width);
		fputc('\n', out);
	}
}

static void print_stacks(const struct difference *difference, FILE *out, unsigned width)
{
	const struct growth *const growth = &difference->stacks;

	fputs("\nBy stack\n", out);
	for (size_t i = 0; i < row_count(difference, growth); i++) {
		fprintf(out, "%*zu. ", INDENT + 1, i + 1);
		print_sentence(&growth->rows[i].flat, out);
		print_frames(difference, growth->rows[i].key, out, width);
	}
}

int difference_print_text(const struct difference *difference, const char *before,
			  const char *after, FILE *out, unsigned width)
{
	int status;

	fputs("before: ", out);
	text_table_put(out, before, 0);
	fputs("\nafter:  ", out);
	text_table_put(out, after, 0);
	fprintf(out, "\n\n  %s  ", view_words(difference));
	print_sentence(&difference->functions.total, out);
	if (difference->functions.count == 0) {
		fputs("\nNothing has changed.\n", out);
		return 0;
	}
	status = print_functions(difference, out, width);
	if (status == 0)
		print_stacks(difference, out, width);
	return status;
}

/* ---- JSON ---- */

static void write_amount(struct json *json, const char *key, const struct growth_amount *amount)
{
	json_open_object(json, key);
	json_unsigned(json, "before_bytes", amount->before.bytes);
	json_unsigned(json, "after_bytes", amount->after.bytes);
	json_number(json, "change_bytes", growth_bytes(amount));
	json_number(json, "error_bytes", growth_bytes_error(amount));
	json_unsigned(json, "before_objects", amount->before.objects);
	json_unsigned(json, "after_objects", amount->after.objects);
	json_number(json, "change_objects", growth_objects(amount));
	json_string(json, "certainty", certainty_of(amount));
	json_close_object(json);
}

static void write_frames(struct json *json, const struct difference *difference, size_t stack)
{
	const struct grouping_names *const frames = &difference->names.frames;

	json_open_array(json, "frames");
	for (size_t i = frames->first[stack]; i < frames->first[stack + 1]; i++)
		json_string(json, NULL, difference->names.names[frames->ids[i]]);
	json_close_array(json);
}

static void write_table(struct json *json, const struct difference *difference, bool by_stack)
{
	const struct growth *const growth = by_stack ? &difference->stacks : &difference->functions;

	json_open_object(json, NULL);
	json_string(json, "by", report_by_name(by_stack ? REPORT_BY_STACK : REPORT_BY_FUNCTION));
	json_unsigned(json, "row_count", growth->count);
	json_open_array(json, "rows");
	for (size_t i = 0; i < row_count(difference, growth); i++) {
		const struct growth_row *const row = &growth->rows[i];

		json_open_object(json, NULL);
		if (by_stack)
			write_frames(json, difference, row->key);
		else
			json_string(json, "name", difference->names.names[row->key]);
		write_amount(json, "flat", &row->flat);
		write_amount(json, "cumulative", &row->cumulative);
		json_close_object(json);
	}
	json_close_array(json);
	json_close_object(json);
}

void difference_print_json(const struct difference *difference, const char *before,
			   const char *after, FILE *out)
{
	struct json json;

	json_init(&json, out);
	json_open_object(&json, NULL);
	json_string(&json, "format", "heaptide-diff");
	json_unsigned(&json, "version", DIFFERENCE_JSON_VERSION);
	json_string(&json, "view", report_view_name(difference->request.kind));
	json_string(&json, "before", before);
	json_string(&json, "after", after);
	write_amount(&json, "total", &difference->functions.total);
	json_open_array(&json, "tables");
	write_table(&json, difference, false);
	write_table(&json, difference, true);
	json_close_array(&json);
	json_close_object(&json);
}
