/*
 * Names that are known already, within their bound.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/symbol_cache.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

static const struct snapshot_module one = {.path = "/one", .build_id = {1}, .build_id_size = 20};
static const struct snapshot_module other = {.path = "/one", .build_id = {2}, .build_id_size = 20};

static void keep_name(void *context, const char *function, const char *system_name)
{
	snprintf(context, 64, "%s/%s", function, system_name);
}

static bool find(struct symbol_cache *cache, const struct snapshot_module *module, uint64_t address,
		 char name[64])
{
	*name = '\0';
	return symbol_cache_find(cache, module, address, keep_name, name);
}

static void add(struct symbol_cache *cache, const struct snapshot_module *module, uint64_t address,
		const char *function)
{
	const struct symbols_line line = {.function = function, .system_name = "_Z"};

	symbol_cache_add(cache, module, address, &line);
}

START_TEST(a_name_is_known_by_build_id_and_address)
{
	struct symbol_cache *const cache = symbol_cache_new(1 << 20);
	char name[64];

	add(cache, &one, 0x1000, "f");
	add(cache, &other, 0x1000, "g");
	ck_assert(find(cache, &one, 0x1000, name));
	ck_assert_str_eq(name, "f/_Z");
	ck_assert(find(cache, &other, 0x1000, name));
	ck_assert_str_eq(name, "g/_Z");
	ck_assert(!find(cache, &one, 0x1001, name));
	symbol_cache_free(cache);
}
END_TEST

START_TEST(that_there_is_no_name_is_known_too)
{
	struct symbol_cache *const cache = symbol_cache_new(1 << 20);
	char name[64];

	symbol_cache_add(cache, &one, 0x1000, NULL);
	ck_assert(find(cache, &one, 0x1000, name));
	ck_assert_str_eq(name, "");
	symbol_cache_free(cache);
}
END_TEST

START_TEST(the_cache_is_bounded_and_keeps_what_is_asked_for)
{
	struct symbol_cache *const cache = symbol_cache_new(64 << 10);
	char name[64];

	add(cache, &one, 1, "favourite");
	for (uint64_t i = 2; i < 20000; i++) {
		char function[64];

		snprintf(function, sizeof(function), "function_%llu", (unsigned long long)i);
		add(cache, &one, i, function);
		UNIT_CHECK(symbol_cache_bytes(cache) <= (64 << 10) + 1024);
		UNIT_CHECK(find(cache, &one, 1, name) && strcmp(name, "favourite/_Z") == 0);
		UNIT_CHECK(find(cache, &one, i, name));
	}
	ck_assert(!find(cache, &one, 2, name));
	symbol_cache_free(cache);
}
END_TEST

UNIT_MAIN(a_name_is_known_by_build_id_and_address, that_there_is_no_name_is_known_too,
	  the_cache_is_bounded_and_keeps_what_is_asked_for)
