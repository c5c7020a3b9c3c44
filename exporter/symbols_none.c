/*
 * No names at all: addresses with their modules, until there is a resolver.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "exporter/symbols.h"

__attribute__((weak)) struct symbols *symbols_new(const struct snapshot *snapshot,
						  const struct symbols_options *options)
{
	(void)options;
	return (struct symbols *)snapshot;
}

__attribute__((weak)) void symbols_free(struct symbols *symbols)
{
	(void)symbols;
}

__attribute__((weak)) size_t symbols_resolve(struct symbols *symbols, uint64_t address,
					     uint32_t module_epoch,
					     const struct symbols_line **lines,
					     const struct snapshot_module **module)
{
	*lines = NULL;
	*module = snapshot_find_module((const struct snapshot *)symbols, address, module_epoch);
	return 0;
}

__attribute__((weak)) enum symbols_status
symbols_module_status(struct symbols *symbols, const struct snapshot_module *module,
		      const char **text)
{
	(void)symbols, (void)module;
	*text = "symbols are not looked up";
	return SYMBOLS_MISSING;
}
