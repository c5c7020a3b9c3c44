/*
 * The directory in which the processes of a user keep their segments.
 *
 * Context: inside malloc, one thread of the process at a time. Descriptors are
 * open for the length of a call of segment_writer_open() only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_SEGMENT_DIRECTORY_H
#define SAMPLER_SEGMENT_DIRECTORY_H

#include <stddef.h>

/* Room for the name of a segment file. */
#define SEGMENT_DIRECTORY_NAME 96

/*
 * Opens the directory, making it if it is not there; "" is the default one,
 * which is refused (-EPERM) unless it is this user's alone: it lies in a place
 * where anybody may make one. Returns a descriptor or -errno.
 */
long segment_directory_open(const char *path);

/*
 * When the directory holds a thousand segments, removes those of dead processes
 * that began in the older half of the time they span: without a reader that
 * takes them away, a service that forks for months would fill the memory.
 * Returns how many it removed.
 */
unsigned segment_directory_make_room(long directory);

/*
 * Makes a file "<command>.<pid>.<start in ms>.heaptide", open for reading and
 * writing, and puts its name into name[SEGMENT_DIRECTORY_NAME]. Returns a
 * descriptor or -errno.
 */
long segment_directory_create(long directory, const char *command, char *name);

#endif
