/*
 * What the command says. A line goes out with one write, so that it
 * is not torn by the output of the program that `heaptide run` started.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/log.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "exporter/json.h"

static const char *command_name;
static bool is_json;

void log_set_command(const char *name)
{
	command_name = name;
}

void log_use_json(void)
{
	is_json = true;
}

static void write_all(const char *line, size_t length)
{
	const ssize_t written = write(STDERR_FILENO, line, length);

	(void)written; /* there is nowhere else to say it */
}

static void write_json(const char *level, const char *message)
{
	char *line = NULL, time_text[32];
	const time_t now = time(NULL);
	struct json json;
	struct tm parts;
	size_t length;
	FILE *const out = open_memstream(&line, &length);

	if (!out)
		return;
	gmtime_r(&now, &parts);
	strftime(time_text, sizeof(time_text), "%Y-%m-%dT%H:%M:%SZ", &parts);
	json_init(&json, out);
	json_open_object(&json, NULL);
	json_string(&json, "time", time_text);
	json_string(&json, "level", level);
	if (command_name)
		json_string(&json, "command", command_name);
	json_string(&json, "message", message);
	json_close_object(&json);
	if (fclose(out) == 0)
		write_all(line, length);
	free(line);
}

static void write_line(const char *level, const char *format, va_list arguments)
{
	char line[2048];
	size_t length = 0;

	if (!is_json && command_name)
		snprintf(line, sizeof(line), "heaptide %s: ", command_name);
	else
		snprintf(line, sizeof(line), "%s", is_json ? "" : "heaptide: ");
	length = strlen(line);
	vsnprintf(line + length, sizeof(line) - length - 1, format, arguments);
	if (is_json) {
		write_json(level, line);
		return;
	}
	/* File names and the like come from others, and may hold what a terminal
	 * would obey. */
	for (length = 0; line[length]; length++)
		if (iscntrl((unsigned char)line[length]))
			line[length] = '?';
	line[length++] = '\n';
	write_all(line, length);
}

int log_failure(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	write_line("error", format, arguments);
	va_end(arguments);
	return STATUS_FAILED;
}

int log_wrong_use(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	write_line("error", format, arguments);
	va_end(arguments);
	return STATUS_WRONG_USE;
}

void log_note(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	write_line("info", format, arguments);
	va_end(arguments);
}
