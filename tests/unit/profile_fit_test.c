/*
 * Profiles that are too large for servers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/profile_fit.h"

#include <stdio.h>
#include <stdlib.h>

#include "exporter/gzip.h"
#include "exporter/pprof_read.h"
#include "tests/unit/unit.h"

#define STACKS 100000

/* Many stacks of two frames, the inner one a function of its own. */
static struct profile_sum *make_sum(uint32_t stacks)
{
	struct profile_sum *const sum = profile_sum_new();
	const uint32_t mapping =
		profile_sum_mapping(sum, &(const struct profile_mapping){.path = "/bin/large"});
	uint32_t frames[2];

	for (uint32_t i = 0; i < stacks; i++) {
		char name[64];
		struct profile_function function = {.name = name, .system_name = name, .file = ""};
		struct profile_line line = {0};
		const struct snapshot_amount allocated = {.bytes = 10 + i, .objects = 1},
					     live = {.bytes = i % 7 ? 0 : 5, .objects = i % 7 == 0};

		snprintf(name, sizeof(name), "a_function_with_a_name_of_usual_length_%u", i);
		line.function = profile_sum_function(sum, &function);
		frames[0] = profile_sum_location(sum, 0x1000 + i, mapping, &line, 1);
		frames[1] = i == 0 ? frames[0] : frames[1];
		profile_sum_stack(sum, frames, 2, &allocated, &live);
	}
	ck_assert_int_eq(profile_sum_status(sum), 0);
	return sum;
}

START_TEST(a_large_profile_is_folded_and_its_totals_stay)
{
	struct profile_sum *const sum = make_sum(STACKS), *const again = profile_sum_new();
	const struct snapshot_amount allocated = profile_sum_snapshot(sum)->allocated;
	const struct snapshot_amount live = profile_sum_snapshot(sum)->live;
	uint8_t *bytes, *plain;
	size_t size, plain_size;

	ck_assert_int_eq(profile_fit_encode(sum, 1, 1, &bytes, &size), 0);
	ck_assert_int_eq(gzip_uncompress(bytes, size, 64 << 20, &plain, &plain_size), 0);
	ck_assert_uint_le(plain_size, 1900000);
	ck_assert_uint_ge(plain_size, 1000000);
	ck_assert_int_eq(pprof_read(bytes, size, true, again, NULL), 0);
	ck_assert_uint_le(profile_sum_snapshot(again)->stack_count, 16000);
	ck_assert_uint_ge(profile_sum_snapshot(again)->stack_count, 8000);
	ck_assert_uint_eq(profile_sum_snapshot(again)->allocated.bytes, allocated.bytes);
	ck_assert_uint_eq(profile_sum_snapshot(again)->allocated.objects, allocated.objects);
	ck_assert_uint_eq(profile_sum_snapshot(again)->live.bytes, live.bytes);
	ck_assert_uint_eq(profile_sum_snapshot(again)->live.objects, live.objects);
	free(bytes);
	free(plain);
	profile_sum_free(sum);
	profile_sum_free(again);
}
END_TEST

START_TEST(a_profile_that_fits_keeps_all_its_stacks)
{
	struct profile_sum *const sum = make_sum(1000), *const again = profile_sum_new();
	uint8_t *bytes;
	size_t size;

	ck_assert_int_eq(profile_fit_encode(sum, 1, 1, &bytes, &size), 0);
	ck_assert_int_eq(pprof_read(bytes, size, true, again, NULL), 0);
	ck_assert_uint_eq(profile_sum_snapshot(again)->stack_count, 1000);
	free(bytes);
	profile_sum_free(sum);
	profile_sum_free(again);
}
END_TEST

START_TEST(an_empty_profile_is_a_profile)
{
	struct profile_sum *const sum = profile_sum_new(), *const again = profile_sum_new();
	uint8_t *bytes;
	size_t size;

	ck_assert_int_eq(profile_fit_encode(sum, 5, 1, &bytes, &size), 0);
	ck_assert_int_eq(pprof_read(bytes, size, true, again, NULL), 0);
	ck_assert_uint_eq(profile_sum_snapshot(again)->stack_count, 0);
	free(bytes);
	profile_sum_free(sum);
	profile_sum_free(again);
}
END_TEST

UNIT_MAIN(a_large_profile_is_folded_and_its_totals_stay, a_profile_that_fits_keeps_all_its_stacks,
	  an_empty_profile_is_a_profile)
