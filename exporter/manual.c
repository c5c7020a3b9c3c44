/*
 * Everything that explains the command, made from the list of commands and the
 * table of options, so that no two explanations can differ: --help, the manual
 * page, docs/options.md, the completion for bash.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/manual.h"

#include <stdbool.h>
#include <string.h>

#include "exporter/command.h"

#define COLUMNS 80
#define OPTION_INDENT 28

static const char summary[] = "see where the heap of a running program goes";

static const char overview[] =
	"heaptide samples the memory allocations of an unmodified program, follows each sampled "
	"block until it is freed, and says which functions the heap belongs to. `heaptide run` "
	"starts a program with the profiler preloaded; the other commands read what it leaves, "
	"while the program runs or after it has died.";

static const char units_text[] =
	"Numbers of bytes take K, M, G or T (powers of 1024), times need a unit: ns, us, ms, s, m, "
	"h or d.";

static const char status_text[] =
	"0 success, 1 failure, 2 wrong use. `heaptide run` ends with the status of the program: "
	"128 "
	"plus the signal's number when a signal ended it, 127 when it was not found, 126 when it "
	"could not be executed.";

static const char files_text[] =
	"Each profiled process keeps its evidence in one file, the segment, "
	"COMMAND.PID.START.heaptide in /dev/shm/heaptide-UID or in the directory that --dir or "
	"HEAPTIDE_DIR names. It stays after the process has died, until `heaptide clean`.";

/* Breaks the text at COLUMNS; later lines are indented. */
static void print_wrapped(FILE *out, const char *text, int indent)
{
	int column = indent;

	while (*text) {
		const int length = (int)strcspn(text, " \n");

		if (column > indent && column + 1 + length > COLUMNS) {
			fprintf(out, "\n%*s", indent, "");
			column = indent;
		} else if (column > indent) {
			fputc(' ', out);
			column++;
		}
		fwrite(text, 1, (size_t)length, out);
		column += length;
		text += length;
		if (text[0] == '\n' && text[1] == '\n') {
			fprintf(out, "\n\n%*s", indent, "");
			column = indent;
		}
		text += strspn(text, " \n");
	}
	fputc('\n', out);
}

/* Text for roff: a dash is a dash, `code` is bold, no line starts with a dot. */
static void print_roff(FILE *out, const char *text)
{
	bool bold = false;

	for (; *text; text++) {
		if (*text == '-') {
			fputs("\\-", out);
		} else if (*text == '\\') {
			fputs("\\e", out);
		} else if (*text == '`') {
			bold = !bold;
			fputs(bold ? "\\fB" : "\\fR", out);
		} else if (text[0] == '\n' && text[1] == '\n') {
			fputs("\n.PP\n", out);
			text++;
		} else {
			fputc(*text, out);
		}
	}
	fputc('\n', out);
}

/* Text for a cell of a markdown table. */
static void print_cell(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '|')
			fputc('\\', out);
		fputc(*text, out);
	}
}

/* The default of a setting is the library's: only the command that starts the
 * library has it. */
static bool has_shown_default(const struct option_row *row, const struct command *command)
{
	return *row->initial && row->kind != OPTION_KIND_FLAG &&
	       strcmp(row->initial, "auto") != 0 && (!row->is_setting || command->runs_program);
}

static bool takes_options(const struct command *command)
{
	for (const struct option_row *row = options_table; row < options_table + OPTION_TOTAL;
	     row++)
		if (options_row_is_for(row, command->name))
			return true;
	return false;
}

/* "heaptide run [OPTION...] [--] PROGRAM [ARGUMENT...]", as plain text. */
static void print_usage(FILE *out, const struct command *command)
{
	fprintf(out, "heaptide %s%s%s%s", command->name,
		takes_options(command) ? " [OPTION...]" : "", *command->arguments ? " " : "",
		command->arguments);
}

void manual_print_overview(FILE *out)
{
	fprintf(out, "heaptide: %s\n\nusage: heaptide COMMAND [OPTION...]\n\n", summary);
	for (const struct command *const *command = command_list; *command; command++)
		fprintf(out, "  %-8s %s\n", (*command)->name, (*command)->summary);
	fputs("\nTo begin: heaptide run -- PROGRAM [ARGUMENT...]\n"
	      "Options of a command: heaptide COMMAND --help\n",
	      out);
}

static void print_option(FILE *out, const struct command *command, const struct option_row *row)
{
	int width = row->letter ? fprintf(out, "  -%c, --%s", row->letter, row->name)
				: fprintf(out, "      --%s", row->name);
	char text[512];

	if (*row->metavar)
		width += fprintf(out, " %s", row->metavar);
	if (width + 2 > OPTION_INDENT) {
		fputc('\n', out);
		width = 0;
	}
	fprintf(out, "%*s", OPTION_INDENT - width, "");
	if (has_shown_default(row, command))
		snprintf(text, sizeof(text), "%s (default %s)", row->meaning, row->initial);
	else
		snprintf(text, sizeof(text), "%s", row->meaning);
	print_wrapped(out, text, OPTION_INDENT);
}

void manual_print_command(FILE *out, const struct command *command)
{
	fputs("usage: ", out);
	print_usage(out, command);
	fputs("\n\n", out);
	print_wrapped(out, command->details, 0);
	if (takes_options(command))
		fputs("\noptions:\n", out);
	for (const struct option_row *row = options_table; row < options_table + OPTION_TOTAL;
	     row++)
		if (options_row_is_for(row, command->name))
			print_option(out, command, row);
	fputs("\nexamples:\n", out);
	for (const char *line = command->examples; *line; line = strchr(line, '\n') + 1)
		fprintf(out, "  %.*s\n", (int)strcspn(line, "\n"), line);
}

static void print_option_man(FILE *out, const struct command *command, const struct option_row *row)
{
	char variable[OPTIONS_VARIABLE_SIZE];

	fputs(".TP\n", out);
	if (row->letter)
		fprintf(out, "\\fB\\-%c\\fR, ", row->letter);
	fputs("\\fB\\-\\-", out);
	for (const char *c = row->name; *c; c++)
		fprintf(out, *c == '-' ? "\\-" : "%c", *c);
	fprintf(out, "\\fR \\fI%s\\fR\n", row->metavar);
	print_roff(out, row->meaning);
	if (has_shown_default(row, command))
		fprintf(out, "(default %s)\n", row->initial);
	if (row->is_setting) {
		options_variable(row, variable);
		fprintf(out, ".br\nEnvironment: \\fB%s\\fR\n", variable);
	}
}

static void print_section_man(FILE *out, const char *title, const char *text)
{
	fprintf(out, ".SH %s\n", title);
	print_roff(out, text);
}

static void print_command_man(FILE *out, const struct command *command)
{
	fprintf(out, ".SS \"");
	print_usage(out, command);
	fputs("\"\n", out);
	print_roff(out, command->details);
	for (const struct option_row *row = options_table; row < options_table + OPTION_TOTAL;
	     row++)
		if (options_row_is_for(row, command->name))
			print_option_man(out, command, row);
}

void manual_print_man(FILE *out)
{
	fprintf(out, ".TH HEAPTIDE 1 \"\" \"heaptide %s\" \"User Commands\"\n", HEAPTIDE_VERSION);
	fputs(".SH NAME\nheaptide \\- ", out);
	print_roff(out, summary);
	fputs(".SH SYNOPSIS\n\\fBheaptide\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR...]\n", out);
	print_section_man(out, "DESCRIPTION", overview);
	fputs(".PP\n", out);
	print_roff(out, units_text);
	fputs(".SH COMMANDS\n", out);
	for (const struct command *const *command = command_list; *command; command++)
		print_command_man(out, *command);
	print_section_man(out, "FILES", files_text);
	print_section_man(out, "EXIT STATUS", status_text);
	fputs(".SH EXAMPLES\n.nf\n", out);
	for (const struct command *const *command = command_list; *command; command++)
		print_roff(out, (*command)->examples);
	fputs(".fi\n", out);
}

static void print_option_markdown(FILE *out, const struct command *command,
				  const struct option_row *row)
{
	char variable[OPTIONS_VARIABLE_SIZE];

	fputs("| `", out);
	if (row->letter)
		fprintf(out, "-%c`, `", row->letter);
	fprintf(out, "--%s", row->name);
	if (*row->metavar) {
		fputc(' ', out);
		print_cell(out, row->metavar);
	}
	fprintf(out, "` | %s | ", has_shown_default(row, command) ? row->initial : "");
	if (row->is_setting) {
		options_variable(row, variable);
		fprintf(out, "`%s`", variable);
	}
	fputs(" | ", out);
	print_cell(out, row->meaning);
	fputs(" |\n", out);
}

static void print_command_markdown(FILE *out, const struct command *command)
{
	fprintf(out, "\n## heaptide %s\n\n`", command->name);
	print_usage(out, command);
	fprintf(out, "`\n\n%s\n", command->details);
	if (takes_options(command))
		fputs("\n| option | default | environment | meaning |\n|---|---|---|---|\n", out);
	for (const struct option_row *row = options_table; row < options_table + OPTION_TOTAL;
	     row++)
		if (options_row_is_for(row, command->name))
			print_option_markdown(out, command, row);
	fprintf(out, "\n```sh\n%s```\n", command->examples);
}

void manual_print_markdown(FILE *out)
{
	char variable[OPTIONS_VARIABLE_SIZE];

	fprintf(out,
		"# Options\n\nMade by `heaptide help --format markdown` from the tables in the "
		"sources.\n\n%s\n",
		units_text);
	for (const struct command *const *command = command_list; *command; command++)
		print_command_markdown(out, *command);
	fputs("\n## Environment\n\nThe library reads these from the environment of the program; "
	      "`heaptide run` sets them from its options.\n\n| variable | meaning |\n|---|---|\n",
	      out);
	for (const struct option_row *row = options_table; row < options_table + OPTION_TOTAL;
	     row++) {
		if (!row->is_setting)
			continue;
		options_variable(row, variable);
		fprintf(out, "| `%s` | ", variable);
		print_cell(out, row->meaning);
		fputs(" |\n", out);
	}
	fprintf(out, "\n## Files\n\n%s\n\n## Exit status\n\n%s\n", files_text, status_text);
}

static void print_words(FILE *out, const struct command *command)
{
	for (const struct option_row *row = options_table; row < options_table + OPTION_TOTAL;
	     row++)
		if (options_row_is_for(row, command->name))
			fprintf(out, " --%s", row->name);
	fputs(" --help", out);
}

static void print_choices_completion(FILE *out, const struct command *command)
{
	for (const struct option_row *row = options_table; row < options_table + OPTION_TOTAL;
	     row++) {
		if (!options_row_is_for(row, command->name) ||
		    (row->kind != OPTION_KIND_CHOICE && row->kind != OPTION_KIND_LIST))
			continue;
		fprintf(out, "\t%s:--%s) words='", command->name, row->name);
		for (const char *c = row->metavar; *c; c++)
			fputc(*c == '|' ? ' ' : *c, out);
		fputs("' ;;\n", out);
	}
}

void manual_print_completion(FILE *out)
{
	fputs("# bash completion for heaptide\n"
	      "_heaptide()\n{\n"
	      "\tlocal current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
	      "\tlocal command=${COMP_WORDS[1]} words= i\n"
	      "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n\t\twords='",
	      out);
	for (const struct command *const *command = command_list; *command; command++)
		fprintf(out, "%s ", (*command)->name);
	fputs("--help --version'\n"
	      "\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n\t\treturn\n\tfi\n"
	      "\tfor ((i = 2; i < COMP_CWORD; i++)); do\n"
	      "\t\t[ \"${COMP_WORDS[i]}\" = -- ] && { _command_offset $((i + 1)); return; }\n"
	      "\tdone\n"
	      "\tcase $command:$previous in\n",
	      out);
	for (const struct command *const *command = command_list; *command; command++)
		print_choices_completion(out, *command);
	fputs("\tesac\n"
	      "\tif [ -z \"$words\" ] && [[ $current == -* ]]; then\n\t\tcase $command in\n",
	      out);
	for (const struct command *const *command = command_list; *command; command++) {
		fprintf(out, "\t\t%s) words='", (*command)->name);
		print_words(out, *command);
		fputs("' ;;\n", out);
	}
	fputs("\t\tesac\n\tfi\n"
	      "\tif [ -n \"$words\" ]; then\n"
	      "\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
	      "\telse\n\t\tCOMPREPLY=($(compgen -f -- \"$current\"))\n\tfi\n"
	      "}\ncomplete -o filenames -F _heaptide heaptide\n",
	      out);
}
