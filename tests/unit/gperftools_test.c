/*
 * The heap profile text of the small profile.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/gperftools.h"

#include <stdlib.h>

#include "tests/unit/small_profile.h"
#include "tests/unit/unit.h"

START_TEST(the_text_has_names_then_totals_then_stacks_then_libraries)
{
	char *text = NULL;
	size_t size;
	FILE *const stream = open_memstream(&text, &size);

	snapshot.allocated.bytes = UINT64_MAX;
	ck_assert_int_eq(gperftools_write(&small, stream), 0);
	fclose(stream);
	ck_assert_str_eq(
		text,
		"--- symbol\n"
		"binary=/bin/program\n"
		"0x0000000000000001 [stack table full]\n"
		"0x0000550000001030 make(int)--main\n"
		"0x0000550000001010 main\n"
		"0x0000000000000002 [truncated]\n"
		"0x0000550000001040 a;b c- -d\n"
		"0x0000550000001048 a;b c- -d\n"
		"---\n"
		"heap profile:      6:      327 [    14: 9223372036854775807] @ heapprofile\n"
		"     3:      300 [    10:     1000] @ 0x0000550000001030 0x0000550000001010\n"
		"     0:        0 [     1: 9223372036854775807] @ 0x0000550000001010 "
		"0x0000000000000002\n"
		"     2:       20 [     2:       20] @ 0x0000550000001040 0x0000550000001010\n"
		"     1:        7 [     1:        7] @ 0x0000550000001048 0x0000550000001010\n"
		"\n"
		"MAPPED_LIBRARIES:\n"
		"550000001000-550000002000 r-xp 00001000 00:00 0 /bin/program\n");
	free(text);
}
END_TEST

UNIT_MAIN(the_text_has_names_then_totals_then_stacks_then_libraries)
