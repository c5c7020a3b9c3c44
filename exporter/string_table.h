/*
 * Strings without duplicates, numbered from 0 in the order they were first
 * added, and made valid UTF-8 on the way in, since names come from arbitrary
 * files and every output format wants UTF-8.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_STRING_TABLE_H
#define EXPORTER_STRING_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "exporter/key_map.h"

/* No reader of profiles takes longer strings. */
#define STRING_TABLE_LENGTH_MAX 65000

/* All zero is an empty table. */
struct string_table {
	char **strings;
	size_t count, capacity;
	struct key_map by_hash; /* (hash, position in the run of equal hashes) -> index */
};

/*
 * The number of `text`, which is added when it is new. Bytes that are not
 * UTF-8 become U+FFFD; what is longer than STRING_TABLE_LENGTH_MAX is cut. NULL
 * counts as "". Returns -ENOMEM, or 0 and the number in *index.
 */
int string_table_add(struct string_table *table, const char *text, uint32_t *index);

void string_table_fini(struct string_table *table);

/*
 * A copy of the first `size` bytes of `text`, up to a NUL, cleaned likewise. The
 * caller releases it with free(). NULL when out of memory.
 */
char *string_table_clean(const char *text, size_t size);

#endif
