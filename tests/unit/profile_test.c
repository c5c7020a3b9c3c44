/*
 * The profile of a small snapshot, named by a resolver that this file brings
 * along: code at 0x1000 to 0x1fff is the program's, at 0x2000 the library's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/profile.h"

#include <string.h>

#include "exporter/symbols.h"
#include "tests/unit/unit.h"

static struct snapshot_module modules[] = {
	{
		.path = "/lib/libnew.so.1",
		.start = 0x2000,
		.end = 0x3000,
		.load_bias = 0x2000,
		.text_start = 0x2100,
		.text_end = 0x2f00,
		.text_offset = 0x100,
		.first_epoch = 1,
		.last_epoch = UINT32_MAX,
	},
	{
		.path = "/bin/program",
		.start = 0x1000,
		.end = 0x2000,
		.load_bias = 0x1000,
		.text_start = 0x1000,
		.text_end = 0x2000,
		.first_epoch = 0,
		.last_epoch = UINT32_MAX,
		.build_id = {0xab, 0x01},
		.build_id_size = 2,
	},
	{
		.path = "/lib/libold.so.1",
		.start = 0x2000,
		.end = 0x3000,
		.load_bias = 0x2000,
		.first_epoch = 0,
		.last_epoch = 0,
		.unloaded = true,
	},
};

/* ---- what the profile is made with ---- */

struct named {
	uint64_t address;
	struct symbols_line lines[3];
	size_t count;
};

static const struct named names[] = {
	{0x1010, {{"main", "main", NULL, 0, 0}}, 1},
	{0x1020, {{"main", "main", NULL, 0, 0}}, 1},
	{0x1030, {{"make(int)", "_Z4makei", NULL, 0, 0}}, 1},
	{0x1040, {{"operator new(unsigned long)", "_Znwm", NULL, 0, 0}}, 1},
	{0x1050,
	 {{"std::allocator<int>::allocate(unsigned long)", "_ZNSaIiE8allocateEm", "a.h", 1, 1},
	  {"inner\xff", "inner", "a.c", 5, 3},
	  {"outer", "outer", "a.c", 9, 7}},
	 3},
};

static bool was_missing;

struct symbols *symbols_new(const struct snapshot *snapshot, const struct symbols_options *options)
{
	(void)options;
	return (struct symbols *)snapshot;
}

void symbols_free(struct symbols *symbols)
{
	(void)symbols;
}

size_t symbols_resolve(struct symbols *symbols, uint64_t address, uint32_t module_epoch,
		       const struct symbols_line **lines, const struct snapshot_module **module)
{
	*module = snapshot_find_module((const struct snapshot *)symbols, address, module_epoch);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		*lines = names[i].lines;
		if (names[i].address == address)
			return names[i].count;
	}
	return 0;
}

enum symbols_status symbols_module_status(struct symbols *symbols,
					  const struct snapshot_module *module, const char **text)
{
	(void)symbols;
	if (!was_missing || module != &modules[0])
		return SYMBOLS_OK;
	*text = "/lib/libnew.so.1 is not there";
	return SYMBOLS_MISSING;
}

const struct snapshot_module *snapshot_find_module(const struct snapshot *snapshot,
						   uint64_t address, uint32_t module_epoch)
{
	for (size_t i = 0; i < snapshot->module_count; i++) {
		const struct snapshot_module *const module = &snapshot->modules[i];

		if (module->start <= address && address < module->end &&
		    module->first_epoch <= module_epoch && module_epoch <= module->last_epoch)
			return module;
	}
	return NULL;
}

const char *snapshot_counter_meaning(enum segment_counter_id counter)
{
	return counter == SEGMENT_COUNTER_lost_frees ? "frees lost" : "something else";
}

/* ---- the snapshot ---- */

static struct snapshot_stack stacks[8];
static struct snapshot snapshot;

static void set_up(void)
{
	memset(stacks, 0, sizeof(stacks));
	memset(&snapshot, 0, sizeof(snapshot));
	snapshot.allocator = "/lib/libc.so.6";
	strcpy(snapshot.executable, "/bin/program");
	snapshot.active = true;
	snapshot.stacks = stacks;
	snapshot.stack_count = 1; /* the overflow stack */
	snapshot.modules = modules;
	snapshot.module_count = sizeof(modules) / sizeof(modules[0]);
}

static void add_stack(const uint64_t *frames, uint32_t depth, uint32_t epoch, uint16_t flags)
{
	stacks[snapshot.stack_count++] = (struct snapshot_stack){
		.frames = frames, .depth = depth, .module_epoch = epoch, .flags = flags};
}

static struct profile *make_profile(void)
{
	struct profile *profile = NULL;

	ck_assert_int_eq(profile_new(&snapshot, &(const struct profile_options){0}, &profile), 0);
	ck_assert_uint_eq(profile->sample_count, snapshot.stack_count);
	return profile;
}

static const struct profile_location *location_of(const struct profile *profile, size_t sample,
						  uint32_t frame)
{
	const struct profile_sample *const of = &profile->samples[sample];

	ck_assert_uint_lt(frame, of->depth);
	return &profile->locations[profile->sample_locations[of->first_location + frame]];
}

static const struct profile_function *function_of(const struct profile *profile, size_t sample,
						  uint32_t frame, uint32_t line)
{
	const struct profile_location *const location = location_of(profile, sample, frame);

	ck_assert_uint_lt(line, location->line_count);
	return &profile->functions[profile->lines[location->first_line + line].function];
}

static const char *name_of(const struct profile *profile, size_t sample, uint32_t frame)
{
	return function_of(profile, sample, frame, 0)->name;
}

/* ---- the tests ---- */

START_TEST(frames_are_named_by_the_call_before_the_return_address)
{
	static const uint64_t frames[] = {0x1031, 0x1011};
	struct profile *profile;

	set_up();
	add_stack(frames, 2, 0, 0);
	profile = make_profile();
	ck_assert_uint_eq(profile->samples[1].depth, 2);
	ck_assert_ptr_eq(profile->samples[1].stack, &stacks[1]);
	ck_assert_str_eq(name_of(profile, 1, 0), "make(int)");
	ck_assert_str_eq(function_of(profile, 1, 0, 0)->system_name, "_Z4makei");
	ck_assert_str_eq(name_of(profile, 1, 1), "main");
	ck_assert_uint_eq(location_of(profile, 1, 0)->address, 0x1030);
	profile_free(profile);
}
END_TEST

START_TEST(two_places_in_one_function_are_two_locations_of_one_function)
{
	static const uint64_t one[] = {0x1011}, other[] = {0x1021};
	struct profile *profile;

	set_up();
	add_stack(one, 1, 0, 0);
	add_stack(other, 1, 0, 0);
	add_stack(one, 1, 1, 0); /* another module epoch, the same module */
	profile = make_profile();
	ck_assert_ptr_ne(location_of(profile, 1, 0), location_of(profile, 2, 0));
	ck_assert_ptr_eq(location_of(profile, 1, 0), location_of(profile, 3, 0));
	ck_assert_ptr_eq(function_of(profile, 1, 0, 0), function_of(profile, 2, 0, 0));
	profile_free(profile);
}
END_TEST

START_TEST(the_main_program_is_the_first_mapping_even_when_no_stack_is_in_it)
{
	static const uint64_t frames[] = {0x2235};
	struct profile *profile;

	set_up();
	add_stack(frames, 1, 1, 0);
	profile = make_profile();
	ck_assert_uint_eq(profile->mapping_count, 2);
	ck_assert_str_eq(profile->mappings[0].path, "/bin/program");
	ck_assert_str_eq(profile->mappings[0].build_id, "ab01");
	ck_assert_str_eq(profile->mappings[1].path, "/lib/libnew.so.1");
	ck_assert_str_eq(profile->mappings[1].build_id, "");
	ck_assert_uint_eq(profile->mappings[1].start, 0x2100);
	ck_assert_uint_eq(profile->mappings[1].limit, 0x2f00);
	ck_assert_uint_eq(profile->mappings[1].offset, 0x100);
	profile_free(profile);
}
END_TEST

START_TEST(a_program_without_a_module_record_still_has_the_first_mapping)
{
	struct profile *profile;

	set_up();
	snapshot.module_count = 0;
	profile = make_profile();
	ck_assert_uint_eq(profile->mapping_count, 1);
	ck_assert_str_eq(profile->mappings[0].path, "/bin/program");
	profile_free(profile);
}
END_TEST

START_TEST(an_address_without_a_name_is_a_place_in_its_module)
{
	static const uint64_t frames[] = {0x2235, 0x9001};
	struct profile *profile;

	set_up();
	add_stack(frames, 2, 1, 0);
	profile = make_profile();
	ck_assert_str_eq(name_of(profile, 1, 0), "libnew.so.1+0x234");
	ck_assert(!function_of(profile, 1, 0, 0)->named);
	ck_assert_str_eq(name_of(profile, 1, 1), "[anon]+0x9000");
	profile_free(profile);
}
END_TEST

START_TEST(an_address_used_by_two_modules_is_named_by_the_epoch_of_the_stack)
{
	static const uint64_t frames[] = {0x2235};
	struct profile *profile;

	set_up();
	add_stack(frames, 1, 0, 0);
	add_stack(frames, 1, 1, 0);
	profile = make_profile();
	ck_assert_str_eq(name_of(profile, 1, 0), "libold.so.1+0x234");
	ck_assert_str_eq(name_of(profile, 2, 0), "libnew.so.1+0x234");
	profile_free(profile);
}
END_TEST

START_TEST(frames_of_the_allocator_are_trimmed_from_the_inner_end_only)
{
	static const uint64_t inner[] = {0x1041, 0x1011}, middle[] = {0x1031, 0x1041, 0x1011};
	struct profile *profile;

	set_up();
	add_stack(inner, 2, 0, 0);
	add_stack(middle, 3, 0, 0);
	profile = make_profile();
	ck_assert_uint_eq(profile->samples[1].depth, 1);
	ck_assert_str_eq(name_of(profile, 1, 0), "main");
	ck_assert_uint_eq(profile->samples[2].depth, 3);
	profile_free(profile);
}
END_TEST

START_TEST(a_stack_of_nothing_but_allocator_frames_keeps_the_outermost)
{
	static const uint64_t frames[] = {0x1041, 0x1041};
	struct profile *profile;

	set_up();
	add_stack(frames, 2, 0, 0);
	profile = make_profile();
	ck_assert_uint_eq(profile->samples[1].depth, 1);
	ck_assert_str_eq(name_of(profile, 1, 0), "operator new(unsigned long)");
	profile_free(profile);
}
END_TEST

START_TEST(every_frame_of_an_allocator_library_is_an_allocator_frame)
{
	static const uint64_t frames[] = {0x2235, 0x1011};
	struct profile *profile;

	set_up();
	snapshot.allocator = "/lib/libnew.so.1";
	add_stack(frames, 2, 1, 0);
	profile = make_profile();
	ck_assert_uint_eq(profile->samples[1].depth, 1);
	ck_assert_str_eq(name_of(profile, 1, 0), "main");
	profile_free(profile);
}
END_TEST

START_TEST(inlined_allocator_functions_are_trimmed_and_the_others_kept_in_order)
{
	static const uint64_t frames[] = {0x1051};
	struct profile *profile;

	set_up();
	add_stack(frames, 1, 0, 0);
	profile = make_profile();
	ck_assert_uint_eq(location_of(profile, 1, 0)->line_count, 2);
	ck_assert_str_eq(name_of(profile, 1, 0), "inner\xef\xbf\xbd");
	ck_assert_str_eq(function_of(profile, 1, 0, 1)->name, "outer");
	ck_assert_str_eq(function_of(profile, 1, 0, 1)->file, "a.c");
	ck_assert_uint_eq(profile->lines[location_of(profile, 1, 0)->first_line].line, 5);
	profile_free(profile);
}
END_TEST

START_TEST(a_mapping_has_what_all_of_its_locations_have)
{
	static const uint64_t with_lines[] = {0x1051}, without[] = {0x1011}, unnamed[] = {0x1101};
	struct profile *profile;

	set_up();
	add_stack(with_lines, 1, 0, 0);
	profile = make_profile();
	ck_assert(profile->mappings[0].has_functions);
	ck_assert(profile->mappings[0].has_files);
	ck_assert(profile->mappings[0].has_lines);
	ck_assert(profile->mappings[0].has_inlines);
	profile_free(profile);
	add_stack(without, 1, 0, 0);
	profile = make_profile();
	ck_assert(profile->mappings[0].has_functions);
	ck_assert(!profile->mappings[0].has_files);
	ck_assert(!profile->mappings[0].has_lines);
	ck_assert(!profile->mappings[0].has_inlines);
	profile_free(profile);
	add_stack(unnamed, 1, 0, 0);
	profile = make_profile();
	ck_assert(!profile->mappings[0].has_functions);
	profile_free(profile);
}
END_TEST

START_TEST(what_is_not_known_of_a_stack_is_a_frame_in_brackets)
{
	static const uint64_t frames[] = {0x1011};
	struct profile *profile;

	set_up();
	add_stack(frames, 1, 0, SEGMENT_STACK_TRUNCATED);
	add_stack(frames, 1, 0, SEGMENT_STACK_INCOMPLETE);
	add_stack(NULL, 0, 0, 0);
	profile = make_profile();
	ck_assert_str_eq(name_of(profile, 0, 0), "[stack table full]");
	ck_assert_str_eq(name_of(profile, 1, 0), "main");
	ck_assert_str_eq(name_of(profile, 1, 1), "[truncated]");
	ck_assert_str_eq(name_of(profile, 2, 1), "[incomplete]");
	ck_assert_str_eq(name_of(profile, 3, 0), "[unknown]");
	ck_assert_uint_eq(location_of(profile, 1, 1)->mapping, PROFILE_NO_MAPPING);
	profile_free(profile);
}
END_TEST

START_TEST(a_sound_profile_has_no_warnings)
{
	struct profile *profile;

	set_up();
	profile = make_profile();
	ck_assert_uint_eq(profile->warning_count, 0);
	profile_free(profile);
}
END_TEST

START_TEST(every_reason_to_doubt_is_a_warning)
{
	static const uint64_t frames[] = {0x2235};
	struct profile *profile;

	set_up();
	add_stack(frames, 1, 1, 0);
	was_missing = true;
	snapshot.notices = SEGMENT_NOTICE_OWN_MALLOC | SEGMENT_NOTICE_BAD_OPTION;
	strcpy(snapshot.notice_text, "HEAPTIDE_DEPTH: not a number");
	snapshot.counters[SEGMENT_COUNTER_lost_frees] = 3;
	snapshot.off_total_ns = 1000000000;
	snapshot.off_since_ns = 5000000000;
	snapshot.taken_monotonic_ns = 6500000000;
	snapshot.active = false;
	profile = make_profile();
	was_missing = false;
	ck_assert_uint_eq(profile->warning_count, 5);
	ck_assert_ptr_nonnull(strstr(profile->warnings[0], "defines malloc itself"));
	ck_assert_str_eq(profile->warnings[1], "HEAPTIDE_DEPTH: not a number");
	ck_assert_str_eq(profile->warnings[2], "3 frees lost");
	ck_assert_str_eq(profile->warnings[3], "sampling was off for 2.5 s and is off now");
	ck_assert_str_eq(profile->warnings[4], "/lib/libnew.so.1 is not there");
	profile_free(profile);
}
END_TEST

START_TEST(time_off_of_a_process_that_is_over_does_not_go_on)
{
	struct profile *profile;

	set_up();
	snapshot.off_since_ns = 5000000000;
	snapshot.taken_monotonic_ns = 6500000000;
	snapshot.active = false;
	snapshot.is_over = true;
	profile = make_profile();
	ck_assert_uint_eq(profile->warning_count, 1);
	ck_assert_str_eq(profile->warnings[0], "sampling was off at the end of the process");
	profile_free(profile);
}
END_TEST

START_TEST(doubtful_samples_are_a_warning_when_they_are_more_than_a_few)
{
	struct profile *profile;

	set_up();
	snapshot.counters[SEGMENT_COUNTER_samples] = 1000;
	snapshot.counters[SEGMENT_COUNTER_incomplete_stacks] = 20;
	profile = make_profile();
	ck_assert_uint_eq(profile->warning_count, 0);
	profile_free(profile);
	snapshot.counters[SEGMENT_COUNTER_incomplete_stacks] = 21;
	profile = make_profile();
	ck_assert_uint_eq(profile->warning_count, 1);
	ck_assert_str_eq(profile->warnings[0],
			 "21 of 1000 samples have a stack that could not be followed to its root");
	profile_free(profile);
}
END_TEST

UNIT_MAIN(frames_are_named_by_the_call_before_the_return_address,
	  two_places_in_one_function_are_two_locations_of_one_function,
	  the_main_program_is_the_first_mapping_even_when_no_stack_is_in_it,
	  a_program_without_a_module_record_still_has_the_first_mapping,
	  an_address_without_a_name_is_a_place_in_its_module,
	  an_address_used_by_two_modules_is_named_by_the_epoch_of_the_stack,
	  frames_of_the_allocator_are_trimmed_from_the_inner_end_only,
	  a_stack_of_nothing_but_allocator_frames_keeps_the_outermost,
	  every_frame_of_an_allocator_library_is_an_allocator_frame,
	  inlined_allocator_functions_are_trimmed_and_the_others_kept_in_order,
	  a_mapping_has_what_all_of_its_locations_have,
	  what_is_not_known_of_a_stack_is_a_frame_in_brackets, a_sound_profile_has_no_warnings,
	  every_reason_to_doubt_is_a_warning, time_off_of_a_process_that_is_over_does_not_go_on,
	  doubtful_samples_are_a_warning_when_they_are_more_than_a_few)
