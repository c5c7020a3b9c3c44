/*
 * Reports for people.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_REPORT_TEXT_H
#define EXPORTER_REPORT_TEXT_H

#include <stdio.h>

#include "exporter/report.h"

/*
 * Prints the whole report: what process it is about, its tables, and what was
 * not seen. Lines fit into `width` places where names can be shortened; 0 leaves
 * them whole. 0 or -ENOMEM.
 */
int report_text_print(const struct report *report, FILE *out, unsigned width);

/*
 * Prints the `top` functions of one view, a line for each after `indent` blanks:
 * bytes, error, share, function and who mostly called it. Returns the number of
 * lines or -ENOMEM.
 */
int report_text_top(const struct profile *profile, enum view_kind kind, uint64_t top, FILE *out,
		    unsigned indent, unsigned width);

#endif
