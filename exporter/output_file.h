/*
 * A file that appears under its name only when it is complete.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_OUTPUT_FILE_H
#define EXPORTER_OUTPUT_FILE_H

#include <stdbool.h>
#include <stdio.h>

struct output_file {
	FILE *stream;		/* write here */
	char *path, *temporary; /* NULL when the stream is no regular file */
};

/* Makes a temporary file in the folder of `path`. "-" is stdout; devices and pipes
 * are written to as they are. 0 or -errno. */
int output_file_open(struct output_file *file, const char *path);

/*
 * With `keep`, and if everything could be written, gives the file its name in
 * place of what had it; else removes it. 0 or -errno. Nothing is left to release.
 */
int output_file_close(struct output_file *file, bool keep);

#endif
