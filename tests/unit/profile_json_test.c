/*
 * The small profile as JSON. That whole files can be parsed is tested with real
 * profiles.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/profile_json.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/small_profile.h"
#include "tests/unit/unit.h"

static char *text;

static void write_small(bool blocks)
{
	size_t size;
	FILE *const stream = open_memstream(&text, &size);

	ck_assert_int_eq(profile_json_write(&small, blocks, stream), 0);
	fclose(stream);
}

static void expect(const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "%s is not in %s", part, text);
}

START_TEST(the_document_names_its_format_and_version_first)
{
	write_small(false);
	ck_assert_int_eq(strncmp(text, "{\"format\":\"heaptide\",\"version\":1,", 33), 0);
	free(text);
}
END_TEST

START_TEST(process_sampling_and_warnings_are_there)
{
	write_small(false);
	expect("\"pid\":42,");
	expect("\"arguments\":[\"program\",\"-v\"]");
	expect("\"sampling\":{\"interval\":524288,");
	expect("\"unwinder\":\"tables\"");
	expect("\"warnings\":[\"beware\"]");
	free(text);
}
END_TEST

START_TEST(stacks_refer_to_locations_functions_and_modules_by_index)
{
	write_small(false);
	expect("\"stacks\":[{\"locations\":[0],");
	expect("{\"locations\":[1,2],\"alloc\":{\"bytes\":1000,\"objects\":10,\"samples\":4,");
	expect("{\"module\":0,\"address\":\"0x550000001030\",\"lines\":"
	       "[{\"function\":1,\"line\":7},{\"function\":2,\"line\":0}]}");
	expect("{\"path\":\"/bin/program\",\"build_id\":\"ab01\",");
	free(text);
}
END_TEST

START_TEST(frames_that_are_not_code_have_no_module_and_no_address)
{
	write_small(false);
	expect("\"locations\":[{\"lines\":[{\"function\":0,\"line\":0}]},");
	free(text);
}
END_TEST

START_TEST(amounts_carry_their_variance_and_their_error)
{
	write_small(false);
	expect("\"inuse\":{\"bytes\":300,\"objects\":3,\"samples\":1,\"bytes_error\":9.8,"
	       "\"objects_error\":1.96,\"bytes_variance\":25,\"objects_variance\":1}");
	free(text);
}
END_TEST

START_TEST(histograms_tell_where_their_buckets_begin)
{
	write_small(false);
	expect("\"sizes\":[{\"from_bytes\":64,\"bytes\":1000,\"objects\":10,\"samples\":4}]");
	expect("\"lifetimes\":[{\"from_ns\":19.073486328125,\"bytes\":500,\"objects\":5,"
	       "\"samples\":2}]");
	free(text);
}
END_TEST

START_TEST(blocks_are_there_when_asked_for)
{
	write_small(false);
	ck_assert_ptr_null(strstr(text, "\"blocks\""));
	free(text);
	write_small(true);
	expect("\"blocks\":[{\"address\":\"0x7f0000000010\",\"size\":7,\"bytes\":7,\"objects\":1,");
	free(text);
}
END_TEST

UNIT_MAIN(the_document_names_its_format_and_version_first, process_sampling_and_warnings_are_there,
	  stacks_refer_to_locations_functions_and_modules_by_index,
	  frames_that_are_not_code_have_no_module_and_no_address,
	  amounts_carry_their_variance_and_their_error, histograms_tell_where_their_buckets_begin,
	  blocks_are_there_when_asked_for)
