/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/http_guard.h"

#include "tests/unit/unit.h"

START_TEST(only_addresses_and_localhost_are_safe_hosts)
{
	static const char *const safe[] = {"localhost",	 "LOCALHOST:80", "127.0.0.1:7777",
					   "10.1.2.3",	 "[::1]",	 "[::1]:7777",
					   "[fe80::2]:1"};
	static const char *const unsafe[] = {"",
					     "example.com",
					     "localhost.example.com",
					     "127.0.0.1.example.com",
					     "[::1",
					     "[localhost]",
					     "[127.0.0.1]",
					     "::1",
					     ":80",
					     "localhost:80:80",
					     "localhost:x",
					     "localhost@example.com",
					     "127.0.0.1 ",
					     "1.2.3.4:65536",
					     "[::1]x"};

	for (size_t i = 0; i < sizeof(safe) / sizeof(safe[0]); i++)
		ck_assert_msg(http_guard_is_safe_host(safe[i]), "%s", safe[i]);
	for (size_t i = 0; i < sizeof(unsafe) / sizeof(unsafe[0]); i++)
		ck_assert_msg(!http_guard_is_safe_host(unsafe[i]), "%s", unsafe[i]);
	ck_assert(!http_guard_is_safe_host(NULL));
}
END_TEST

START_TEST(loopback_addresses_are_local_and_no_others)
{
	static const char *const local[] = {"127.0.0.1:0", "127.9.9.9:1", "localhost:7777",
					    "[::1]:7777", "[::ffff:127.0.0.1]:1"};
	static const char *const others[] = {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "128.0.0.1:1",
					     "[::ffff:10.0.0.1]:1"};
	struct http_address address;

	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
		ck_assert_msg(http_guard_parse_address(local[i], &address), "%s", local[i]);
		ck_assert_msg(address.is_local && !address.is_unix, "%s", local[i]);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		ck_assert_msg(http_guard_parse_address(others[i], &address), "%s", others[i]);
		ck_assert_msg(!address.is_local, "%s", others[i]);
	}
}
END_TEST

START_TEST(a_socket_in_a_file_is_local)
{
	struct http_address address;

	ck_assert(http_guard_parse_address("unix:/run/heaptide.sock", &address));
	ck_assert(address.is_unix && address.is_local);
	ck_assert(!http_guard_parse_address("unix:", &address));
}
END_TEST

START_TEST(what_is_no_address_is_not_taken_for_one)
{
	static const char *const wrong[] = {"",
					    "7777",
					    "127.0.0.1",
					    "127.0.0.1:",
					    ":7777",
					    "127.0.0.1:65536",
					    "127.0.0.1:-1",
					    "[::1]",
					    "::1:7777",
					    "host:80"};
	struct http_address address;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(!http_guard_parse_address(wrong[i], &address), "%s", wrong[i]);
}
END_TEST

START_TEST(only_the_whole_token_opens)
{
	ck_assert(http_guard_has_token("Bearer s3cret", "s3cret"));
	ck_assert(http_guard_has_token("bearer s3cret", "s3cret"));
	ck_assert(!http_guard_has_token("Bearer s3cre", "s3cret"));
	ck_assert(!http_guard_has_token("Bearer s3crets", "s3cret"));
	ck_assert(!http_guard_has_token("Bearer S3CRET", "s3cret"));
	ck_assert(!http_guard_has_token("Basic s3cret", "s3cret"));
	ck_assert(!http_guard_has_token("s3cret", "s3cret"));
	ck_assert(!http_guard_has_token("", "s3cret"));
	ck_assert(!http_guard_has_token(NULL, "s3cret"));
}
END_TEST

UNIT_MAIN(only_addresses_and_localhost_are_safe_hosts, loopback_addresses_are_local_and_no_others,
	  a_socket_in_a_file_is_local, what_is_no_address_is_not_taken_for_one,
	  only_the_whole_token_opens)
