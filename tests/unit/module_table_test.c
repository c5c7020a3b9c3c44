/*
 * The module table against the modules of this very program and libraries that
 * it opens and closes. The test tells the table of freed link_maps itself, as
 * sampler_on_free() would.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "sampler/module_table.h"

#include <dlfcn.h>
#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <libelf.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sampler/free_filter.h"
#include "sampler/segment_writer.h"
#include "tests/unit/unit.h"

/* Libraries that nothing else in this program needs, of the same layout. */
#define PLUGIN "libBrokenLocale.so.1"
#define OTHER_PLUGIN "libanl.so.1"

static struct settings settings = {.interval = 1, .budget = 4 << 20, .depth = 64};

static struct segment_module *records(void)
{
	return segment_writer_region(SEGMENT_MODULES);
}

static void open_segment(void)
{
	char directory[] = "/tmp/module_table_test.XXXXXX";
	char command[64];

	ck_assert_ptr_nonnull(mkdtemp(directory));
	strcpy(settings.dir, directory);
	ck_assert_int_eq(segment_writer_open(&settings), 0);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	ck_assert_int_eq(system(command), 0); /* the mapping stays */
	module_table_new_segment();
}

/* An open library and an address in its text. */
struct plugin {
	void *handle;
	uint64_t text;
	const struct link_map *map;
};

static struct plugin open_plugin(const char *name)
{
	struct plugin plugin = {.handle = dlopen(name, RTLD_NOW)};
	struct dl_find_object object;
	struct link_map *map;

	ck_assert_msg(plugin.handle != NULL, "%s", dlerror());
	ck_assert_int_eq(dlinfo(plugin.handle, RTLD_DI_LINKMAP, &map), 0);
	ck_assert_int_eq(_dl_find_object(map->l_ld, &object), 0);
	plugin.map = map;
	plugin.text = module_table_find((uintptr_t)map->l_ld)->image.text_start + 16;
	return plugin;
}

static void close_plugin(struct plugin *plugin)
{
	struct dl_find_object object;

	ck_assert_int_eq(dlclose(plugin->handle), 0);
	ck_assert_msg(_dl_find_object((void *)(uintptr_t)plugin->text, &object) != 0,
		      "the library is still there: choose another one for this test");
	ck_assert(free_filter_may_contain(plugin->map));
	module_table_on_free(plugin->map);
}

static void assert_build_id_of_file(const struct module *module)
{
	const int fd = open(module->path, O_RDONLY);
	Elf *elf;
	const void *id;
	ssize_t size;

	ck_assert_int_eq(elf_version(EV_CURRENT), EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	size = dwelf_elf_gnu_build_id(elf, &id);
	ck_assert_int_gt(size, 0);
	ck_assert_int_eq(size, module->image.build_id_size);
	ck_assert_mem_eq(id, module->image.build_id, size);
	elf_end(elf);
	close(fd);
}

START_TEST(the_executable_is_found_by_an_address_of_its_code)
{
	const struct module *module = module_table_find((uintptr_t)open_plugin);
	char path[4096] = "";

	ck_assert_ptr_nonnull(module);
	ck_assert_int_gt(readlink("/proc/self/exe", path, sizeof(path) - 1), 0);
	ck_assert_str_eq(module->path, path);
	ck_assert((uintptr_t)open_plugin >= module->image.text_start);
	ck_assert((uintptr_t)open_plugin < module->image.text_end);
	assert_build_id_of_file(module);
}
END_TEST

START_TEST(a_shared_library_is_found_with_its_build_id)
{
	const struct module *module =
		module_table_find((uintptr_t)dlsym(RTLD_DEFAULT, "gnu_get_libc_version"));

	ck_assert_ptr_nonnull(module);
	ck_assert_ptr_nonnull(strstr(module->path, "/libc.so.6"));
	ck_assert_uint_eq(module->load_bias, module->start);
	assert_build_id_of_file(module);
}
END_TEST

START_TEST(the_vdso_has_its_usual_name)
{
	const struct module *module = module_table_find(getauxval(AT_SYSINFO_EHDR) + 1);

	ck_assert_ptr_nonnull(module);
	ck_assert_str_eq(module->path, "[vdso]");
}
END_TEST

START_TEST(memory_outside_of_modules_has_none)
{
	int local;
	void *heap = malloc(1);

	ck_assert_ptr_null(module_table_find((uintptr_t)&local));
	ck_assert_ptr_null(module_table_find((uintptr_t)heap));
	ck_assert_ptr_null(module_table_find(0));
	ck_assert_ptr_null(module_table_find(UINTPTR_MAX));
	free(heap);
}
END_TEST

START_TEST(a_library_opened_by_a_relative_path_gets_its_absolute_one)
{
	char plugin_path[4096];
	struct plugin plugin = open_plugin(PLUGIN);

	snprintf(plugin_path, sizeof(plugin_path), "%s", module_table_find(plugin.text)->path);
	close_plugin(&plugin);
	ck_assert_int_eq(chdir("/"), 0);
	char *real = realpath(plugin_path, NULL);
	plugin = open_plugin(plugin_path + 1 /* what remains of it is relative to / */);
	ck_assert_str_eq(module_table_find(plugin.text)->path, real);
	free(real);
}
END_TEST

START_TEST(a_recorded_module_is_in_the_segment_once)
{
	const uint64_t frames[] = {(uint64_t)open_plugin + 4, (uint64_t)close_plugin + 4};
	const struct module *module = module_table_find(frames[0]);

	open_segment();
	const uint32_t epoch = module_table_record(frames, 2);
	ck_assert_uint_eq(module_table_record(frames, 1), epoch);
	ck_assert_uint_eq(segment_writer_claimed(SEGMENT_MODULES), 1);
	ck_assert_uint_eq(records()->state, SEGMENT_MODULE_LOADED);
	ck_assert_uint_eq(records()->start, module->start);
	ck_assert_uint_eq(records()->end, module->end);
	ck_assert_uint_eq(records()->load_bias, module->load_bias);
	ck_assert_uint_eq(records()->text_start, module->image.text_start);
	ck_assert_uint_eq(records()->text_offset, module->image.text_offset);
	ck_assert_uint_eq(records()->build_id_size, module->image.build_id_size);
	ck_assert_uint_le(records()->first_epoch, epoch);
	ck_assert_uint_eq(records()->last_epoch, UINT32_MAX);
	ck_assert_str_eq((char *)segment_writer_region(SEGMENT_STRINGS) + records()->path,
			 module->path);
}
END_TEST

START_TEST(a_new_segment_gets_the_modules_again)
{
	const uint64_t frame = (uint64_t)open_plugin + 4;

	open_segment();
	module_table_record(&frame, 1);
	segment_writer_after_fork();
	open_segment();
	ck_assert_uint_eq(segment_writer_claimed(SEGMENT_MODULES), 0);
	module_table_record(&frame, 1);
	ck_assert_uint_eq(segment_writer_claimed(SEGMENT_MODULES), 1);
	ck_assert_uint_eq(records()->state, SEGMENT_MODULE_LOADED);
}
END_TEST

START_TEST(an_unloaded_library_is_marked_and_moves_the_generation)
{
	struct plugin plugin = open_plugin(PLUGIN);
	const uint32_t generation = module_table_generation();

	open_segment();
	module_table_record(&plugin.text, 1);
	close_plugin(&plugin);
	ck_assert_uint_ne(module_table_generation(), generation);
	ck_assert_ptr_null(module_table_find(plugin.text));
	ck_assert(!free_filter_may_contain(plugin.map));
	ck_assert_uint_eq(records()->state, SEGMENT_MODULE_UNLOADED);
	ck_assert_uint_ne(records()->unloaded_monotonic_ns, 0);
	ck_assert_uint_eq(records()->last_epoch, UINT32_MAX);
}
END_TEST

START_TEST(a_library_that_returns_to_its_place_is_the_same_module)
{
	struct plugin plugin = open_plugin(PLUGIN);
	const struct module *module = module_table_find(plugin.text);

	open_segment();
	const uint32_t epoch = module_table_record(&plugin.text, 1);
	close_plugin(&plugin);
	plugin = open_plugin(PLUGIN);
	ck_assert_uint_eq(plugin.text, module->image.text_start + 16);
	ck_assert_ptr_eq(module_table_find(plugin.text), module);
	ck_assert_uint_eq(module_table_record(&plugin.text, 1), epoch);
	ck_assert_uint_eq(segment_writer_claimed(SEGMENT_MODULES), 1);
	ck_assert_uint_eq(records()->state, SEGMENT_MODULE_LOADED);
	ck_assert_uint_eq(records()->unloaded_monotonic_ns, 0);
}
END_TEST

/* Maps code of no module over the place of the plugin and records a frame there. */
static uint32_t record_foreign_code(const struct plugin *plugin)
{
	const uintptr_t page = plugin->text & ~UINT64_C(4095);
	void *code = mmap((void *)page, 4096, PROT_READ,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	ck_assert_ptr_eq(code, (void *)page);
	const uint32_t epoch = module_table_record(&plugin->text, 1);
	munmap(code, 4096);
	return epoch;
}

START_TEST(code_in_the_place_of_an_unloaded_library_has_a_later_epoch)
{
	struct plugin plugin = open_plugin(PLUGIN);

	open_segment();
	const uint32_t epoch = module_table_record(&plugin.text, 1);
	close_plugin(&plugin);
	const uint32_t foreign = record_foreign_code(&plugin);
	ck_assert_uint_gt(foreign, epoch);
	ck_assert_uint_eq(record_foreign_code(&plugin), foreign);
	ck_assert_uint_lt(records()->last_epoch, foreign);
	ck_assert_uint_ge(records()->last_epoch, epoch);
}
END_TEST

START_TEST(a_library_that_returns_after_other_code_is_another_module)
{
	struct plugin plugin = open_plugin(PLUGIN);
	const uint32_t serial = module_table_find(plugin.text)->serial;
	int table;

	open_segment();
	module_table_record(&plugin.text, 1);
	atomic_store(&module_table_find(plugin.text)->unwind, &table);
	close_plugin(&plugin);
	const uint32_t foreign = record_foreign_code(&plugin);
	plugin = open_plugin(PLUGIN);
	ck_assert_uint_ne(module_table_find(plugin.text)->serial, serial);
	/* What was compiled for it serves again. */
	ck_assert_ptr_eq(atomic_load(&module_table_find(plugin.text)->unwind), &table);
	const uint32_t epoch = module_table_record(&plugin.text, 1);
	ck_assert_uint_gt(epoch, foreign);
	ck_assert_uint_eq(segment_writer_claimed(SEGMENT_MODULES), 2);
	ck_assert_uint_lt(records()[0].last_epoch, foreign);
	ck_assert_uint_gt(records()[1].first_epoch, foreign);
}
END_TEST

START_TEST(other_libraries_leave_the_epoch_of_a_stack_alone)
{
	const uint64_t frame = (uint64_t)open_plugin + 4;
	const uint32_t epoch = module_table_record(&frame, 1);
	struct plugin plugin = open_plugin(PLUGIN);

	ck_assert_uint_gt(module_table_record(&plugin.text, 1), epoch);
	close_plugin(&plugin);
	record_foreign_code(&plugin);
	ck_assert_uint_eq(module_table_record(&frame, 1), epoch);
}
END_TEST

START_TEST(another_library_in_the_same_place_is_another_module)
{
	struct plugin plugin = open_plugin(PLUGIN);
	const struct module *before = module_table_find(plugin.text);

	open_segment();
	const uint32_t epoch = module_table_record(&plugin.text, 1);
	close_plugin(&plugin);
	plugin = open_plugin(OTHER_PLUGIN);
	const struct module *after = module_table_find(plugin.text);
	ck_assert_msg(after->start < before->end && before->start < after->end,
		      "the libraries do not overlap: choose others for this test");
	ck_assert_ptr_ne(after, before);
	ck_assert_str_ne(after->path, before->path);
	ck_assert_uint_gt(module_table_record(&plugin.text, 1), epoch);
	ck_assert_uint_eq(records()[0].state, SEGMENT_MODULE_UNLOADED);
	ck_assert_uint_lt(records()[0].last_epoch, records()[1].first_epoch);
}
END_TEST

START_TEST(a_cleared_filter_can_be_refilled)
{
	struct plugin plugin = open_plugin(PLUGIN);

	ck_assert(free_filter_may_contain(plugin.map));
	free_filter_clear();
	ck_assert(!free_filter_may_contain(plugin.map));
	module_table_refill_filter();
	ck_assert(free_filter_may_contain(plugin.map));
	close_plugin(&plugin);
}
END_TEST

#define THREADS 4

static pthread_barrier_t barrier;

static void *find_all(void *found)
{
	const uintptr_t addresses[] = {(uintptr_t)open_plugin,
				       (uintptr_t)dlsym(RTLD_DEFAULT, "gnu_get_libc_version"),
				       (uintptr_t)elf_begin, getauxval(AT_SYSINFO_EHDR)};

	pthread_barrier_wait(&barrier);
	for (int i = 0; i < 4; i++)
		((struct module **)found)[i] = module_table_find(addresses[i]);
	return NULL;
}

START_TEST(threads_that_meet_a_module_at_once_agree_on_it)
{
	struct module *found[THREADS][4];
	pthread_t threads[THREADS];

	pthread_barrier_init(&barrier, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, find_all, found[i]), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 1; i < THREADS; i++)
		ck_assert_mem_eq(found[0], found[i], sizeof(found[0]));
	ck_assert_ptr_nonnull(found[0][2]);
}
END_TEST

UNIT_MAIN(the_executable_is_found_by_an_address_of_its_code,
	  a_shared_library_is_found_with_its_build_id, the_vdso_has_its_usual_name,
	  memory_outside_of_modules_has_none,
	  a_library_opened_by_a_relative_path_gets_its_absolute_one,
	  a_recorded_module_is_in_the_segment_once, a_new_segment_gets_the_modules_again,
	  an_unloaded_library_is_marked_and_moves_the_generation,
	  a_library_that_returns_to_its_place_is_the_same_module,
	  code_in_the_place_of_an_unloaded_library_has_a_later_epoch,
	  a_library_that_returns_after_other_code_is_another_module,
	  other_libraries_leave_the_epoch_of_a_stack_alone,
	  another_library_in_the_same_place_is_another_module, a_cleared_filter_can_be_refilled,
	  threads_that_meet_a_module_at_once_agree_on_it)
