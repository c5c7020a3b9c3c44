/*
 * --help, the manual page, docs/options.md and the shell completion, all made
 * from the list of commands and the table of options.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_MANUAL_H
#define EXPORTER_MANUAL_H

#include <stdio.h>

struct command;

void manual_print_overview(FILE *out);
void manual_print_command(FILE *out, const struct command *command);
void manual_print_man(FILE *out);
void manual_print_markdown(FILE *out);
void manual_print_completion(FILE *out);

#endif
