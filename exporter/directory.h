/*
 * Directories of our own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_DIRECTORY_H
#define EXPORTER_DIRECTORY_H

/* Makes the directory, for its owner only, and those above it as far as they are not
 * there. 0 or -errno. */
int directory_make(const char *path);

#endif
