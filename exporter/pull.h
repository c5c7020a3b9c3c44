/*
 * What is answered to those who come and ask: profiles at the addresses that
 * pprof and scrapers know, figures, and whether the agent is well.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_PULL_H
#define EXPORTER_PULL_H

#include "exporter/roster.h"
#include "exporter/symbol_cache.h"

struct pull;

struct pull_settings {
	const char *listen, *token_file; /* as struct http_settings has them */
	struct roster *roster;
	struct symbol_cache *cache;
};

/* Starts to answer. Borrows what the settings point to. 0 or a status after it has
 * said what is wrong. */
int pull_start(const struct pull_settings *settings, struct pull **pull);

/* NULL is allowed. */
void pull_stop(struct pull *pull);

#endif
