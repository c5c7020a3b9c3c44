/*
 * Sums of profiles, and sums that went through a file.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/profile_sum.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/pprof.h"
#include "exporter/pprof_read.h"
#include "tests/unit/small_profile.h"
#include "tests/unit/unit.h"

static const struct profile *sum_of(struct profile_sum *sum, size_t times)
{
	for (size_t i = 0; i < times; i++)
		ck_assert_int_eq(profile_sum_add(sum, &small), 0);
	return profile_sum_profile(sum);
}

static size_t stacks_with_amounts(const struct profile *profile)
{
	size_t n = 0;

	for (size_t i = 0; i < profile->snapshot->stack_count; i++)
		n += profile->snapshot->stacks[i].allocated.objects > 0;
	return n;
}

static uint64_t bytes_named(const struct profile *profile, const char *leaf)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < profile->sample_count; i++) {
		const struct profile_sample *const sample = &profile->samples[i];
		const uint32_t location = profile->sample_locations[sample->first_location];
		const uint32_t line = profile->locations[location].first_line;

		if (strcmp(profile->functions[profile->lines[line].function].name, leaf) == 0)
			bytes += sample->stack->live.bytes;
	}
	return bytes;
}

START_TEST(a_sum_of_one_profile_has_its_amounts)
{
	struct profile_sum *const sum = profile_sum_new();
	const struct profile *const profile = sum_of(sum, 1);

	ck_assert_uint_eq(profile->snapshot->live.bytes, 327);
	ck_assert_uint_eq(bytes_named(profile, "make(int)"), 300);
	ck_assert_uint_eq(stacks_with_amounts(profile), 4);
	ck_assert_uint_eq(profile->snapshot->interval, 524288);
	profile_sum_free(sum);
}
END_TEST

START_TEST(equal_stacks_of_two_profiles_are_one)
{
	struct profile_sum *const sum = profile_sum_new();
	const struct profile *const profile = sum_of(sum, 2);

	ck_assert_uint_eq(profile->snapshot->live.bytes, 654);
	ck_assert_uint_eq(bytes_named(profile, "make(int)"), 600);
	ck_assert_uint_eq(stacks_with_amounts(profile), 4);
	ck_assert_uint_eq(profile->location_count, 5);
	ck_assert_uint_eq(profile->mapping_count, 1);
	profile_sum_free(sum);
}
END_TEST

START_TEST(addresses_of_a_sum_are_those_of_the_file)
{
	struct profile_sum *const sum = profile_sum_new();
	const struct profile *const profile = sum_of(sum, 1);

	for (size_t i = 0; i < profile->location_count; i++)
		ck_assert_uint_lt(profile->locations[i].address, 0x2000);
	ck_assert_uint_eq(profile->mappings[0].load_bias, 0);
	ck_assert_str_eq(profile->mappings[0].build_id, "ab01");
	profile_sum_free(sum);
}
END_TEST

START_TEST(folding_keeps_the_totals_and_the_largest_stacks)
{
	struct profile_sum *const sum = profile_sum_new();
	const struct profile *profile = sum_of(sum, 1);
	const uint64_t live = profile->snapshot->live.bytes,
		       before = bytes_named(profile, "a;b\nc--d");
	uint64_t folded = 0;

	ck_assert_uint_eq(before, 27);
	ck_assert_int_eq(profile_sum_fold(sum, 3), 0);
	profile = profile_sum_profile(sum);
	for (size_t i = 0; i < profile->sample_count; i++)
		folded += profile->samples[i].stack->live.bytes;
	ck_assert_uint_eq(folded, live);
	ck_assert_uint_eq(profile->snapshot->live.bytes, live);
	ck_assert_uint_eq(stacks_with_amounts(profile), 3);
	ck_assert_uint_eq(bytes_named(profile, "[other]"), 27);
	ck_assert_uint_eq(bytes_named(profile, "make(int)"), 300);
	profile_sum_free(sum);
}
END_TEST

START_TEST(a_sum_that_is_small_enough_is_not_folded)
{
	struct profile_sum *const sum = profile_sum_new();

	sum_of(sum, 1);
	ck_assert_int_eq(profile_sum_fold(sum, 4), 0);
	ck_assert_uint_eq(bytes_named(profile_sum_profile(sum), "[other]"), 0);
	profile_sum_free(sum);
}
END_TEST

static void encode(const struct profile *profile, uint64_t time_ns, uint8_t **bytes, size_t *size)
{
	const struct pprof_options options = {.time_ns = time_ns, .duration_ns = 15};

	ck_assert_int_eq(pprof_encode(profile, &options, bytes, size), 0);
}

START_TEST(a_file_that_is_read_back_has_the_same_amounts)
{
	struct profile_sum *const sum = profile_sum_new(), *const again = profile_sum_new();
	struct pprof_header header;
	uint8_t *bytes;
	size_t size;

	encode(sum_of(sum, 1), 77, &bytes, &size);
	ck_assert_int_eq(pprof_read(bytes, size, true, again, &header), 0);
	ck_assert_uint_eq(header.time_ns, 77);
	ck_assert_uint_eq(header.duration_ns, 15);
	ck_assert_uint_eq(header.period, 524288);
	ck_assert_uint_eq(profile_sum_snapshot(again)->live.bytes, 327);
	ck_assert_uint_eq(profile_sum_profile(again)->location_count,
			  profile_sum_profile(sum)->location_count);
	ck_assert_uint_eq(bytes_named(profile_sum_profile(again), "make(int)"), 300);
	free(bytes);
	profile_sum_free(sum);
	profile_sum_free(again);
}
END_TEST

START_TEST(without_the_in_use_amounts_only_allocations_are_read)
{
	struct profile_sum *const sum = profile_sum_new(), *const again = profile_sum_new();
	uint8_t *bytes;
	size_t size;

	encode(sum_of(sum, 1), 77, &bytes, &size);
	ck_assert_int_eq(pprof_read(bytes, size, false, again, NULL), 0);
	ck_assert_uint_eq(profile_sum_snapshot(again)->live.bytes, 0);
	ck_assert_uint_eq(profile_sum_snapshot(again)->allocated.objects, 14);
	free(bytes);
	profile_sum_free(sum);
	profile_sum_free(again);
}
END_TEST

START_TEST(damaged_files_are_refused_or_read_but_harm_nobody)
{
	struct profile_sum *const sum = profile_sum_new();
	unsigned refused = 0;
	uint8_t *bytes;
	size_t size;

	encode(sum_of(sum, 1), 77, &bytes, &size);
	for (size_t i = 0; i < size; i++) {
		struct profile_sum *const again = profile_sum_new();

		bytes[i] ^= 0x55;
		refused += pprof_read(bytes, size, true, again, NULL) < 0;
		bytes[i] ^= 0x55;
		refused += pprof_read(bytes, i, true, again, NULL) < 0;
		profile_sum_free(again);
	}
	ck_assert_uint_gt(refused, size);
	free(bytes);
	profile_sum_free(sum);
}
END_TEST

START_TEST(a_profile_that_is_too_large_is_refused)
{
	const struct pprof_options options = {.size_max = 100};
	uint8_t *bytes;
	size_t size;

	ck_assert_int_eq(pprof_encode(&small, &options, &bytes, &size), -EFBIG);
}
END_TEST

UNIT_MAIN(a_sum_of_one_profile_has_its_amounts, equal_stacks_of_two_profiles_are_one,
	  addresses_of_a_sum_are_those_of_the_file, folding_keeps_the_totals_and_the_largest_stacks,
	  a_sum_that_is_small_enough_is_not_folded, a_file_that_is_read_back_has_the_same_amounts,
	  without_the_in_use_amounts_only_allocations_are_read,
	  damaged_files_are_refused_or_read_but_harm_nobody, a_profile_that_is_too_large_is_refused)
