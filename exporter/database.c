/*
 * The budget is kept in two parts: the tables, by SQLite's own limit of pages,
 * and the log (WAL) with its index, by looking before each transaction whether
 * what it may add still fits. A transaction's pages stay in memory until it is
 * committed, so that each goes to the log once.
 *
 * Invariant: the file, the log and its index together are within the budget, unless
 * the file was larger than that when it was opened.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/database.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_SIZE 4096
#define FRAME_SIZE (PAGE_SIZE + 24) /* a page in the log */
#define LOG_SIZE_MIN (UINT64_C(1) << 20)
#define BUSY_MS 2000

/* The pages that a row may touch beside its own: leaves of the tables and indices. */
#define PAGES_PER_ROW 4
/* Pages moved by one call of database_shrink(). */
#define SHRINK_PAGES 64
/* Fewer are kept for what comes next. */
#define SHRINK_FREE_PAGES 1024

struct database {
	sqlite3 *connection;
	char *log_path;
	uint64_t log_size_max;
	int64_t page_count_max;
};

struct database_row {
	sqlite3_stmt *statement;
};

static int to_status(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return 0;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_TOOBIG:
		return -EFBIG;
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
		return -EACCES;
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
	case SQLITE_FORMAT:
	case SQLITE_ERROR: /* a table that should be there is not */
		return -EBADMSG;
	default:
		return -EIO;
	}
}

/* ---- statements ---- */

static void bind(sqlite3_stmt *statement, const char *types, va_list *arguments)
{
	for (int i = 1; types[i - 1]; i++) {
		if (types[i - 1] == 'i') {
			sqlite3_bind_int64(statement, i, va_arg(*arguments, int64_t));
		} else if (types[i - 1] == 't') {
			sqlite3_bind_text(statement, i, va_arg(*arguments, const char *), -1,
					  SQLITE_STATIC);
		} else {
			const uint8_t *const bytes = va_arg(*arguments, const uint8_t *);

			sqlite3_bind_blob64(statement, i, bytes, va_arg(*arguments, size_t),
					    SQLITE_STATIC);
		}
	}
}

static int visit_rows(struct database *database, const char *sql,
		      int (*visit)(void *context, const struct database_row *row), void *context,
		      const char *types, va_list *arguments)
{
	struct database_row row;
	int status = 0,
	    code = sqlite3_prepare_v2(database->connection, sql, -1, &row.statement, NULL);

	if (code != SQLITE_OK)
		return to_status(code);
	bind(row.statement, types, arguments);
	while ((code = sqlite3_step(row.statement)) == SQLITE_ROW && status == 0)
		status = visit(context, &row);
	if (status == 0)
		status = to_status(code);
	sqlite3_finalize(row.statement);
	return status;
}

static int ignore_row(void *context, const struct database_row *row)
{
	(void)context;
	(void)row;
	return 0;
}

int database_run(struct database *database, const char *sql, const char *types, ...)
{
	va_list arguments;
	int status;

	va_start(arguments, types);
	status = visit_rows(database, sql, ignore_row, NULL, types, &arguments);
	va_end(arguments);
	return status;
}

int database_visit(struct database *database, const char *sql,
		   int (*visit)(void *context, const struct database_row *row), void *context,
		   const char *types, ...)
{
	va_list arguments;
	int status;

	va_start(arguments, types);
	status = visit_rows(database, sql, visit, context, types, &arguments);
	va_end(arguments);
	return status;
}

int64_t database_integer(const struct database_row *row, int column)
{
	return sqlite3_column_int64(row->statement, column);
}

const char *database_text(const struct database_row *row, int column)
{
	const char *const text = (const char *)sqlite3_column_text(row->statement, column);

	return text ? text : "";
}

const uint8_t *database_bytes(const struct database_row *row, int column, size_t *size)
{
	const uint8_t *const bytes = sqlite3_column_blob(row->statement, column);

	*size = bytes ? (size_t)sqlite3_column_bytes(row->statement, column) : 0;
	return bytes;
}

struct number {
	int64_t value;
	bool found;
};

static int take_number(void *context, const struct database_row *row)
{
	struct number *const number = context;

	if (!number->found)
		*number = (struct number){database_integer(row, 0), true};
	return 0;
}

int database_number(struct database *database, const char *sql, int64_t *number, const char *types,
		    ...)
{
	struct number found = {0};
	va_list arguments;
	int status;

	va_start(arguments, types);
	status = visit_rows(database, sql, take_number, &found, types, &arguments);
	va_end(arguments);
	if (status == 0 && !found.found)
		status = -ENOENT;
	*number = found.value;
	return status;
}

static int64_t ask(struct database *database, const char *sql)
{
	int64_t number;

	return database_number(database, sql, &number, "") == 0 ? number : 0;
}

static int set(struct database *database, const char *name, int64_t value)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "PRAGMA %s=%lld", name, (long long)value);
	return database_run(database, sql, "");
}

/* ---- the log ---- */

static uint64_t log_size(const struct database *database)
{
	struct stat about;

	return stat(database->log_path, &about) == 0 ? (uint64_t)about.st_size : 0;
}

/* Moves what is in the log to the tables, and cuts it. */
static int empty_log(struct database *database)
{
	return to_status(sqlite3_wal_checkpoint_v2(database->connection, NULL,
						   SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL));
}

static int make_room_in_log(struct database *database, uint64_t needed)
{
	int status;

	if (needed > database->log_size_max)
		return -EFBIG;
	if (log_size(database) + needed <= database->log_size_max)
		return 0;
	status = empty_log(database);
	if (status < 0)
		return status;
	return log_size(database) + needed <= database->log_size_max ? 0 : -EBUSY;
}

static uint64_t pages_for(size_t bytes, size_t rows)
{
	return bytes / (PAGE_SIZE - 64) + (rows + 1) * PAGES_PER_ROW;
}

int database_begin(struct database *database, size_t bytes, size_t rows)
{
	const int status = make_room_in_log(database, pages_for(bytes, rows) * FRAME_SIZE);

	return status < 0 ? status : database_run(database, "BEGIN IMMEDIATE", "");
}

int database_commit(struct database *database)
{
	const int status = database_run(database, "COMMIT", "");

	if (status < 0)
		database_rollback(database);
	return status;
}

void database_rollback(struct database *database)
{
	if (!sqlite3_get_autocommit(database->connection))
		database_run(database, "ROLLBACK", "");
}

bool database_can_hold(const struct database *database, size_t bytes, size_t rows)
{
	const uint64_t pages = pages_for(bytes, rows);

	return pages * FRAME_SIZE <= database->log_size_max &&
	       (int64_t)pages <= database->page_count_max / 2;
}

bool database_is_full(struct database *database, size_t bytes, size_t rows)
{
	const int64_t used =
		ask(database, "PRAGMA page_count") - ask(database, "PRAGMA freelist_count");

	return used + (int64_t)pages_for(bytes, rows) > database->page_count_max;
}

/* Pages that are free are mostly wanted again soon. */
static bool has_many_free(struct database *database, int64_t pages)
{
	const int64_t unused = ask(database, "PRAGMA freelist_count");

	return unused >= SHRINK_FREE_PAGES && unused * 4 >= pages;
}

int database_shrink(struct database *database)
{
	const int64_t pages = ask(database, "PRAGMA page_count");
	const bool is_oversized = pages > database->page_count_max;
	int status;

	if (!is_oversized && !has_many_free(database, pages))
		return 0;
	status = make_room_in_log(database, 3 * SHRINK_PAGES * FRAME_SIZE);
	if (status == 0)
		status = set(database, "incremental_vacuum", SHRINK_PAGES);
	/* The limit is never below the size that a file has when it is set. */
	if (status == 0)
		status = set(database, "max_page_count", database->page_count_max);
	if (status == 0 && is_oversized)
		status = empty_log(database);
	return status < 0 ? status : ask(database, "PRAGMA page_count") > database->page_count_max;
}

/* ---- opening ---- */

static int check_kind(struct database *database, const struct database_kind *kind)
{
	if (ask(database, "PRAGMA application_id") != kind->application_id)
		return -EBADMSG;
	return ask(database, "PRAGMA user_version") == kind->version ? 0 : -EPROTONOSUPPORT;
}

/* The tables, and what says that they are ours, appear at once. */
static int make_tables(struct database *database, const struct database_kind *kind)
{
	int status = database_run(database, "BEGIN IMMEDIATE", "");

	if (status < 0)
		return status;
	if (ask(database, "SELECT count(*) FROM sqlite_schema") > 0) {
		/* Another process came first. */
		database_rollback(database);
		return check_kind(database, kind);
	}
	status = to_status(sqlite3_exec(database->connection, kind->schema, NULL, NULL, NULL));
	if (status == 0)
		status = set(database, "application_id", kind->application_id);
	if (status == 0)
		status = set(database, "user_version", kind->version);
	if (status == 0)
		return database_commit(database);
	database_rollback(database);
	return status;
}

static int set_limits(struct database *database, uint64_t budget)
{
	const uint64_t log_max = budget / 8 > LOG_SIZE_MIN ? budget / 8 : LOG_SIZE_MIN;
	/* The log's index has 8 bytes per frame, in pieces of 32 KiB. A quarter more is
	 * for pages that a transaction had not been thought to touch. */
	const uint64_t index_max = log_max / FRAME_SIZE * 8 + (64 << 10);
	int status = set(database, "auto_vacuum", 2);

	database->log_size_max = log_max;
	database->page_count_max =
		(int64_t)((budget - log_max - log_max / 4 - index_max) / PAGE_SIZE);
	if (status == 0)
		status = database_run(database, "PRAGMA journal_mode=WAL", "");
	if (status == 0)
		status = set(database, "synchronous", 1);
	if (status == 0)
		status = set(database, "cache_spill", 0);
	if (status == 0)
		status = set(database, "max_page_count", database->page_count_max);
	if (status == 0)
		status = set(database, "wal_autocheckpoint", (int64_t)(log_max / 4 / FRAME_SIZE));
	return status;
}

static int open_for_writing(struct database *database, const struct database_kind *kind,
			    uint64_t budget)
{
	int64_t tables;
	int status = database_number(database, "SELECT count(*) FROM sqlite_schema", &tables, "");

	if (status == 0 && tables > 0)
		status = check_kind(database, kind);
	if (status == 0)
		status = set_limits(database, budget);
	if (status == 0 && tables == 0)
		status = make_tables(database, kind);
	return status;
}

static int open_connection(const char *path, int flags, struct database **database)
{
	struct database *const opened = calloc(1, sizeof(*opened));
	int status;

	if (!opened)
		return -ENOMEM;
	if (asprintf(&opened->log_path, "%s-wal", path) < 0)
		opened->log_path = NULL;
	status = opened->log_path ? to_status(sqlite3_open_v2(path, &opened->connection,
							      flags | SQLITE_OPEN_NOMUTEX, NULL))
				  : -ENOMEM;
	if (status < 0) {
		database_close(opened);
		return status;
	}
	/* What the file says is not to be believed more than necessary. */
	sqlite3_db_config(opened->connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(opened->connection, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_busy_timeout(opened->connection, BUSY_MS);
	set(opened, "cache_size", -1024);
	*database = opened;
	return 0;
}

/* For its owner only. A file that is there is not opened: closing it would drop the
 * locks of another connection of this process. */
static int make_file(const char *path)
{
	const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	close(fd);
	return 0;
}

int database_open(const char *path, const struct database_kind *kind, uint64_t budget,
		  struct database **database)
{
	int status = make_file(path);

	if (status == 0)
		status = open_connection(path, SQLITE_OPEN_READWRITE, database);
	if (status < 0)
		return status;
	status = open_for_writing(*database, kind,
				  budget > DATABASE_BUDGET_MIN ? budget : DATABASE_BUDGET_MIN);
	if (status == 0)
		return 0;
	database_close(*database);
	*database = NULL;
	return status;
}

int database_open_reading(const char *path, const struct database_kind *kind,
			  struct database **database)
{
	int status;

	if (access(path, R_OK) != 0)
		return -errno;
	status = open_connection(path, SQLITE_OPEN_READONLY, database);
	if (status < 0)
		return status;
	status = check_kind(*database, kind);
	if (status == 0)
		return 0;
	database_close(*database);
	*database = NULL;
	return status;
}

void database_close(struct database *database)
{
	if (!database)
		return;
	sqlite3_close(database->connection);
	free(database->log_path);
	free(database);
}
