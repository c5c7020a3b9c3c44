/*
 * The cheap clock keeps to the system's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/clock.h"

#include <pthread.h>
#include <time.h>

#include "tests/unit/unit.h"

#define MS UINT64_C(1000000)

static uint64_t system_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Asks both clocks for `ms`; the answer must lie between two of the system's,
 * give or take a ten-thousandth of the time since the last setting, 2 s at most. */
static void *compare(void *ms)
{
	const uint64_t end = system_ns() + (uintptr_t)ms * MS;
	uint64_t before = 0;

	while (before < end) {
		before = system_ns();
		const uint64_t now = clock_now_ns();
		const uint64_t after = system_ns();

		UNIT_CHECK(now + MS / 5 >= before);
		UNIT_CHECK(now <= after + MS / 5);
	}
	return NULL;
}

START_TEST(the_system_clock_is_used_unless_asked_otherwise)
{
	clock_init(false);
	for (int i = 0; i < 1000; i++) {
		const uint64_t before = system_ns(), now = clock_now_ns(), after = system_ns();

		UNIT_CHECK(before <= now && now <= after);
	}
}
END_TEST

START_TEST(the_cheap_clock_keeps_to_the_system_clock)
{
	clock_init(true);
	compare((void *)300);
}
END_TEST

START_TEST(threads_may_ask_together)
{
	pthread_t threads[4];

	clock_init(true);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, compare, (void *)200), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}
END_TEST

START_TEST(a_child_of_a_thread_that_set_the_clock_goes_on)
{
	clock_init(true);
	clock_after_fork();
	compare((void *)50);
}
END_TEST

UNIT_MAIN(the_system_clock_is_used_unless_asked_otherwise,
	  the_cheap_clock_keeps_to_the_system_clock, threads_may_ask_together,
	  a_child_of_a_thread_that_set_the_clock_goes_on)
