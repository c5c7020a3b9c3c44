/*
 * Reports for programs: docs/json.md describes the document.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_REPORT_JSON_H
#define EXPORTER_REPORT_JSON_H

#include <stdio.h>

#include "exporter/report.h"

/* Prints the whole report as one JSON document. Errors of `out` are the
 * caller's to find. */
void report_json_print(const struct report *report, FILE *out);

#endif
