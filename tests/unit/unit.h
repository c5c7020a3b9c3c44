/*
 * The frame of a unit test program: UNIT_MAIN names its tests, and main() runs
 * them, each in a process of its own with a deadline, and prints TAP.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <check.h>
#include <stddef.h>

/* Seconds; generous, because sanitizers and a busy machine slow a test down. */
#define UNIT_DEADLINE_S 60

/* ck_assert() for loops of many thousand rounds: it writes nothing while true. */
#define UNIT_CHECK(condition)                           \
	do {                                            \
		if (!(condition))                       \
			ck_abort_msg("%s", #condition); \
	} while (0)

static inline int unit_run(const char *file, const TTest *const *tests, size_t count)
{
	Suite *suite = suite_create(file);
	TCase *cases = tcase_create(file);

	tcase_set_timeout(cases, UNIT_DEADLINE_S);
	for (size_t i = 0; i < count; i++)
		tcase_add_test(cases, tests[i]);
	suite_add_tcase(suite, cases);

	SRunner *runner = srunner_create(suite);

	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);

	const int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? 1 : 0;
}

/* UNIT_MAIN(a_thing_is_so, another_thing_is_so): every START_TEST of the file. */
#define UNIT_MAIN(...)                                                              \
	int main(void)                                                              \
	{                                                                           \
		const TTest *const tests[] = {__VA_ARGS__};                         \
                                                                                    \
		return unit_run(__FILE__, tests, sizeof(tests) / sizeof(tests[0])); \
	}

#endif
