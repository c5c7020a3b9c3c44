/*
 * The tables of a report as text.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_REPORT_TABLES_H
#define EXPORTER_REPORT_TABLES_H

#include <stdio.h>

#include "exporter/report.h"

/*
 * Prints every table of the report, each after an empty line. Lines fit into
 * `width` places where names can be shortened; 0 leaves them whole. 0 or -ENOMEM.
 */
int report_tables_print(const struct report *report, FILE *out, unsigned width);

/*
 * Prints the rows of the first table, which is by function, without titles and
 * cumulative amounts. Rows that allocated nothing themselves are left out. Returns
 * the number of lines or -ENOMEM.
 */
int report_tables_print_top(const struct report *report, FILE *out, unsigned indent,
			    unsigned width);

#endif
