/*
 * Columns of text that line up, for people.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_TEXT_TABLE_H
#define EXPORTER_TEXT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct text_column {
	const char *title; /* may be "" */
	bool is_right;	   /* aligned to the right */
};

struct text_table {
	const struct text_column *columns;
	size_t column_count;
	/* What starts a remark in the last column, such as " <- ": remarks are left out
	 * first when a row is too wide. NULL: there are none. */
	const char *remark;
	char **cells; /* row by row; the caller's columns, left to right */
	size_t cell_count, capacity;
	bool failed; /* a cell is missing: no memory */
};

/* Borrows the columns; release with text_table_fini(). */
void text_table_init(struct text_table *table, const struct text_column *columns,
		     size_t column_count);

/* Fills in the next cell. */
void text_table_add(struct text_table *table, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Prints titles (if any is not "") and rows, each after `indent` blanks. A column
 * without any text is left out. When `width` is not 0 and the rows are wider, the
 * last column loses its remarks and is shortened in the middle. 0 or -ENOMEM.
 */
int text_table_print(const struct text_table *table, FILE *out, unsigned indent, unsigned width);

void text_table_fini(struct text_table *table);

/*
 * Prints `text` in at most `width` places (0: any number), shortened in the middle
 * when it is longer. Bytes that would steer a terminal become "?", since names and
 * arguments come from other programs.
 */
void text_table_put(FILE *out, const char *text, unsigned width);

/* The width of the terminal behind `out`, or 0 when it is none. */
unsigned text_table_terminal_width(FILE *out);

#endif
