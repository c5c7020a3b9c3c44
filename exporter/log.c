/*
 * What the command says to people. A line goes out with one write, so that it
 * is not torn by the output of the program that `heaptide run` started.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/log.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *command_name;

void log_set_command(const char *name)
{
	command_name = name;
}

static void write_line(const char *format, va_list arguments)
{
	char line[2048];
	size_t length;
	ssize_t written;

	if (command_name)
		snprintf(line, sizeof(line), "heaptide %s: ", command_name);
	else
		snprintf(line, sizeof(line), "heaptide: ");
	length = strlen(line);
	vsnprintf(line + length, sizeof(line) - length - 1, format, arguments);
	length = strlen(line);
	/* File names and the like come from others, and may hold what a terminal
	 * would obey. */
	for (size_t i = 0; i < length; i++)
		if (iscntrl((unsigned char)line[i]))
			line[i] = '?';
	line[length++] = '\n';
	written = write(STDERR_FILENO, line, length);
	(void)written; /* there is nowhere else to say it */
}

int log_failure(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	write_line(format, arguments);
	va_end(arguments);
	return STATUS_FAILED;
}

int log_wrong_use(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	write_line(format, arguments);
	va_end(arguments);
	return STATUS_WRONG_USE;
}

void log_note(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	write_line(format, arguments);
	va_end(arguments);
}
