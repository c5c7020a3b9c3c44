/*
 * The tables of a history, for the files that write, merge and read it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_HISTORY_FILE_H
#define EXPORTER_HISTORY_FILE_H

#include "exporter/database.h"
#include "exporter/history.h"

struct history {
	struct database *database;
	struct history_limits limits;
};

extern const struct database_kind history_file_kind;

#endif
