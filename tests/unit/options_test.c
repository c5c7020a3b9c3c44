/*
 * Options of the command line and settings of the environment.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exporter/command.h"
#include "tests/unit/unit.h"

/* Parses a line of words for a command; the rest of the words goes to rest[]. */
static char *rest[32];

static int parse(const char *command, const char *line, struct options *options)
{
	static char words[512];
	size_t count = 0;

	strncpy(words, line, sizeof(words) - 1);
	for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
		rest[count++] = word;
	rest[count] = NULL;
	/* What is said is not the matter here. */
	if (!freopen("/dev/null", "w", stderr))
		ck_abort();
	return options_parse(command_find(command), rest, options);
}

START_TEST(defaults_come_from_the_table)
{
	struct options options;

	ck_assert_int_eq(parse("run", "program", &options), 0);
	ck_assert_uint_eq(options.interval, 512 * 1024);
	ck_assert_uint_eq(options.budget, 0);
	ck_assert_uint_eq(options.depth, 64);
	ck_assert_uint_eq(options.start, 1);
	ck_assert_str_eq(options.dir, "");
	ck_assert(!options.progress);
	ck_assert_uint_eq(options.progress_every, 1000000000);
	ck_assert(!options.given[OPTION_interval]);
}
END_TEST

START_TEST(values_may_follow_or_be_attached)
{
	struct options options;

	ck_assert_int_eq(parse("run", "--interval 64K --depth=9 -oout --progress -q x", &options),
			 0);
	ck_assert_uint_eq(options.interval, 64 * 1024);
	ck_assert_uint_eq(options.depth, 9);
	ck_assert_str_eq(options.run_output, "out");
	ck_assert(options.progress && options.quiet);
	ck_assert(options.given[OPTION_interval] && options.given[OPTION_depth]);
	ck_assert_int_eq(parse("run", "-q -o out x", &options), 0);
	ck_assert_str_eq(options.run_output, "out");
	ck_assert_int_eq(parse("run", "-qo out x", &options), 0);
	ck_assert_str_eq(options.run_output, "out");
}
END_TEST

START_TEST(the_last_of_two_counts)
{
	struct options options;

	ck_assert_int_eq(parse("run", "--depth 5 --depth 6 x", &options), 0);
	ck_assert_uint_eq(options.depth, 6);
}
END_TEST

START_TEST(options_may_come_after_arguments)
{
	struct options options;

	ck_assert_int_eq(parse("ctl", "4711 --off", &options), 0);
	ck_assert(options.off);
	ck_assert_str_eq(rest[0], "4711");
	ck_assert_ptr_null(rest[1]);
}
END_TEST

START_TEST(a_program_ends_the_options)
{
	struct options options;

	ck_assert_int_eq(parse("run", "-q program -o x -- --depth", &options), 0);
	ck_assert_str_eq(options.run_output, "");
	ck_assert_str_eq(rest[0], "program");
	ck_assert_str_eq(rest[1], "-o");
	ck_assert_str_eq(rest[3], "--");
	ck_assert_str_eq(rest[4], "--depth");
	ck_assert_int_eq(parse("run", "-- -program", &options), 0);
	ck_assert_str_eq(rest[0], "-program");
}
END_TEST

START_TEST(what_is_wrong_is_wrong_use)
{
	static const char *const wrong[] = {
		"",
		"--nonsense x",
		"-z x",
		"--interval",
		"--interval 0 x",
		"--interval 2T x",
		"--interval -1 x",
		"--depth 513 x",
		"--depth 1K x",
		"--unwinder table x",
		"--unwinder fp|libunwind x",
		"--progress=yes x",
		"--every 1ms x",
		"--run_id 5 x",
		"--format json x",
	};
	struct options options;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(parse("run", wrong[i], &options) == STATUS_WRONG_USE, "'%s'",
			      wrong[i]);
	ck_assert_int_eq(parse("ps", "4711", &options), STATUS_WRONG_USE);
	ck_assert_int_eq(parse("ctl", "", &options), STATUS_WRONG_USE);
	ck_assert_int_eq(parse("ctl", "1 2", &options), STATUS_WRONG_USE);
}
END_TEST

START_TEST(a_request_for_help_is_one)
{
	struct options options;

	ck_assert_int_eq(parse("run", "--help", &options), OPTIONS_HELP);
	ck_assert_int_eq(parse("ctl", "-h", &options), OPTIONS_HELP);
	ck_assert_int_eq(parse("run", "x --help", &options), 0);
}
END_TEST

START_TEST(the_environment_sets_what_the_command_line_does_not)
{
	struct options options;

	setenv("HEAPTIDE_INTERVAL", "9", 1);
	setenv("HEAPTIDE_DEPTH", "7", 1);
	setenv("HEAPTIDE_UNWINDER", "bogus", 1);
	setenv("HEAPTIDE_DIR", "", 1);
	ck_assert_int_eq(parse("run", "--interval 8 x", &options), 0);
	ck_assert_uint_eq(options.interval, 8);
	ck_assert_uint_eq(options.depth, 7);
	ck_assert(options.given[OPTION_depth]);
	ck_assert_uint_eq(options.unwinder, 0);
	ck_assert(!options.given[OPTION_unwinder]);
	ck_assert(!options.given[OPTION_dir]);
}
END_TEST

START_TEST(settings_are_exported_as_the_library_reads_them)
{
	struct options options;

	setenv("HEAPTIDE_SEED", "5", 1);
	setenv("HEAPTIDE_DEPTH", "nonsense", 1);
	ck_assert_int_eq(parse("run",
			       "--interval 1.5K --unwinder libunwind --budget auto --dir d x",
			       &options),
			 0);
	options_export(&options);
	ck_assert_str_eq(getenv("HEAPTIDE_INTERVAL"), "1536");
	ck_assert_str_eq(getenv("HEAPTIDE_UNWINDER"), "libunwind");
	ck_assert_str_eq(getenv("HEAPTIDE_BUDGET"), "auto");
	ck_assert_str_eq(getenv("HEAPTIDE_DIR"), "d");
	ck_assert_str_eq(getenv("HEAPTIDE_SEED"), "5");
	ck_assert_ptr_null(getenv("HEAPTIDE_DEPTH"));
	ck_assert_ptr_null(getenv("HEAPTIDE_START"));
}
END_TEST

START_TEST(every_option_has_a_command_that_exists)
{
	for (unsigned i = 0; i < OPTION_TOTAL; i++) {
		const struct option_row *row = &options_table[i];
		unsigned takers = 0;

		for (const struct command *const *command = command_list; *command; command++)
			takers += options_row_is_for(row, (*command)->name);
		ck_assert_msg(takers > 0 || *row->commands == '\0', "--%s", row->name);
		ck_assert_msg(strlen(row->meaning) > 10, "--%s", row->name);
		ck_assert_msg((row->kind == OPTION_KIND_FLAG) == (*row->metavar == '\0'), "--%s",
			      row->name);
	}
}
END_TEST

START_TEST(no_command_has_two_options_of_one_name)
{
	for (const struct command *const *command = command_list; *command; command++)
		for (unsigned i = 0; i < OPTION_TOTAL; i++)
			for (unsigned j = i + 1; j < OPTION_TOTAL; j++) {
				const struct option_row *a = &options_table[i],
							*b = &options_table[j];

				if (!options_row_is_for(a, (*command)->name) ||
				    !options_row_is_for(b, (*command)->name))
					continue;
				ck_assert_msg(strcmp(a->name, b->name) != 0, "%s --%s",
					      (*command)->name, a->name);
				ck_assert_msg(!a->letter || a->letter != b->letter, "%s -%c",
					      (*command)->name, a->letter);
			}
}
END_TEST

START_TEST(near_words_are_recognised)
{
	ck_assert_uint_eq(options_distance("interval", "interval"), 0);
	ck_assert_uint_eq(options_distance("interval", "intervall"), 1);
	ck_assert_uint_eq(options_distance("interval", "intreval"), 2);
	ck_assert_uint_eq(options_distance("", "abc"), 3);
	ck_assert_uint_gt(options_distance("interval", "budget"), OPTIONS_NEAR);
	ck_assert_str_eq(command_suggest("rnu"), "run");
	ck_assert_str_eq(command_suggest("repot"), "report");
	ck_assert_ptr_null(command_suggest("redis-server"));
}
END_TEST

UNIT_MAIN(defaults_come_from_the_table, values_may_follow_or_be_attached, the_last_of_two_counts,
	  options_may_come_after_arguments, a_program_ends_the_options, what_is_wrong_is_wrong_use,
	  a_request_for_help_is_one, the_environment_sets_what_the_command_line_does_not,
	  settings_are_exported_as_the_library_reads_them, every_option_has_a_command_that_exists,
	  no_command_has_two_options_of_one_name, near_words_are_recognised)
