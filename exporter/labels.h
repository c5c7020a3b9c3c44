/*
 * The labels of an exported profile: the service's name and whatever tells
 * one series of profiles from another.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_LABELS_H
#define EXPORTER_LABELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The label that every set has. */
#define LABELS_SERVICE "service_name"

/* What profile servers take at most, without the three that are added on the way. */
#define LABELS_MAX 27
#define LABELS_NAME_MAX 1024
#define LABELS_VALUE_MAX 2048

struct label {
	char *name, *value;
};

/* Sorted by name, no name twice. All zero is an empty set. */
struct labels {
	struct label *items;
	size_t count;
};

/*
 * Sets one label; one of the name is replaced. Names and values are made valid
 * UTF-8 and cut to what servers take. An empty value removes the label; a name
 * that servers keep for themselves (empty, or with two leading underscores) and a
 * label too many are left out. 0 or -ENOMEM.
 */
int labels_set(struct labels *labels, const char *name, const char *value);

/* Sets every label of `other`. 0 or -ENOMEM. */
int labels_merge(struct labels *labels, const struct labels *other);

/* The value of a name, or NULL. */
const char *labels_get(const struct labels *labels, const char *name);

/*
 * Reads "name=value,name=value"; `name:value` is taken where there is no "=".
 * Blanks around names and values do not count. With `percent`, values are
 * percent-encoded. 0 or -ENOMEM; what is no label is left out.
 */
int labels_parse(struct labels *labels, const char *text, bool percent);

/* One line that no two different sets share; released with free(). NULL without memory. */
char *labels_format(const struct labels *labels);

/* The set as bytes, to be kept over a restart; released with free(). 0 or -ENOMEM. */
int labels_pack(const struct labels *labels, uint8_t **bytes, size_t *size);

/* The reverse; what is no label is left out. 0 or -ENOMEM. */
int labels_unpack(struct labels *labels, const uint8_t *bytes, size_t size);

void labels_fini(struct labels *labels);

#endif
