/*
 * The small profile for speedscope. That the files are valid by its schema is
 * tested with real profiles.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/speedscope.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/small_profile.h"
#include "tests/unit/unit.h"

static char *write_small(bool extra)
{
	char *text = NULL;
	size_t size;
	FILE *const stream = open_memstream(&text, &size);

	ck_assert_int_eq(speedscope_write(&small, extra, stream), 0);
	fclose(stream);
	return text;
}

START_TEST(frames_are_functions_with_their_files)
{
	char *const text = write_small(false);

	ck_assert_ptr_nonnull(strstr(text,
				     "\"shared\":{\"frames\":[{\"name\":\"[stack table full]\"},"
				     "{\"name\":\"make(int)\",\"file\":\"make.cc\",\"line\":3},"
				     "{\"name\":\"main\"},"));
	free(text);
}
END_TEST

START_TEST(samples_go_from_the_root_inwards_and_weights_add_up_to_the_end_value)
{
	char *const text = write_small(false);

	ck_assert_ptr_nonnull(
		strstr(text, "{\"type\":\"sampled\",\"name\":\"inuse_space\",\"unit\":\"bytes\","
			     "\"samples\":[[2,2,1],[2,4],[2,4]],\"weights\":[300,20,7],"
			     "\"startValue\":0,\"endValue\":327}"));
	free(text);
}
END_TEST

START_TEST(in_use_space_is_the_profile_shown_first)
{
	char *const text = write_small(false);

	ck_assert_ptr_nonnull(strstr(text, "\"activeProfileIndex\":3,"));
	free(text);
}
END_TEST

START_TEST(extra_profiles_come_when_asked_for)
{
	char *const without = write_small(false), *const with = write_small(true);

	ck_assert_ptr_null(strstr(without, "peak_space"));
	ck_assert_ptr_nonnull(strstr(with, "\"name\":\"peak_space\""));
	ck_assert_ptr_nonnull(strstr(with, "\"name\":\"temporary_objects\",\"unit\":\"none\""));
	free(without);
	free(with);
}
END_TEST

UNIT_MAIN(frames_are_functions_with_their_files,
	  samples_go_from_the_root_inwards_and_weights_add_up_to_the_end_value,
	  in_use_space_is_the_profile_shown_first, extra_profiles_come_when_asked_for)
