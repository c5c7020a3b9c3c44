/*
 * Every form of new and delete, at T = 1.
 * Build with: -fsized-deallocation
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <cstdlib>
#include <new>

#include "tests/preload/own_segment.h"

static void *volatile sink;

struct form {
	void *(*take)(size_t);
	void (*give_back)(void *, size_t);
};

static const auto wide = std::align_val_t(256);

static const struct form forms[] = {
	{[](size_t n) { return operator new(n); }, [](void *p, size_t) { operator delete(p); }},
	{[](size_t n) { return operator new[](n); }, [](void *p, size_t) { operator delete[](p); }},
	{[](size_t n) { return operator new(n); },
	 [](void *p, size_t n) { operator delete(p, n); }},
	{[](size_t n) { return operator new[](n); },
	 [](void *p, size_t n) { operator delete[](p, n); }},
	{[](size_t n) { return operator new(n, std::nothrow); },
	 [](void *p, size_t) { operator delete(p, std::nothrow); }},
	{[](size_t n) { return operator new[](n, std::nothrow); },
	 [](void *p, size_t) { operator delete[](p, std::nothrow); }},
	{[](size_t n) { return operator new(n, wide); },
	 [](void *p, size_t) { operator delete(p, wide); }},
	{[](size_t n) { return operator new[](n, wide); },
	 [](void *p, size_t) { operator delete[](p, wide); }},
	{[](size_t n) { return operator new(n, wide); },
	 [](void *p, size_t n) { operator delete(p, n, wide); }},
	{[](size_t n) { return operator new[](n, wide); },
	 [](void *p, size_t n) { operator delete[](p, n, wide); }},
	{[](size_t n) { return operator new(n, wide, std::nothrow); },
	 [](void *p, size_t) { operator delete(p, wide, std::nothrow); }},
	{[](size_t n) { return operator new[](n, wide, std::nothrow); },
	 [](void *p, size_t) { operator delete[](p, wide, std::nothrow); }},
};

static void each_operator_is_counted_once()
{
	for (const form &form : forms) {
		const struct own_counts before = own_counts();
		void *block = form.take(5120);
		const struct own_counts between = own_counts();

		CHECK(block);
		CHECK_EQUAL(between.samples, before.samples + 1);
		CHECK_EQUAL(between.live, before.live + 1);
		CHECK_EQUAL(own_live_blocks(5120), 1);
		form.give_back(block, 5120);
		CHECK_EQUAL(own_counts().samples, between.samples);
		CHECK_EQUAL(own_counts().frees, before.frees + 1);
		CHECK_EQUAL(own_counts().live, before.live);
		CHECK_EQUAL(own_live_blocks(5120), 0);
	}
}

static void aligned_operators_align()
{
	for (size_t size = 0; size < 5000; size = 2 * size + 1) {
		void *block = operator new(size, wide);

		CHECK_EQUAL((uintptr_t)block % 256, 0);
		operator delete(block, wide);
	}
}

/* new and malloc, delete and free, in any combination: all the same heap. */
static void mixed_frees_are_seen()
{
	const struct own_counts before = own_counts();

	free(operator new(100));
	operator delete(malloc(100));
	operator delete(malloc(100));
	free(operator new(100, wide));
	free(operator new[](100));
	CHECK_EQUAL(own_counts().live, before.live);
	CHECK_EQUAL(own_counts().frees, before.frees + 5);
}

static const size_t huge = (size_t)1 << 60;

static int handler_calls;

static void give_up_at_the_third_call()
{
	if (++handler_calls == 3)
		std::set_new_handler(nullptr);
}

static bool throws_bad_alloc(void *(*take)(size_t))
{
	try {
		sink = take(huge);
	} catch (const std::bad_alloc &) {
		return true;
	}
	return false;
}

static void exceptions_pass()
{
	const struct own_counts before = own_counts();

	CHECK(throws_bad_alloc(forms[0].take));
	CHECK(throws_bad_alloc(forms[1].take));
	CHECK(throws_bad_alloc(forms[6].take));
	CHECK(throws_bad_alloc(forms[7].take));
	CHECK(operator new(huge, std::nothrow) == nullptr);
	CHECK(operator new[](huge, wide, std::nothrow) == nullptr);

	/* What the exceptions themselves took is freed again. */
	CHECK_EQUAL(own_counts().live, before.live);
}

static void the_new_handler_is_called()
{
	for (const form &form : forms) {
		handler_calls = 0;
		std::set_new_handler(give_up_at_the_third_call);
		try {
			CHECK(form.take(huge) == nullptr);
		} catch (const std::bad_alloc &) {
		}
		CHECK_EQUAL(handler_calls, 3);
	}
}

/* libstdc++ takes its emergency pool before any other constructor runs. */
static void the_first_allocation_of_the_process_is_seen()
{
	sink = malloc(1);
	CHECK_EQUAL(own_live_blocks(72704), 1);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{"each_operator_is_counted_once", each_operator_is_counted_once},
		{"aligned_operators_align", aligned_operators_align},
		{"mixed_frees_are_seen", mixed_frees_are_seen},
		{"exceptions_pass", exceptions_pass},
		{"the_new_handler_is_called", the_new_handler_is_called},
		{"the_first_allocation_of_the_process_is_seen",
		 the_first_allocation_of_the_process_is_seen},
	};

	return RUN_CASE(cases, argc, argv);
}
