/*
 * The profile that every output is made from: a snapshot with its addresses
 * named. Reports and exported files take their numbers from here and nowhere
 * else, so they agree to the byte.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_PROFILE_H
#define EXPORTER_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exporter/string_table.h"
#include "sampler/snapshot.h"

struct profile_function {
	const char *name; /* demangled; "libfoo.so.1+0x1234" when there is no name */
	const char *system_name;
	const char *file; /* "" when unknown */
	uint32_t start_line;
	bool named; /* false: `name` is an address */
};

struct profile_line {
	uint32_t function; /* index */
	uint32_t line;	   /* 0: unknown */
};

struct profile_mapping {
	const char *path;			     /* "[anon]" for code of no module */
	char build_id[2 * SEGMENT_BUILD_ID_MAX + 1]; /* hexadecimal, or "" */
	uint64_t start, limit, offset;
	uint64_t load_bias;
	const struct snapshot_module *module;		       /* NULL for "[anon]" */
	bool has_functions, has_files, has_lines, has_inlines; /* for all its locations */
};

#define PROFILE_NO_MAPPING UINT32_MAX

struct profile_location {
	uint64_t address; /* run-time address of the call: return address - 1 */
	uint32_t mapping; /* index, or PROFILE_NO_MAPPING for "[truncated]" and the like */
	uint32_t first_line, line_count; /* into lines; innermost inlined one first; >= 1 */
};

struct profile_sample {
	const struct snapshot_stack *stack; /* the amounts */
	uint32_t first_location, depth;	    /* into sample_locations; innermost first */
};

struct profile {
	const struct snapshot *snapshot;
	struct profile_function *functions;
	size_t function_count;
	struct profile_line *lines;
	size_t line_count;
	struct profile_mapping *mappings; /* [0] is the main executable */
	size_t mapping_count;
	struct profile_location *locations;
	size_t location_count;
	struct profile_sample *samples; /* one per stack of the snapshot, same order */
	size_t sample_count;
	uint32_t *sample_locations;
	char **warnings; /* sentences for people: replaced binaries, missing names, ... */
	size_t warning_count;
	struct string_table strings; /* holds every name above */
};

struct symbol_cache;

struct profile_options {
	const char *sysroot;
	bool lines;
	struct symbol_cache *cache; /* or NULL; with it there are no warnings */
};

/*
 * Names the snapshot's stacks. Frames inside the allocator and its C++ wrappers
 * are trimmed from the inner end, a stack that was cut or lost on the way gets a
 * root frame "[truncated]" or "[incomplete]", the overflow stack is "[stack table
 * full]". Code of no module is in the mapping "[anon]". Every string is valid
 * UTF-8. The snapshot must outlive the profile. 0 or -ENOMEM.
 */
int profile_new(const struct snapshot *snapshot, const struct profile_options *options,
		struct profile **profile);
void profile_free(struct profile *profile);

#endif
