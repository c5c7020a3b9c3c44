/*
 * What the command says, on stderr: one line each, "heaptide: ...".
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_LOG_H
#define EXPORTER_LOG_H

/* Exit statuses of every command; 0 is success. */
enum exit_status {
	STATUS_FAILED = 1,
	STATUS_WRONG_USE = 2,
};

/* The name of the command that speaks; shown as "heaptide NAME: ". */
void log_set_command(const char *name);

/* From now on each line is a JSON object: time, level, command and message. */
void log_use_json(void);

/* Writes one line. Returns STATUS_FAILED, so that a command can end with
 * `return log_failure(...)`. */
int log_failure(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for what the user got wrong. Returns STATUS_WRONG_USE. */
int log_wrong_use(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Something to know; the command goes on. */
void log_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
