/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/pull_profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/symbols.h"

/* ---- looks ---- */

static void look_fini(struct pull_look *look)
{
	free(look->segment);
	delta_baseline_fini(&look->baseline);
}

void pull_looks_fini(struct pull_looks *looks)
{
	for (size_t i = 0; i < looks->count; i++)
		look_fini(&looks->looks[i]);
	free(looks->looks);
	*looks = (struct pull_looks){0};
}

/* The look at a segment, which may be new; NULL without memory. */
static struct pull_look *find_look(struct pull_looks *looks, const char *segment)
{
	struct pull_look *bigger;
	char *name;

	for (size_t i = 0; i < looks->count; i++)
		if (strcmp(looks->looks[i].segment, segment) == 0)
			return &looks->looks[i];
	bigger = reallocarray(looks->looks, looks->count + 1, sizeof(*bigger));
	if (!bigger)
		return NULL;
	looks->looks = bigger;
	name = strdup(segment);
	if (!name)
		return NULL;
	bigger[looks->count] = (struct pull_look){.segment = name};
	return &bigger[looks->count++];
}

/* Makes the snapshot's allocated amounts those since the look, which moves on. */
static int look_at(struct pull_looks *looks, const char *segment, struct snapshot *snapshot,
		   uint64_t *duration_ns)
{
	struct pull_look *const look = find_look(looks, segment);
	const uint64_t now = snapshot->taken_monotonic_ns;
	int status;

	if (!look)
		return -ENOMEM;
	status = delta_apply(&look->baseline, snapshot);
	if (look->time_ns > 0 && now > look->time_ns && now - look->time_ns > *duration_ns)
		*duration_ns = now - look->time_ns;
	look->time_ns = now;
	return status;
}

static bool is_meant(const struct pull_scope *scope, const char *segment)
{
	for (size_t i = 0; i < scope->count; i++)
		if (strcmp(scope->processes[i].path, segment) == 0)
			return true;
	return false;
}

/* Processes that are gone do not come back. */
static void forget_gone(struct pull_looks *looks, const struct pull_scope *scope)
{
	for (size_t i = looks->count; i-- > 0;) {
		if (is_meant(scope, looks->looks[i].segment))
			continue;
		look_fini(&looks->looks[i]);
		looks->looks[i] = looks->looks[--looks->count];
	}
}

int pull_looks_take(struct pull_looks *looks, const struct pull_scope *scope)
{
	char error[SNAPSHOT_ERROR_SIZE];
	uint64_t duration_ns = 0;
	int status = 0;

	for (size_t i = 0; i < scope->count && status == 0; i++) {
		struct snapshot *snapshot;

		if (snapshot_take(scope->processes[i].path, &snapshot, error) != 0)
			continue;
		status = look_at(looks, scope->processes[i].path, snapshot, &duration_ns);
		snapshot_free(snapshot);
	}
	return status;
}

/* ---- profiles ---- */

/* The profile of one process; -ENOENT when it cannot be read. */
static int read_process(const char *segment, struct symbol_cache *cache, struct pull_looks *looks,
			struct pull_profile *into)
{
	const struct profile_options options = {.cache = cache};
	char error[SNAPSHOT_ERROR_SIZE];
	int status = 0;

	if (snapshot_take(segment, &into->snapshot, error) != 0)
		return -ENOENT;
	if (looks)
		status = look_at(looks, segment, into->snapshot, &into->duration_ns);
	if (status == 0)
		status = profile_new(into->snapshot, &options, &into->own);
	return status;
}

static int add_process(struct pull_profile *whole, const char *segment, struct symbol_cache *cache,
		       struct pull_looks *looks)
{
	struct pull_profile one = {.duration_ns = whole->duration_ns};
	int status = read_process(segment, cache, looks, &one);

	if (status == 0)
		status = profile_sum_add(whole->sum, one.own);
	whole->duration_ns = one.duration_ns;
	pull_profile_fini(&one);
	return status;
}

static int read_service(const struct pull_scope *scope, struct symbol_cache *cache,
			struct pull_looks *looks, struct pull_profile *profile)
{
	int result = -ENOENT;

	profile->sum = profile_sum_new();
	if (!profile->sum)
		return -ENOMEM;
	for (size_t i = 0; i < scope->count; i++) {
		const int status = add_process(profile, scope->processes[i].path, cache, looks);

		if (status == -ENOMEM)
			return status;
		if (status == 0)
			result = 0;
	}
	profile_sum_spread(profile->sum);
	profile->profile = profile_sum_profile(profile->sum);
	return result;
}

int pull_profile_new(const struct pull_scope *scope, struct symbol_cache *cache,
		     struct pull_looks *looks, struct pull_profile *profile)
{
	int status;

	*profile = (struct pull_profile){0};
	if (looks)
		forget_gone(looks, scope);
	if (scope->is_service) {
		status = read_service(scope, cache, looks, profile);
	} else {
		status = read_process(scope->processes[0].path, cache, looks, profile);
		profile->profile = profile->own;
	}
	if (status < 0)
		pull_profile_fini(profile);
	return status;
}

void pull_profile_fini(struct pull_profile *profile)
{
	symbols_free(profile->symbols);
	key_map_fini(&profile->by_address);
	profile_free(profile->own);
	profile_sum_free(profile->sum);
	snapshot_free(profile->snapshot);
	*profile = (struct pull_profile){0};
}

/* ---- names ---- */

static void index_locations(struct pull_profile *profile)
{
	const struct profile *const from = profile->profile;
	const struct symbols_options options = {0};

	for (size_t i = 0; i < from->location_count; i++)
		key_map_insert(&profile->by_address, from->locations[i].address, 0, (uint32_t)i);
	if (profile->snapshot)
		profile->symbols = symbols_new(profile->snapshot, &options);
	profile->is_indexed = true;
}

/* Any address of a process can be asked for, of a service only those of its profile. */
const char *pull_profile_name(struct pull_profile *profile, uint64_t address)
{
	const struct snapshot_module *module;
	const struct symbols_line *line;
	const uint32_t *known;

	if (!profile->is_indexed)
		index_locations(profile);
	known = key_map_find(&profile->by_address, address, 0);
	/* Some ask for the return address. */
	if (!known && !profile->snapshot)
		known = key_map_find(&profile->by_address, address - 1, 0);
	if (known) {
		const struct profile *const from = profile->profile;
		const uint32_t first = from->locations[*known].first_line;

		return from->functions[from->lines[first].function].name;
	}
	/* In the modules that are loaded now. */
	if (profile->symbols &&
	    symbols_resolve(profile->symbols, address, UINT32_MAX, &line, &module) > 0)
		return line->function;
	return NULL;
}
