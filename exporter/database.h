/*
 * A file of tables that never grows past its budget and survives being killed
 * at any moment. The only user of SQLite is behind this header.
 *
 * Context: one thread at a time. Other processes may read the file, or write it
 * in turns.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_DATABASE_H
#define EXPORTER_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No smaller budget is taken. */
#define DATABASE_BUDGET_MIN (UINT64_C(4) << 20)

struct database;
struct database_row;

struct database_kind {
	int32_t application_id, version; /* of the file; another one is not touched */
	const char *schema;		 /* statements that make the tables */
};

/*
 * Opens the file for writing, and makes it (for its owner only) when it is not
 * there. All its parts together, the log included, take at most `budget` bytes; a
 * file that is larger already is full, and shrinks by database_shrink(). Returns
 * 0 or -errno: -EBADMSG for a file that is no such database, -EPROTONOSUPPORT
 * for one of another version.
 */
int database_open(const char *path, const struct database_kind *kind, uint64_t budget,
		  struct database **database);

/* The same to read what is there. */
int database_open_reading(const char *path, const struct database_kind *kind,
			  struct database **database);
void database_close(struct database *database);

/*
 * One statement. `types` has a letter for each argument: i (int64_t), t (text)
 * or b (const uint8_t *, size_t). 0 or -errno: -ENOSPC when the budget or the disk
 * is full, -EBUSY when somebody else is at it for long.
 */
int database_run(struct database *database, const char *sql, const char *types, ...);

/* Calls visit() for each row of the result until it returns other than 0, which is
 * then returned. visit() may run statements of its own. */
int database_visit(struct database *database, const char *sql,
		   int (*visit)(void *context, const struct database_row *row), void *context,
		   const char *types, ...);

/* Columns of a row; text and bytes are valid until visit() returns. */
int64_t database_integer(const struct database_row *row, int column);
const char *database_text(const struct database_row *row, int column);
const uint8_t *database_bytes(const struct database_row *row, int column, size_t *size);

/* The first column of the first row in *number. 0, -ENOENT without a row, or -errno. */
int database_number(struct database *database, const char *sql, int64_t *number, const char *types,
		    ...);

/*
 * Begins a transaction that will write at most `bytes`, the tables' own overhead
 * not counted, in `rows` rows. -EFBIG when that can never be; -EBUSY when
 * somebody who reads for long keeps the log from being emptied.
 */
int database_begin(struct database *database, size_t bytes, size_t rows);
int database_commit(struct database *database);
void database_rollback(struct database *database);

/* True when a transaction of that size could be had in an empty file, and leave half of
 * it to others. */
bool database_can_hold(const struct database *database, size_t bytes, size_t rows);

/* True when there is no room for so much more, so that something must be removed first. */
bool database_is_full(struct database *database, size_t bytes, size_t rows);

/* Gives some free pages back to the disk when there are many. 1 while the file is
 * still larger than its budget, else 0 or -errno. */
int database_shrink(struct database *database);

#endif
