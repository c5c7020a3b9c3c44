/*
 * Names for the functions of this very program: it copies itself, takes away
 * what the copies are to lack, and asks for names in snapshots made by hand.
 * Build with: -rdynamic -g
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/symbols.h"

#include <elf.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sampler/elf_image.h"
#include "tests/unit/unit.h"

#define NOINLINE __attribute__((noinline, used))

/* ---- functions to be named ------------------------------------------- */

static volatile int sink;

#if defined(__x86_64__)
#define READ_PC "lea 0(%%rip), %0"
#else
#define READ_PC "adr %0, ."
#endif

/* An address in the innermost inlined function. */
static uintptr_t inlined_at;

static inline __attribute__((always_inline)) void inlined_innermost(void)
{
	__asm__ volatile(READ_PC : "=r"(inlined_at));
	sink++;
}

static inline __attribute__((always_inline)) void inlined_middle(void)
{
	sink++;
	inlined_innermost();
}

NOINLINE void exported_outer(void);
void exported_outer(void)
{
	inlined_middle();
	sink++;
}

static NOINLINE void hidden_function(void)
{
	sink++;
}

/* One function with several names. */
NOINLINE void __aliased_function(void);
void __aliased_function(void)
{
	sink--;
}
void aliased_function(void) __attribute__((alias("__aliased_function")));
void aliased_function_too(void) __attribute__((alias("__aliased_function")));

/* Assembly code without sizes, at the end of its section, and a gap between sized
 * functions. */
__asm__(".section .text.labels,\"ax\",@progbits\n"
	".globl label_function\n"
	"label_function: nop\n nop\n nop\n nop\n"
	".globl label_after\n"
	"label_after: nop\n nop\n"
	".type sized_before,@function\n"
	"sized_before: nop\n nop\n"
	".size sized_before, .-sized_before\n"
	".previous\n");
extern char label_function[], label_after[];

/* ---- the snapshot ---------------------------------------------------- */

static char directory[] = "/tmp/symbols_test.XXXXXX";
static struct snapshot snapshot;
static struct snapshot_module module;
static struct symbols_options options;
static struct symbols *symbols;

/* The real one reads what snapshot_parse() has prepared. */
const struct snapshot_module *snapshot_find_module(const struct snapshot *of, uint64_t address,
						   uint32_t module_epoch)
{
	const struct snapshot_module *only = of->modules;

	return address >= only->start && address < only->end && module_epoch <= only->last_epoch
		       ? only
		       : NULL;
}

static void __attribute__((format(printf, 1, 2))) shell(const char *format, ...)
{
	char command[4096];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	ck_assert_msg(system(command) == 0, "%s", command);
}

static int find_executable(struct dl_phdr_info *info, size_t size, void *bias)
{
	(void)size;
	*(uintptr_t *)bias = info->dlpi_addr;
	return 1;
}

/* A copy of this program at directory/program and a snapshot with it as module. */
static void set_up(void)
{
	static char path[64];
	struct elf_image image;
	uintptr_t bias, start;

	exported_outer();
	hidden_function();
	ck_assert_ptr_nonnull(mkdtemp(directory));
	shell("cp /proc/%d/exe %s/program", getpid(), directory);
	dl_iterate_phdr(find_executable, &bias);
	start = getauxval(AT_PHDR) & ~(uintptr_t)4095;
	elf_image_read(start, UINTPTR_MAX, bias, &image);
	ck_assert_uint_gt(image.build_id_size, 0);
	snprintf(path, sizeof(path), "%s/program", directory);
	module = (struct snapshot_module){
		.path = path,
		.start = start,
		.end = UINTPTR_MAX,
		.load_bias = bias,
		.text_start = image.text_start,
		.text_end = image.text_end,
		.text_offset = image.text_offset,
		.last_epoch = UINT32_MAX,
		.build_id_size = image.build_id_size,
	};
	memcpy(module.build_id, image.build_id, image.build_id_size);
	snapshot = (struct snapshot)
	{
#if defined(__x86_64__)
		.machine = EM_X86_64,
#else
		.machine = EM_AARCH64,
#endif
		.modules = &module, .module_count = 1,
	};
	options = (struct symbols_options){0};
}

static void tear_down(void)
{
	symbols_free(symbols);
	symbols = NULL;
	shell("rm -r %s", directory);
}

/* The innermost line at an address of this program, or NULL. */
static const struct symbols_line *line_at(const void *address)
{
	const struct snapshot_module *found;
	const struct symbols_line *lines;

	if (!symbols)
		symbols = symbols_new(&snapshot, &options);
	ck_assert_ptr_nonnull(symbols);
	return symbols_resolve(symbols, (uintptr_t)address, 0, &lines, &found) > 0 ? lines : NULL;
}

static const char *name_of(const void *address)
{
	const struct symbols_line *line = line_at(address);

	return line ? line->function : "(none)";
}

static void assert_status(enum symbols_status expected)
{
	const char *text;

	ck_assert_int_eq(symbols_module_status(symbols, &module, &text), expected);
	ck_assert((text != NULL) == (expected != SYMBOLS_OK));
}

static char *hex_build_id(char text[2 * SEGMENT_BUILD_ID_MAX + 1])
{
	for (uint32_t i = 0; i < module.build_id_size; i++)
		snprintf(text + 2 * (size_t)i, 3, "%02x", module.build_id[i]);
	return text;
}

/* Puts the symbols of the program where a folder of debug files has them. */
static void make_debug_file(const char *folder)
{
	char id[2 * SEGMENT_BUILD_ID_MAX + 1];

	hex_build_id(id);
	shell("mkdir -p %s/.build-id/%.2s", folder, id);
	shell("objcopy --only-keep-debug %s/program %s/.build-id/%.2s/%s.debug", directory, folder,
	      id, id + 2);
}

static void strip_program(void)
{
	shell("strip --strip-all %s/program", directory);
}

/* ---- which function -------------------------------------------------- */

START_TEST(functions_are_named_static_ones_too)
{
	set_up();
	ck_assert_str_eq(name_of((void *)exported_outer), "exported_outer");
	ck_assert_str_eq(name_of((void *)hidden_function), "hidden_function");
	ck_assert_str_eq(line_at((void *)hidden_function)->system_name, "hidden_function");
	assert_status(SYMBOLS_OK);
	tear_down();
}
END_TEST

START_TEST(data_and_holes_have_no_name)
{
	set_up();
	ck_assert_str_eq(name_of((void *)&sink), "(none)");
	ck_assert_str_eq(name_of((void *)(module.load_bias + 1)), "(none)");
	ck_assert_str_eq(name_of((void *)(module.text_end + (1 << 30))), "(none)");
	tear_down();
}
END_TEST

START_TEST(the_name_without_underscores_is_taken)
{
	set_up();
	ck_assert_str_eq(name_of((void *)aliased_function), "aliased_function");
	tear_down();
}
END_TEST

START_TEST(labels_reach_to_the_next_symbol)
{
	set_up();
	ck_assert_str_eq(name_of(label_function), "label_function");
	ck_assert_str_eq(name_of(label_function + 3), "label_function");
	ck_assert_str_eq(name_of(label_after), "label_after");
	ck_assert_str_eq(name_of(label_after + 1), "label_after");
	ck_assert_str_eq(name_of(label_after + 2), "sized_before");
	tear_down();
}
END_TEST

START_TEST(the_same_address_gives_the_same_answer)
{
	set_up();
	ck_assert_ptr_eq(line_at((void *)hidden_function), line_at((void *)hidden_function));
	tear_down();
}
END_TEST

START_TEST(addresses_of_no_module_have_no_name_and_no_module)
{
	const struct snapshot_module *found = &module;
	const struct symbols_line *lines;

	set_up();
	symbols = symbols_new(&snapshot, &options);
	ck_assert_uint_eq(symbols_resolve(symbols, 5, 0, &lines, &found), 0);
	ck_assert_ptr_null(found);
	tear_down();
}
END_TEST

/* ---- which file ------------------------------------------------------ */

START_TEST(a_stripped_file_names_what_it_exports)
{
	set_up();
	strip_program();
	ck_assert_str_eq(name_of((void *)exported_outer), "exported_outer");
	assert_status(SYMBOLS_OK);
	ck_assert_str_eq(name_of((void *)hidden_function), "(none)");
	assert_status(SYMBOLS_STRIPPED);
	tear_down();
}
END_TEST

START_TEST(labels_of_a_stripped_file_name_only_themselves)
{
	set_up();
	strip_program();
	ck_assert_str_eq(name_of(label_after + 1), "(none)");
	tear_down();
}
END_TEST

START_TEST(a_debuglink_beside_the_file_is_followed)
{
	set_up();
	shell("cd %s && mkdir .debug && objcopy --only-keep-debug program .debug/program.debug && "
	      "strip program && objcopy --add-gnu-debuglink=.debug/program.debug program",
	      directory);
	ck_assert_str_eq(name_of((void *)hidden_function), "hidden_function");
	tear_down();
}
END_TEST

START_TEST(a_debug_file_is_found_by_build_id)
{
	char folder[128];

	set_up();
	snprintf(folder, sizeof(folder), "%s/usr/lib/debug", directory);
	make_debug_file(folder);
	strip_program();
	options.sysroot = directory;
	ck_assert_str_eq(name_of((void *)hidden_function), "hidden_function");
	tear_down();
}
END_TEST

START_TEST(a_debug_file_is_enough_without_the_program)
{
	char folder[128];

	set_up();
	snprintf(folder, sizeof(folder), "%s/usr/lib/debug", directory);
	make_debug_file(folder);
	shell("rm %s/program", directory);
	options.sysroot = directory;
	options.lines = true;
	ck_assert_str_eq(name_of((void *)hidden_function), "hidden_function");
	ck_assert_ptr_nonnull(strstr(line_at((void *)hidden_function)->file, "symbols_test.c"));
	assert_status(SYMBOLS_OK);
	tear_down();
}
END_TEST

START_TEST(mini_debug_information_is_read)
{
	set_up();
	shell("cd %s && nm -D program --format=posix --defined-only | cut -d' ' -f1 | sort "
	      ">exported &&"
	      "nm program --format=posix --defined-only | grep -E ' [Tt] ' | cut -d' ' -f1 | sort |"
	      "comm -13 exported - >kept && objcopy --only-keep-debug program debug &&"
	      "objcopy -S --remove-section .gdb_index --remove-section .comment "
	      "--keep-symbols=kept "
	      "debug mini 2>warnings && xz mini && strip program &&"
	      "objcopy --add-section .gnu_debugdata=mini.xz program",
	      directory);
	ck_assert_str_eq(name_of((void *)hidden_function), "hidden_function");
	ck_assert_str_eq(name_of((void *)exported_outer), "exported_outer");
	tear_down();
}
END_TEST

START_TEST(a_replaced_file_names_nothing)
{
	set_up();
	module.build_id[0] ^= 1;
	ck_assert_str_eq(name_of((void *)exported_outer), "(none)");
	assert_status(SYMBOLS_REPLACED);
	tear_down();
}
END_TEST

START_TEST(a_missing_file_is_missing)
{
	const char *text;

	set_up();
	shell("rm %s/program", directory);
	ck_assert_str_eq(name_of((void *)exported_outer), "(none)");
	assert_status(SYMBOLS_MISSING);
	symbols_module_status(symbols, &module, &text);
	ck_assert_ptr_nonnull(strstr(text, "No such file"));
	tear_down();
}
END_TEST

START_TEST(a_file_of_another_machine_names_nothing)
{
	set_up();
	snapshot.machine = EM_S390;
	ck_assert_str_eq(name_of((void *)exported_outer), "(none)");
	tear_down();
}
END_TEST

START_TEST(a_pipe_or_a_text_in_the_place_of_the_file_does_no_harm)
{
	set_up();
	shell("cd %s && rm program && mkfifo program", directory);
	ck_assert_str_eq(name_of((void *)exported_outer), "(none)");
	tear_down();
	strcpy(strrchr(directory, '.'), ".XXXXXX");
	set_up();
	shell("echo text >%s/program", directory);
	ck_assert_str_eq(name_of((void *)exported_outer), "(none)");
	assert_status(SYMBOLS_REPLACED);
	tear_down();
}
END_TEST

START_TEST(a_file_without_build_id_must_have_the_same_text)
{
	set_up();
	shell("objcopy --remove-section .note.gnu.build-id %s/program", directory);
	module.build_id_size = 0;
	ck_assert_str_eq(name_of((void *)hidden_function), "hidden_function");
	symbols_free(symbols);
	symbols = NULL;
	module.text_end += 16;
	ck_assert_str_eq(name_of((void *)hidden_function), "(none)");
	assert_status(SYMBOLS_REPLACED);
	tear_down();
}
END_TEST

START_TEST(a_file_without_build_id_is_not_taken_for_one_with)
{
	set_up();
	shell("objcopy --remove-section .note.gnu.build-id %s/program", directory);
	ck_assert_str_eq(name_of((void *)hidden_function), "(none)");
	assert_status(SYMBOLS_REPLACED);
	tear_down();
}
END_TEST

START_TEST(a_sysroot_has_the_file_at_its_path_or_right_there)
{
	set_up();
	module.path = "/no/such/place/program";
	options.sysroot = directory;
	ck_assert_str_eq(name_of((void *)hidden_function), "hidden_function");
	symbols_free(symbols);
	symbols = NULL;
	shell("cd %s && mkdir -p no/such/place && mv program no/such/place", directory);
	ck_assert_str_eq(name_of((void *)hidden_function), "hidden_function");
	tear_down();
}
END_TEST

START_TEST(links_in_a_sysroot_do_not_lead_out_of_it)
{
	set_up();
	module.path = "/link/program";
	shell("cd %s && mkdir real && mv program real && ln -s /real link", directory);
	options.sysroot = directory;
	ck_assert_str_eq(name_of((void *)hidden_function), "hidden_function");
	tear_down();
}
END_TEST

/* ---- lines ----------------------------------------------------------- */

START_TEST(inlined_functions_have_lines_of_their_own)
{
	const struct snapshot_module *found;
	const struct symbols_line *lines;

	set_up();
	options.lines = true;
	symbols = symbols_new(&snapshot, &options);
	ck_assert_uint_eq(symbols_resolve(symbols, inlined_at, 0, &lines, &found), 3);
	ck_assert_str_eq(lines[0].function, "inlined_innermost");
	ck_assert_str_eq(lines[1].function, "inlined_middle");
	ck_assert_str_eq(lines[2].function, "exported_outer");
	for (int i = 0; i < 3; i++) {
		ck_assert_ptr_nonnull(strstr(lines[i].file, "symbols_test.c"));
		ck_assert_uint_gt(lines[i].line, lines[i].start_line);
		ck_assert_uint_lt(lines[i].line, lines[i].start_line + 6);
	}
	ck_assert_uint_gt(lines[2].line, lines[1].line);
	tear_down();
}
END_TEST

START_TEST(compressed_debug_information_is_read)
{
	set_up();
	shell("objcopy --compress-debug-sections=zlib %s/program", directory);
	options.lines = true;
	ck_assert_str_eq(name_of((void *)hidden_function), "hidden_function");
	ck_assert_ptr_nonnull(strstr(line_at((void *)hidden_function)->file, "symbols_test.c"));
	tear_down();
}
END_TEST

START_TEST(without_lines_inlined_functions_count_to_their_caller)
{
	const struct snapshot_module *found;
	const struct symbols_line *lines;

	set_up();
	symbols = symbols_new(&snapshot, &options);
	ck_assert_uint_eq(symbols_resolve(symbols, inlined_at, 0, &lines, &found), 1);
	ck_assert_str_eq(lines[0].function, "exported_outer");
	ck_assert_ptr_null(lines[0].file);
	tear_down();
}
END_TEST

START_TEST(without_debug_information_lines_are_unknown)
{
	set_up();
	shell("strip --strip-debug %s/program", directory);
	options.lines = true;
	ck_assert_str_eq(name_of((void *)hidden_function), "hidden_function");
	ck_assert_ptr_null(line_at((void *)hidden_function)->file);
	ck_assert_uint_eq(line_at((void *)hidden_function)->line, 0);
	tear_down();
}
END_TEST

START_TEST(many_addresses_are_found_though_the_file_is_closed_in_between)
{
	set_up();
	options.lines = true;
	for (uintptr_t p = module.text_start; p < module.text_end && p < module.text_start + 3000;
	     p++)
		line_at((void *)p);
	ck_assert_str_eq(name_of((void *)hidden_function), "hidden_function");
	ck_assert_ptr_nonnull(strstr(line_at((void *)hidden_function)->file, "symbols_test.c"));
	tear_down();
}
END_TEST

/* ---- damaged files --------------------------------------------------- */

/* Overwrites bytes anywhere but in the notes, so that the build id stays. */
static void damage(const char *path, long keep, unsigned bytes)
{
	FILE *file = fopen(path, "r+");
	long size;

	ck_assert_ptr_nonnull(file);
	fseek(file, 0, SEEK_END);
	size = ftell(file);
	for (unsigned i = 0; i < bytes; i++) {
		/* Half of the hits go to the section headers, at the end. */
		const long where =
			i % 2 ? keep + random() % (size - keep) : size - 1 - random() % 4096;

		fseek(file, where, SEEK_SET);
		fputc((int)(random() & 255), file);
	}
	fclose(file);
}

START_TEST(a_damaged_file_does_no_harm)
{
	set_up();
	srandom(1);
	options.lines = true;
	shell("cp %s/program %s/whole", directory, directory);
	for (int round = 0; round < 60; round++) {
		shell("cp %s/whole %s/program", directory, directory);
		damage(module.path, 4096, 1U << (round % 12));
		for (uintptr_t p = module.text_start; p < module.text_end; p += 509)
			line_at((void *)p);
		symbols_free(symbols);
		symbols = NULL;
	}
	tear_down();
}
END_TEST

START_TEST(a_file_that_was_cut_does_no_harm)
{
	set_up();
	shell("truncate --size=%d %s/program", 100000, directory);
	options.lines = true;
	ck_assert_str_eq(name_of((void *)&sink), "(none)");
	for (uintptr_t p = module.text_start; p < module.text_end; p += 509)
		line_at((void *)p);
	tear_down();
}
END_TEST

UNIT_MAIN(functions_are_named_static_ones_too, data_and_holes_have_no_name,
	  the_name_without_underscores_is_taken, labels_reach_to_the_next_symbol,
	  the_same_address_gives_the_same_answer, addresses_of_no_module_have_no_name_and_no_module,
	  a_stripped_file_names_what_it_exports, labels_of_a_stripped_file_name_only_themselves,
	  a_debuglink_beside_the_file_is_followed, a_debug_file_is_found_by_build_id,
	  a_debug_file_is_enough_without_the_program, mini_debug_information_is_read,
	  a_replaced_file_names_nothing, a_missing_file_is_missing,
	  a_file_of_another_machine_names_nothing,
	  a_pipe_or_a_text_in_the_place_of_the_file_does_no_harm,
	  a_file_without_build_id_must_have_the_same_text,
	  a_file_without_build_id_is_not_taken_for_one_with,
	  a_sysroot_has_the_file_at_its_path_or_right_there,
	  links_in_a_sysroot_do_not_lead_out_of_it, inlined_functions_have_lines_of_their_own,
	  compressed_debug_information_is_read,
	  without_lines_inlined_functions_count_to_their_caller,
	  without_debug_information_lines_are_unknown,
	  many_addresses_are_found_though_the_file_is_closed_in_between,
	  a_damaged_file_does_no_harm, a_file_that_was_cut_does_no_harm)
