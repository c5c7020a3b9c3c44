/*
 * What the agent remembers over a restart: small pieces of bytes under names,
 * such as what has been exported of a process, or what a sink still owes. A NULL
 * state remembers nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_STATE_H
#define EXPORTER_STATE_H

#include <stddef.h>
#include <stdint.h>

struct state;

/* Opens the state in a directory, which is made when it is not there. 0 or -errno. */
int state_open(const char *directory, struct state **state);
void state_close(struct state *state);

/* The value of a name, to be released with free(). 0, -ENOENT or another -errno. */
int state_get(struct state *state, const char *name, uint8_t **bytes, size_t *size);

/* Sets a value; another process sees the old one or the new one. 0 or -errno. */
int state_put(struct state *state, const char *name, const uint8_t *bytes, size_t size);

/* Forgets a name, which need not be known. */
void state_remove(struct state *state, const char *name);

#endif
