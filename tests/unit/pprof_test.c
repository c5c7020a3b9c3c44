/*
 * Encoded profiles, decoded again and held against the rules that readers of
 * the format enforce.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/pprof.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "exporter/string_table.h"
#include "profile.pb-c.h"
#include "tests/unit/small_profile.h"
#include "tests/unit/unit.h"

/* ---- decoding ---- */

static uint8_t *uncompress_bytes(const uint8_t *bytes, size_t size, size_t *result_size)
{
	z_stream stream = {.next_in = (Bytef *)bytes, .avail_in = (uInt)size};
	const size_t room = 64 << 20;
	uint8_t *const result = malloc(room);

	ck_assert_int_eq(inflateInit2(&stream, 15 + 16), Z_OK);
	stream.next_out = result;
	stream.avail_out = (uInt)room;
	ck_assert_int_eq(inflate(&stream, Z_FINISH), Z_STREAM_END);
	ck_assert_uint_eq(stream.avail_in, 0);
	*result_size = stream.total_out;
	inflateEnd(&stream);
	return result;
}

static Pprof__Profile *encode_and_decode(const struct profile *profile, bool extra)
{
	Pprof__Profile *decoded;
	uint8_t *bytes, *plain;
	size_t size, plain_size;

	ck_assert_int_eq(
		pprof_encode(profile, &(const struct pprof_options){.extra = extra}, &bytes, &size),
		0);
	plain = uncompress_bytes(bytes, size, &plain_size);
	decoded = pprof__profile__unpack(NULL, plain_size, plain);
	ck_assert_ptr_nonnull(decoded);
	free(plain);
	free(bytes);
	return decoded;
}

static const char *string_of(const Pprof__Profile *profile, int64_t index)
{
	ck_assert_int_ge(index, 0);
	ck_assert_uint_lt((size_t)index, profile->n_string_table);
	return profile->string_table[index];
}

/* ---- what readers demand ---- */

static void check_strings(const Pprof__Profile *profile)
{
	ck_assert_str_eq(string_of(profile, 0), "");
	for (size_t i = 0; i < profile->n_string_table; i++) {
		const char *const text = profile->string_table[i];
		char *const clean = string_table_clean(text, strlen(text));

		ck_assert_str_eq(text, clean);
		free(clean);
	}
}

static void check_tables(const Pprof__Profile *profile)
{
	for (size_t i = 0; i < profile->n_mapping; i++) {
		ck_assert_uint_eq(profile->mapping[i]->id, i + 1);
		string_of(profile, profile->mapping[i]->filename);
		string_of(profile, profile->mapping[i]->build_id);
	}
	for (size_t i = 0; i < profile->n_function; i++) {
		ck_assert_uint_eq(profile->function[i]->id, i + 1);
		ck_assert_str_ne(string_of(profile, profile->function[i]->name), "");
		string_of(profile, profile->function[i]->system_name);
		string_of(profile, profile->function[i]->filename);
	}
	for (size_t i = 0; i < profile->n_location; i++) {
		const Pprof__Location *const location = profile->location[i];

		ck_assert_uint_eq(location->id, i + 1);
		ck_assert_uint_le(location->mapping_id, profile->n_mapping);
		ck_assert_uint_ne(location->address, 0);
		ck_assert_uint_gt(location->n_line, 0);
		for (size_t j = 0; j < location->n_line; j++) {
			ck_assert_uint_ge(location->line[j]->function_id, 1);
			ck_assert_uint_le(location->line[j]->function_id, profile->n_function);
		}
	}
}

static void check_samples(const Pprof__Profile *profile)
{
	for (size_t i = 0; i < profile->n_sample; i++) {
		const Pprof__Sample *const sample = profile->sample[i];
		bool is_empty = true;

		ck_assert_uint_eq(sample->n_value, profile->n_sample_type);
		ck_assert_uint_gt(sample->n_location_id, 0);
		for (size_t j = 0; j < sample->n_value; j++) {
			ck_assert_int_ge(sample->value[j], 0);
			is_empty = is_empty && sample->value[j] == 0;
		}
		ck_assert(!is_empty);
		for (size_t j = 0; j < sample->n_location_id; j++) {
			ck_assert_uint_ge(sample->location_id[j], 1);
			ck_assert_uint_le(sample->location_id[j], profile->n_location);
		}
	}
}

static void check_valid(const Pprof__Profile *profile)
{
	check_strings(profile);
	check_tables(profile);
	check_samples(profile);
	for (size_t i = 0; i < profile->n_comment; i++)
		ck_assert_str_ne(string_of(profile, profile->comment[i]), "");
	ck_assert_ptr_nonnull(profile->period_type);
	ck_assert_str_eq(string_of(profile, profile->default_sample_type), "inuse_space");
}

static void expect_type(const Pprof__Profile *profile, size_t index, const char *type,
			const char *unit)
{
	ck_assert_uint_lt(index, profile->n_sample_type);
	ck_assert_str_eq(string_of(profile, profile->sample_type[index]->type), type);
	ck_assert_str_eq(string_of(profile, profile->sample_type[index]->unit), unit);
}

/* ---- the tests ---- */

START_TEST(the_default_file_has_the_four_types_of_go_in_its_order)
{
	Pprof__Profile *const profile = encode_and_decode(&small, false);

	check_valid(profile);
	ck_assert_uint_eq(profile->n_sample_type, 4);
	expect_type(profile, 0, "alloc_objects", "count");
	expect_type(profile, 1, "alloc_space", "bytes");
	expect_type(profile, 2, "inuse_objects", "count");
	expect_type(profile, 3, "inuse_space", "bytes");
	ck_assert_str_eq(string_of(profile, profile->period_type->type), "space");
	ck_assert_str_eq(string_of(profile, profile->period_type->unit), "bytes");
	ck_assert_int_eq(profile->period, 524288);
	ck_assert_int_eq(profile->time_nanos, SMALL_PROFILE_TIME_NS);
	ck_assert_int_eq(profile->duration_nanos, 0);
	pprof__profile__free_unpacked(profile, NULL);
}
END_TEST

START_TEST(extra_types_come_after_the_four)
{
	Pprof__Profile *const profile = encode_and_decode(&small, true);

	check_valid(profile);
	ck_assert_uint_eq(profile->n_sample_type, 8);
	expect_type(profile, 3, "inuse_space", "bytes");
	expect_type(profile, 4, "peak_objects", "count");
	expect_type(profile, 5, "peak_space", "bytes");
	expect_type(profile, 6, "temporary_objects", "count");
	expect_type(profile, 7, "temporary_space", "bytes");
	ck_assert_int_eq(profile->sample[0]->value[5], 500);
	pprof__profile__free_unpacked(profile, NULL);
}
END_TEST

START_TEST(names_of_types_are_the_first_strings)
{
	Pprof__Profile *const profile = encode_and_decode(&small, false);

	ck_assert_str_eq(profile->string_table[1], "alloc_objects");
	ck_assert_int_le(profile->default_sample_type, 8);
	ck_assert_int_le(profile->period_type->type, 8);
	pprof__profile__free_unpacked(profile, NULL);
}
END_TEST

START_TEST(a_stack_without_amounts_is_left_out_with_its_functions)
{
	Pprof__Profile *const profile = encode_and_decode(&small, false);

	ck_assert_uint_eq(profile->n_sample, small.sample_count - 1);
	ck_assert_uint_eq(profile->n_location, small.location_count - 1);
	ck_assert_uint_eq(profile->n_function, small.function_count - 1);
	for (size_t i = 0; i < profile->n_string_table; i++)
		ck_assert_str_ne(profile->string_table[i], "[stack table full]");
	pprof__profile__free_unpacked(profile, NULL);
}
END_TEST

START_TEST(values_are_the_amounts_of_the_stack_and_fit_the_format)
{
	Pprof__Profile *const profile = encode_and_decode(&small, false);

	ck_assert_int_eq(profile->sample[0]->value[0], 10);
	ck_assert_int_eq(profile->sample[0]->value[1], 1000);
	ck_assert_int_eq(profile->sample[0]->value[2], 3);
	ck_assert_int_eq(profile->sample[0]->value[3], 300);
	ck_assert_int_eq(profile->sample[1]->value[1], INT64_MAX);
	pprof__profile__free_unpacked(profile, NULL);
}
END_TEST

START_TEST(frames_lines_and_addresses_are_innermost_first_and_as_in_the_file)
{
	Pprof__Profile *const profile = encode_and_decode(&small, false);
	const Pprof__Sample *const sample = profile->sample[0];
	const Pprof__Location *const inner = profile->location[sample->location_id[0] - 1];
	const Pprof__Function *make;

	ck_assert_uint_eq(sample->n_location_id, 2);
	ck_assert_uint_eq(inner->address, 0x1030);
	ck_assert_uint_eq(inner->mapping_id, 1);
	ck_assert_uint_eq(inner->n_line, 2);
	make = profile->function[inner->line[0]->function_id - 1];
	ck_assert_str_eq(string_of(profile, make->name), "make(int)");
	ck_assert_str_eq(string_of(profile, make->system_name), "_Z4makei");
	ck_assert_str_eq(string_of(profile, make->filename), "make.cc");
	ck_assert_int_eq(make->start_line, 3);
	ck_assert_int_eq(inner->line[0]->line, 7);
	ck_assert_uint_eq(profile->location[sample->location_id[1] - 1]->address, 0x1010);
	pprof__profile__free_unpacked(profile, NULL);
}
END_TEST

START_TEST(the_main_program_is_mapping_1_with_its_build_id)
{
	Pprof__Profile *const profile = encode_and_decode(&small, false);
	const Pprof__Mapping *const mapping = profile->mapping[0];

	ck_assert_str_eq(string_of(profile, mapping->filename), "/bin/program");
	ck_assert_str_eq(string_of(profile, mapping->build_id), "ab01");
	ck_assert(mapping->has_functions);
	ck_assert(!mapping->has_filenames);
	ck_assert(!mapping->has_line_numbers);
	ck_assert_uint_eq(mapping->memory_start, 0);
	ck_assert_uint_eq(mapping->memory_limit, UINT64_MAX);
	pprof__profile__free_unpacked(profile, NULL);
}
END_TEST

static bool has_comment(const Pprof__Profile *profile, const char *part)
{
	for (size_t i = 0; i < profile->n_comment; i++) {
		if (strstr(string_of(profile, profile->comment[i]), part))
			return true;
	}
	return false;
}

START_TEST(comments_say_how_sure_the_numbers_are)
{
	Pprof__Profile *profile;

	snapshot.counters[SEGMENT_COUNTER_samples] = 199;
	snapshot.counters[SEGMENT_COUNTER_dropped_busy] = 1;
	profile = encode_and_decode(&small, false);
	ck_assert(has_comment(profile, "inuse_space 327 bytes +/- 10 (95 %)"));
	ck_assert(has_comment(profile, "sampling interval 524288 bytes"));
	ck_assert(has_comment(profile, "199 samples recorded, 1 dropped: coverage 99.50 %"));
	ck_assert(has_comment(profile, "warning: beware"));
	pprof__profile__free_unpacked(profile, NULL);
}
END_TEST

START_TEST(names_that_are_not_utf_8_are_made_so)
{
	Pprof__Profile *profile;

	functions[1].name = "\xff\xfe";
	profile = encode_and_decode(&small, false);
	check_valid(profile);
	ck_assert_str_eq(string_of(profile, profile->function[0]->name),
			 "\xef\xbf\xbd\xef\xbf\xbd");
	pprof__profile__free_unpacked(profile, NULL);
}
END_TEST

START_TEST(the_same_profile_gives_the_same_bytes)
{
	const struct pprof_options options = {.extra = true};
	uint8_t *first, *second;
	size_t first_size, second_size;

	ck_assert_int_eq(pprof_encode(&small, &options, &first, &first_size), 0);
	ck_assert_int_eq(pprof_encode(&small, &options, &second, &second_size), 0);
	ck_assert_uint_eq(first_size, second_size);
	ck_assert_mem_eq(first, second, first_size);
	ck_assert_mem_eq(first + 4, "\0\0\0\0", 4); /* gzip's time of modification */
	free(first);
	free(second);
}
END_TEST

START_TEST(a_profile_of_nothing_is_valid)
{
	static struct snapshot nothing = {.interval = 1};
	const struct profile empty = {
		.snapshot = &nothing, .mappings = mappings, .mapping_count = 1};
	Pprof__Profile *const profile = encode_and_decode(&empty, false);

	check_valid(profile);
	ck_assert_uint_eq(profile->n_sample, 0);
	ck_assert_uint_eq(profile->n_sample_type, 4);
	pprof__profile__free_unpacked(profile, NULL);
}
END_TEST

/* ---- random profiles ---- */

static uint32_t below(unsigned *seed, uint32_t limit)
{
	return (uint32_t)rand_r(seed) % limit;
}

#define RANDOM_MAX 40

struct random_profile {
	struct profile profile;
	struct snapshot snapshot;
	struct snapshot_stack stacks[RANDOM_MAX];
	struct profile_function functions[RANDOM_MAX];
	struct profile_line lines[4 * RANDOM_MAX];
	struct profile_mapping mappings[RANDOM_MAX];
	struct profile_location locations[RANDOM_MAX];
	struct profile_sample samples[RANDOM_MAX];
	uint32_t sample_locations[RANDOM_MAX * RANDOM_MAX];
	char names[RANDOM_MAX][8];
};

static void fill_tables(struct random_profile *it, unsigned *seed)
{
	for (size_t i = 0; i < it->profile.function_count; i++) {
		for (size_t j = 0; j < 7; j++)
			it->names[i][j] = (char)(1 + below(seed, 255));
		it->functions[i] = (struct profile_function){
			it->names[i], it->names[below(seed, (uint32_t)i + 1)], "", below(seed, 9),
			true};
	}
	for (size_t i = 0; i < it->profile.mapping_count; i++)
		it->mappings[i] =
			(struct profile_mapping){.path = it->names[below(seed, RANDOM_MAX)],
						 .load_bias = below(seed, 3) * 4096};
	for (size_t i = 0; i < it->profile.location_count; i++) {
		it->locations[i] = (struct profile_location){
			.address = 0x10000 + i,
			.mapping = below(seed, 5) ? below(seed, (uint32_t)it->profile.mapping_count)
						  : PROFILE_NO_MAPPING,
			.first_line = (uint32_t)it->profile.line_count,
			.line_count = 1 + below(seed, 4),
		};
		for (uint32_t j = 0; j < it->locations[i].line_count; j++)
			it->lines[it->profile.line_count++] = (struct profile_line){
				below(seed, (uint32_t)it->profile.function_count), below(seed, 99)};
	}
}

static void fill_samples(struct random_profile *it, unsigned *seed)
{
	uint32_t frames = 0;

	for (size_t i = 0; i < it->profile.sample_count; i++) {
		it->samples[i] = (struct profile_sample){&it->stacks[i], frames,
							 1 + below(seed, RANDOM_MAX)};
		for (uint32_t j = 0; j < it->samples[i].depth; j++)
			it->sample_locations[frames++] =
				below(seed, (uint32_t)it->profile.location_count);
		it->stacks[i].allocated.bytes = below(seed, 3) ? below(seed, 1 << 30) : 0;
		it->stacks[i].live.objects = below(seed, 3);
	}
}

static void make_random(struct random_profile *it, unsigned *seed)
{
	memset(it, 0, sizeof(*it));
	it->profile = (struct profile){
		.snapshot = &it->snapshot,
		.functions = it->functions,
		.function_count = 1 + below(seed, RANDOM_MAX),
		.lines = it->lines,
		.mappings = it->mappings,
		.mapping_count = 1 + below(seed, RANDOM_MAX),
		.locations = it->locations,
		.location_count = 1 + below(seed, RANDOM_MAX),
		.samples = it->samples,
		.sample_count = below(seed, RANDOM_MAX),
		.sample_locations = it->sample_locations,
	};
	it->snapshot.stacks = it->stacks;
	it->snapshot.stack_count = it->profile.sample_count;
	fill_tables(it, seed);
	fill_samples(it, seed);
}

START_TEST(random_profiles_are_valid_and_keep_their_totals)
{
	static struct random_profile random;
	unsigned seed = 1;

	for (unsigned round = 0; round < 300; round++) {
		int64_t expected = 0, sum = 0;
		Pprof__Profile *profile;

		make_random(&random, &seed);
		profile = encode_and_decode(&random.profile, round % 2);
		check_valid(profile);
		for (size_t i = 0; i < random.profile.sample_count; i++)
			expected += (int64_t)random.stacks[i].allocated.bytes;
		for (size_t i = 0; i < profile->n_sample; i++)
			sum += profile->sample[i]->value[1];
		ck_assert_int_eq(sum, expected);
		pprof__profile__free_unpacked(profile, NULL);
	}
}
END_TEST

UNIT_MAIN(the_default_file_has_the_four_types_of_go_in_its_order, extra_types_come_after_the_four,
	  names_of_types_are_the_first_strings,
	  a_stack_without_amounts_is_left_out_with_its_functions,
	  values_are_the_amounts_of_the_stack_and_fit_the_format,
	  frames_lines_and_addresses_are_innermost_first_and_as_in_the_file,
	  the_main_program_is_mapping_1_with_its_build_id, comments_say_how_sure_the_numbers_are,
	  names_that_are_not_utf_8_are_made_so, the_same_profile_gives_the_same_bytes,
	  a_profile_of_nothing_is_valid, random_profiles_are_valid_and_keep_their_totals)
