/*
 * Sets of labels, and what processes and options state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/labels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/service.h"
#include "tests/unit/unit.h"

static void expect(struct labels *labels, const char *text)
{
	char *const formatted = labels_format(labels);

	ck_assert_str_eq(formatted, text);
	free(formatted);
	labels_fini(labels);
}

START_TEST(labels_are_sorted_and_none_is_there_twice)
{
	struct labels labels = {0};

	labels_set(&labels, "zone", "a");
	labels_set(&labels, "env", "prod");
	labels_set(&labels, "zone", "b");
	ck_assert_str_eq(labels_get(&labels, "zone"), "b");
	ck_assert_ptr_null(labels_get(&labels, "zon"));
	expect(&labels, "{\"env\"=\"prod\",\"zone\"=\"b\"}");
}
END_TEST

START_TEST(an_empty_value_removes_a_label)
{
	struct labels labels = {0};

	labels_set(&labels, "env", "prod");
	labels_set(&labels, "env", "");
	expect(&labels, "{}");
}
END_TEST

START_TEST(reserved_names_and_those_too_many_are_left_out)
{
	struct labels labels = {0};

	labels_set(&labels, "__name__", "x");
	labels_set(&labels, "", "x");
	ck_assert_uint_eq(labels.count, 0);
	for (int i = 0; i < 100; i++) {
		char name[16];

		snprintf(name, sizeof(name), "label%d", i);
		labels_set(&labels, name, "x");
	}
	ck_assert_uint_eq(labels.count, LABELS_MAX);
	labels_fini(&labels);
}
END_TEST

START_TEST(long_texts_are_cut_between_characters_and_made_utf_8)
{
	struct labels labels = {0};
	char value[3 * LABELS_VALUE_MAX];

	for (size_t i = 0; i + 2 < sizeof(value); i += 3)
		memcpy(value + i, "\xe2\x82\xac", 3);
	value[sizeof(value) - 3] = '\0';
	labels_set(&labels, "long", value);
	labels_set(&labels, "bad", "a\xff");
	ck_assert_uint_eq(strlen(labels_get(&labels, "long")), LABELS_VALUE_MAX / 3 * 3);
	ck_assert_str_eq(labels_get(&labels, "bad"), "a\xef\xbf\xbd");
	labels_fini(&labels);
}
END_TEST

START_TEST(lists_are_read_with_equals_signs_or_colons)
{
	struct labels labels = {0};

	labels_parse(&labels, " env = prod , zone:b,nothing,,url=http://x:1", false);
	expect(&labels, "{\"env\"=\"prod\",\"url\"=\"http://x:1\",\"zone\"=\"b\"}");
}
END_TEST

START_TEST(percent_signs_are_decoded_where_they_are_code)
{
	struct labels labels = {0};

	labels_parse(&labels, "a=x%2Cy%3dz,b=100%,c=%00", true);
	expect(&labels, "{\"a\"=\"x,y=z\",\"b\"=\"100%\",\"c\"=\"%00\"}");
	labels_parse(&labels, "a=x%2Cy", false);
	expect(&labels, "{\"a\"=\"x%2Cy\"}");
}
END_TEST

START_TEST(different_sets_are_different_lines)
{
	struct labels labels = {0};

	labels_set(&labels, "a", "1\",\"b\"=\"2");
	expect(&labels, "{\"a\"=\"1\\\",\\\"b\\\"=\\\"2\"}");
}
END_TEST

START_TEST(a_set_survives_as_bytes)
{
	struct labels labels = {0}, again = {0};
	uint8_t *bytes;
	size_t size;

	labels_parse(&labels, "a=1,b=2", false);
	ck_assert_int_eq(labels_pack(&labels, &bytes, &size), 0);
	for (size_t cut = 0; cut < size; cut++) {
		labels_unpack(&again, bytes, cut);
		ck_assert_uint_lt(again.count, 2);
		labels_fini(&again);
	}
	labels_unpack(&again, bytes, size);
	expect(&again, "{\"a\"=\"1\",\"b\"=\"2\"}");
	labels_fini(&labels);
	free(bytes);
}
END_TEST

/* ---- services ---- */

static void read_environment(struct labels *labels, const char *text, size_t size)
{
	const struct service_environment environment = {text, size};

	ck_assert_int_eq(service_read_environment(&environment, labels), 0);
}

#define READ(labels, text) read_environment(labels, text, sizeof(text))

START_TEST(a_service_is_named_by_the_most_special_variable)
{
	struct labels labels = {0};

	READ(&labels, "PYROSCOPE_APPLICATION_NAME=p");
	expect(&labels, "{\"service_name\"=\"p\"}");
	READ(&labels, "OTEL_RESOURCE_ATTRIBUTES=service.name=r,host.name=h\0"
		      "PYROSCOPE_APPLICATION_NAME=p");
	expect(&labels, "{\"host.name\"=\"h\",\"service_name\"=\"r\"}");
	READ(&labels, "OTEL_SERVICE_NAME=o\0OTEL_RESOURCE_ATTRIBUTES=service.name=r");
	expect(&labels, "{\"service_name\"=\"o\"}");
	READ(&labels, "HEAPTIDE_SERVICE=own\0OTEL_SERVICE_NAME=o");
	expect(&labels, "{\"service_name\"=\"own\"}");
}
END_TEST

START_TEST(empty_variables_and_those_cut_off_count_as_not_set)
{
	struct labels labels = {0};

	READ(&labels, "OTEL_SERVICE_NAME=\0XOTEL_SERVICE_NAME=x");
	expect(&labels, "{}");
	read_environment(&labels, "OTEL_SERVICE_NAME=abc", 20);
	expect(&labels, "{}");
}
END_TEST

START_TEST(labels_of_the_environment_are_added)
{
	struct labels labels = {0};

	READ(&labels, "PYROSCOPE_LABELS=env:prod,zone=a\0HEAPTIDE_LABELS=zone=b");
	expect(&labels, "{\"env\"=\"prod\",\"zone\"=\"b\"}");
}
END_TEST

START_TEST(without_any_statement_the_command_names_the_service)
{
	const struct service_options options = {.name = ""};
	struct labels labels = {0};

	clearenv();
	ck_assert_int_eq(service_labels(&options, 0, "redis-server", &labels), 0);
	expect(&labels, "{\"service_name\"=\"redis-server\"}");
}
END_TEST

START_TEST(options_come_after_the_agents_environment)
{
	const char *const items[] = {"env=x"};
	const struct service_options options = {.name = "web", .labels = items, .label_count = 1};
	struct labels labels = {0};

	clearenv();
	setenv("OTEL_SERVICE_NAME", "agent", 1);
	ck_assert_int_eq(service_labels(&options, 0, "command", &labels), 0);
	expect(&labels, "{\"env\"=\"x\",\"service_name\"=\"web\"}");
}
END_TEST

START_TEST(a_container_is_known_by_64_digits)
{
	char id[65];

	service_container_id("0::/system.slice/docker-0123456789abcdef0123456789abcdef"
			     "0123456789abcdef0123456789abcdef.scope\n",
			     id);
	ck_assert_str_eq(id, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
	service_container_id("0::/user.slice/user-1000.slice\n", id);
	ck_assert_str_eq(id, "");
}
END_TEST

UNIT_MAIN(labels_are_sorted_and_none_is_there_twice, an_empty_value_removes_a_label,
	  reserved_names_and_those_too_many_are_left_out,
	  long_texts_are_cut_between_characters_and_made_utf_8,
	  lists_are_read_with_equals_signs_or_colons, percent_signs_are_decoded_where_they_are_code,
	  different_sets_are_different_lines, a_set_survives_as_bytes,
	  a_service_is_named_by_the_most_special_variable,
	  empty_variables_and_those_cut_off_count_as_not_set, labels_of_the_environment_are_added,
	  without_any_statement_the_command_names_the_service,
	  options_come_after_the_agents_environment, a_container_is_known_by_64_digits)
