/*
 * Lays out tables. Measures before it prints, so a column is as wide as its
 * widest cell and not wider.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* vasprintf, reallocarray */
#include "exporter/text_table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Between two columns, and in place of what is left out. */
#define GAP 2
#define ELLIPSIS "..."
#define ELLIPSIS_WIDTH 3
/* A shortened column keeps at least this. */
#define SHORTEST 20

static bool is_continuation(char byte)
{
	return ((unsigned char)byte & 0xc0) == 0x80;
}

/* Places on the terminal: one for each code point. */
static unsigned text_width(const char *text)
{
	unsigned width = 0;

	for (; *text; text++)
		width += !is_continuation(*text);
	return width;
}

/* The byte where code point `place` starts. */
static const char *text_at(const char *text, unsigned place)
{
	for (; *text; text++) {
		if (!is_continuation(*text) && place-- == 0)
			break;
	}
	return text;
}

static void put_clean(FILE *out, const char *text, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		unsigned char byte = (unsigned char)text[i];
		/* U+0080 to U+009F are control characters too. */
		bool is_control = byte < 0x20 || byte == 0x7f ||
				  (byte == 0xc2 && ((unsigned char)text[i + 1] & 0xe0) == 0x80);

		fputc(is_control ? '?' : byte, out);
		i += is_control && byte == 0xc2;
	}
}

void text_table_put(FILE *out, const char *text, unsigned width)
{
	unsigned full = text_width(text), head, tail;

	if (width == 0 || full <= width || width <= ELLIPSIS_WIDTH) {
		put_clean(out, text, strlen(text));
		return;
	}
	tail = (width - ELLIPSIS_WIDTH) / 2;
	head = width - ELLIPSIS_WIDTH - tail;
	put_clean(out, text, (size_t)(text_at(text, head) - text));
	fputs(ELLIPSIS, out);
	text = text_at(text, full - tail);
	put_clean(out, text, strlen(text));
}

void text_table_init(struct text_table *table, const struct text_column *columns,
		     size_t column_count)
{
	*table = (struct text_table){.columns = columns, .column_count = column_count};
}

static int reserve(struct text_table *table)
{
	size_t capacity = table->capacity ? 2 * table->capacity : 64;
	char **cells;

	if (table->cell_count < table->capacity)
		return 0;
	cells = reallocarray(table->cells, capacity, sizeof(*cells));
	if (!cells)
		return -ENOMEM;
	table->cells = cells;
	table->capacity = capacity;
	return 0;
}

void text_table_add(struct text_table *table, const char *format, ...)
{
	va_list arguments;
	char *cell = NULL;

	va_start(arguments, format);
	if (reserve(table) || vasprintf(&cell, format, arguments) < 0)
		table->failed = true;
	else
		table->cells[table->cell_count++] = cell;
	va_end(arguments);
}

/* 0 for a column without text. */
static unsigned column_width(const struct text_table *table, size_t column)
{
	unsigned width = 0;
	size_t i;

	for (i = column; i < table->cell_count; i += table->column_count) {
		unsigned cell = text_width(table->cells[i]);

		width = cell > width ? cell : width;
	}
	if (width && text_width(table->columns[column].title) > width)
		width = text_width(table->columns[column].title);
	return width;
}

/* Leaves out as many remarks from the end as needed. */
static void put_without_remarks(FILE *out, const char *text, const char *remark, unsigned width)
{
	char *const short_text = strdup(text);
	char *last = short_text;

	while (last && text_width(short_text) > width) {
		char *next = strstr(short_text, remark);

		for (last = next; next; next = strstr(next + 1, remark))
			last = next;
		if (last)
			*last = '\0';
	}
	text_table_put(out, short_text ? short_text : text, width);
	free(short_text);
}

/* Only a text of the last column can be wider than its column. */
static void print_cell(const struct text_table *table, size_t i, const char *text, unsigned width,
		       bool last, FILE *out)
{
	const struct text_column *column = &table->columns[i];
	unsigned used = text_width(text), fill = used < width ? width - used : 0;

	if (column->is_right)
		fprintf(out, "%*s", (int)fill, "");
	if (used > width && table->remark)
		put_without_remarks(out, text, table->remark, width);
	else
		text_table_put(out, text, width);
	if (!last)
		fprintf(out, "%*s", (int)(GAP + (column->is_right ? 0 : fill)), "");
}

static const char *cell_text(const struct text_table *table, char *const *cells, size_t column)
{
	return cells ? cells[column] : table->columns[column].title;
}

/* `cells` has one text per column; NULL prints the titles. */
static void print_row(const struct text_table *table, char *const *cells, const unsigned *widths,
		      unsigned indent, FILE *out)
{
	size_t i, last = table->column_count - 1;

	while (last > 0 && (!widths[last] || !*cell_text(table, cells, last)))
		last--;
	fprintf(out, "%*s", (int)indent, "");
	for (i = 0; i <= last; i++) {
		if (widths[i])
			print_cell(table, i, cell_text(table, cells, i), widths[i], i == last, out);
	}
	fputc('\n', out);
}

static bool has_titles(const struct text_table *table)
{
	size_t i;

	for (i = 0; i < table->column_count; i++) {
		if (*table->columns[i].title)
			return true;
	}
	return false;
}

static void fit(unsigned *widths, size_t column_count, unsigned indent, unsigned width)
{
	unsigned others = indent, *last = &widths[column_count - 1];
	size_t i;

	for (i = 0; i + 1 < column_count; i++)
		others += widths[i] ? widths[i] + GAP : 0;
	if (width == 0 || others + *last <= width)
		return;
	*last = width > others + SHORTEST ? width - others : SHORTEST;
}

int text_table_print(const struct text_table *table, FILE *out, unsigned indent, unsigned width)
{
	unsigned *widths;
	size_t i;

	if (table->failed)
		return -ENOMEM;
	widths = calloc(table->column_count, sizeof(*widths));
	if (!widths)
		return -ENOMEM;
	for (i = 0; i < table->column_count; i++)
		widths[i] = column_width(table, i);
	fit(widths, table->column_count, indent, width);
	if (has_titles(table))
		print_row(table, NULL, widths, indent, out);
	for (i = 0; i + table->column_count <= table->cell_count; i += table->column_count)
		print_row(table, &table->cells[i], widths, indent, out);
	free(widths);
	return 0;
}

void text_table_fini(struct text_table *table)
{
	size_t i;

	for (i = 0; i < table->cell_count; i++)
		free(table->cells[i]);
	free(table->cells);
	*table = (struct text_table){0};
}

unsigned text_table_terminal_width(FILE *out)
{
	struct winsize size;

	if (!isatty(fileno(out)) || ioctl(fileno(out), TIOCGWINSZ, &size))
		return 0;
	return size.ws_col;
}
