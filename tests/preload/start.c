/*
 * How the library starts, seen from the program.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/auxv.h>

#include "tests/preload/own_segment.h"

static void *volatile kept;

static const char *own_string(uint32_t offset)
{
	return (const char *)own_segment() + own_segment()->regions[SEGMENT_STRINGS].offset +
	       offset;
}

static int ends_with(const char *text, const char *end)
{
	return strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

static void nothing_happens_without_allocations(void)
{
	CHECK(!own_segment());
}

static void settings_are_in_the_segment(void)
{
	kept = malloc(1 << 20);
	CHECK_EQUAL(own_segment()->start_interval, 3 << 10);
	CHECK_EQUAL(own_segment()->interval, 3 << 10);
	CHECK_EQUAL(own_segment()->budget_bytes, 2 << 20);
	CHECK_EQUAL(own_segment()->max_depth, 7);
	CHECK_EQUAL(own_segment()->unwinder, SEGMENT_UNWIND_FP);
	CHECK_EQUAL(own_segment()->seed, 99);
	CHECK_EQUAL(own_segment()->notices, 0);
	CHECK(ends_with(own_string(own_segment()->allocator_name), "/libc.so.6"));
}

static void a_bad_setting_is_noted(void)
{
	kept = malloc(1 << 30);
	CHECK_EQUAL(own_segment()->notices, SEGMENT_NOTICE_BAD_OPTION);
	CHECK_EQUAL(own_segment()->interval, 512 << 10);
	CHECK(strstr(own_segment()->notice_text, "HEAPTIDE_INTERVAL=12Q"));
}

static void a_dormant_process_has_a_segment(void)
{
	for (int i = 0; i < 1000; i++)
		kept = malloc(i);
	CHECK_EQUAL(own_segment()->active, SEGMENT_OFF);
	CHECK_EQUAL(own_counts().samples, 0);
}

static void a_privileged_program_is_left_alone(void)
{
	CHECK_EQUAL(getauxval(AT_SECURE), 1);
	/* The library is there, but it does not look at the environment. */
	CHECK(dlsym(RTLD_DEFAULT, "free_sized"));
	for (int i = 0; i < 1000; i++)
		kept = realloc(malloc(i), i + 1000);
	CHECK(!own_segment());
}

/* In an executable at a fixed address, the address of malloc is that of a stub
 * in it. This is not a malloc of its own. */
static void a_stub_is_no_allocator(void)
{
	void *(*volatile take)(size_t) = malloc;

	kept = take(1234);
	CHECK_EQUAL(own_segment()->notices, 0);
	CHECK_EQUAL(own_live_blocks(1234), 1);
}

static void another_preloaded_allocator_first_is_noted(void)
{
	kept = malloc(1);
	CHECK_EQUAL(own_segment()->notices, SEGMENT_NOTICE_OWN_MALLOC);
	CHECK_EQUAL(own_counts().samples, 0);
	CHECK(strstr(own_string(own_segment()->allocator_name), "jemalloc"));
}

/* A library with its own view of malloc: what it does is not seen, and harms nobody. */
static void a_deeply_bound_library_is_not_seen(void)
{
	void *plugin = dlopen(getenv("PLUGIN"), RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);

	CHECK(plugin);
	void *(*take)(size_t) = (void *(*)(size_t))dlsym(plugin, "take");
	void (*give_back)(void *) = (void (*)(void *))dlsym(plugin, "give_back");

	kept = malloc(1);
	const struct own_counts before = own_counts();
	void *block = take(4321);

	CHECK_EQUAL(own_counts().samples, before.samples);
	free(block);
	CHECK_EQUAL(own_counts().frees, before.frees);

	/* A free that is not seen leaves its block, until the address comes back. */
	block = malloc(7777);
	give_back(block);
	CHECK_EQUAL(own_live_blocks(7777), 1);
	void *again = malloc(7770);

	CHECK(again == block);
	CHECK_EQUAL(own_live_blocks(7777), 0);
	CHECK_EQUAL(own_live_blocks(7770), 1);
	CHECK_EQUAL(own_counter(SEGMENT_COUNTER_stale_blocks), 1);
	free(again);
	CHECK_EQUAL(own_counts().live, before.live);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{"nothing_happens_without_allocations", nothing_happens_without_allocations},
		{"settings_are_in_the_segment", settings_are_in_the_segment},
		{"a_bad_setting_is_noted", a_bad_setting_is_noted},
		{"a_dormant_process_has_a_segment", a_dormant_process_has_a_segment},
		{"a_privileged_program_is_left_alone", a_privileged_program_is_left_alone},
		{"a_stub_is_no_allocator", a_stub_is_no_allocator},
		{"another_preloaded_allocator_first_is_noted",
		 another_preloaded_allocator_first_is_noted},
		{"a_deeply_bound_library_is_not_seen", a_deeply_bound_library_is_not_seen},
	};

	return RUN_CASE(cases, argc, argv);
}
