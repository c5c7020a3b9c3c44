/*
 * Reports for programs: docs/formats.md describes the document.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_REPORT_JSON_H
#define EXPORTER_REPORT_JSON_H

#include <stdio.h>

#include "exporter/report.h"

/* Moves when a member changes its meaning or goes; new members may come. */
#define REPORT_JSON_VERSION 1

/* Prints the whole report as one JSON document. Errors of `out` are the
 * caller's to find. */
void report_json_print(const struct report *report, FILE *out);

#endif
