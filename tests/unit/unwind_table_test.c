/*
 * Unwind tables of modules that exist only in these tests: an ELF header, an
 * .eh_frame_hdr and an .eh_frame written byte by byte, or the C library's own,
 * damaged. Behind the image lies a page that may not be read.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "sampler/elf_image.h"
#include "sampler/module_table.h"
#include "sampler/stack_arch.h"
#include "sampler/unwind_table.h"
#include "tests/unit/unit.h"

#define PAGE 4096
#define CODE 0x100000 /* offset of the functions; nothing reads them */
#define CODE_SIZE 0x100000
#define MAX_FUNCTIONS 15

#define SP STACK_ARCH_DWARF_SP
#define FP STACK_ARCH_DWARF_FP
#define RA STACK_ARCH_DWARF_RA
/* def_cfa SP+8; RA at CFA-8: what the CIE of every x86-64 compiler says. */
#define CALL_FRAME 0x0c, SP, 8, 0x80 | RA, 1

struct image {
	struct module module;
	uint8_t *base;
	size_t size, used; /* of .eh_frame */
	size_t fdes[MAX_FUNCTIONS], starts[MAX_FUNCTIONS];
	unsigned functions;
};

static uint64_t random_state = 88172645463325252;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* `size` bytes that end at a page that cannot be read. */
static uint8_t *map_guarded(size_t size)
{
	uint8_t *memory =
		mmap(NULL, size + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(memory, MAP_FAILED);
	ck_assert_int_eq(mprotect(memory + size, PAGE, PROT_NONE), 0);
	return memory;
}

static void put(struct image *image, const void *bytes, size_t size)
{
	memcpy(image->base + image->used, bytes, size);
	image->used += size;
}

static void put_u32(struct image *image, uint32_t value)
{
	put(image, &value, sizeof(value));
}

static void put_elf_header(struct image *image)
{
	const Elf64_Ehdr ehdr = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64},
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1,
	};
	const Elf64_Phdr phdr = {.p_type = PT_LOAD, .p_flags = PF_R, .p_filesz = image->size};

	memcpy(image->base, &ehdr, sizeof(ehdr));
	memcpy(image->base + sizeof(ehdr), &phdr, sizeof(phdr));
}

static void open_image(struct image *image, size_t size)
{
	memset(image, 0, sizeof(*image));
	image->base = map_guarded(size);
	image->size = size;
	put_elf_header(image);
	image->used = PAGE;
	image->module.start = (uintptr_t)image->base;
	image->module.end = image->module.start + CODE + CODE_SIZE;
	image->module.load_bias = image->module.start;
	image->module.image.text_start = image->module.start + CODE;
	image->module.image.text_end = image->module.end;
}

/* Returns its offset. The augmentation tells only how pointers are written, and
 * perhaps that these are signal frames. */
static size_t put_cie(struct image *image, const char *augmentation, const uint8_t *code,
		      uint32_t size)
{
	const size_t cie = image->used;
	const uint8_t fixed[] = {1, 0x78, RA, 1, 0x1b}; /* aligns, RA, size, pcrel sdata4 */
	const uint8_t version = 1;
	const uint32_t length = 4 + 1 + strlen(augmentation) + 1 + sizeof(fixed) + size;

	put_u32(image, length);
	put_u32(image, 0);
	put(image, &version, 1);
	put(image, augmentation, strlen(augmentation) + 1);
	put(image, fixed, sizeof(fixed));
	put(image, code, size);
	return cie;
}

/* A function of `length` bytes at CODE + start. */
static void put_fde(struct image *image, size_t cie, uint32_t start, uint32_t length,
		    const uint8_t *code, uint32_t size)
{
	const uint8_t no_augmentation = 0;

	image->fdes[image->functions] = image->used;
	image->starts[image->functions++] = CODE + start;
	put_u32(image, 4 + 8 + 1 + size);
	put_u32(image, (uint32_t)(image->used - cie));
	put_u32(image, (uint32_t)(CODE + start - image->used));
	put_u32(image, length);
	put(image, &no_augmentation, 1);
	put(image, code, size);
}

/* Ends .eh_frame and puts the .eh_frame_hdr behind it. */
static void close_image(struct image *image)
{
	const uint8_t encodings[] = {1, 0x1b, 0x03, 0x3b};
	size_t header;

	put_u32(image, 0);
	image->used = (image->used + 3) & ~(size_t)3;
	header = image->used;
	put(image, encodings, sizeof(encodings));
	put_u32(image, (uint32_t)(PAGE - image->used));
	put_u32(image, image->functions);
	for (unsigned i = 0; i < image->functions; i++) {
		put_u32(image, (uint32_t)(image->starts[i] - header));
		put_u32(image, (uint32_t)(image->fdes[i] - header));
	}
	image->module.eh_frame_hdr = image->base + header;
}

static uint32_t rule_at(struct image *image, uint32_t offset)
{
	return unwind_table_rule(unwind_table_of(&image->module),
				 image->module.start + CODE + offset, CODE + offset);
}

/* The packed rule of one function with these instructions, `offset` bytes in. */
static uint32_t rule_of(const uint8_t *code, uint32_t size, uint32_t offset)
{
	const uint8_t call_frame[] = {CALL_FRAME};
	static struct image image;

	open_image(&image, PAGE * 2);
	put_fde(&image, put_cie(&image, "zR", call_frame, sizeof(call_frame)), 0, 64, code, size);
	close_image(&image);
	return rule_at(&image, offset);
}

#define RULE(offset, ...) \
	rule_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), offset)

static const struct unwind_rule *other(uint32_t packed)
{
	ck_assert_int_eq(unwind_rule_kind(packed), UNWIND_KIND_OTHER);
	ck_assert_ptr_nonnull(unwind_rule_other(packed));
	return unwind_rule_other(packed);
}

#define ck_assert_rule(packed, kind, cfa, below)                          \
	do {                                                              \
		const uint32_t rule = (packed);                           \
                                                                          \
		ck_assert_int_eq(unwind_rule_kind(rule), kind);           \
		ck_assert_uint_eq(unwind_rule_cfa_offset(rule), cfa);     \
		ck_assert_uint_eq(unwind_rule_fp_below_cfa(rule), below); \
	} while (0)

START_TEST(rules_follow_the_instructions)
{
	/* push fp; mov sp, fp; leave */
	static const uint8_t framed[] = {0x41, 0x0e, 16,   0x80 | FP, 2,  0x43,
					 0x0d, FP,   0x4a, 0x0c,      SP, 8};

	ck_assert_rule(rule_of(framed, sizeof(framed), 0), UNWIND_KIND_SP, 8, 0);
	ck_assert_rule(rule_of(framed, sizeof(framed), 1), UNWIND_KIND_SP, 16, 16);
	ck_assert_rule(rule_of(framed, sizeof(framed), 3), UNWIND_KIND_SP, 16, 16);
	ck_assert_rule(rule_of(framed, sizeof(framed), 4), UNWIND_KIND_FP, 16, 16);
	ck_assert_rule(rule_of(framed, sizeof(framed), 13), UNWIND_KIND_FP, 16, 16);
	ck_assert_rule(rule_of(framed, sizeof(framed), 14), UNWIND_KIND_SP, 8, 16);
	ck_assert_rule(rule_of(framed, sizeof(framed), 63), UNWIND_KIND_SP, 8, 16);
}
END_TEST

START_TEST(a_restored_register_is_the_callers_again)
{
	ck_assert_rule(RULE(2, 0x41, 0x0e, 16, 0x80 | FP, 2, 0x41, 0xc0 | FP, 0x0e, 8),
		       UNWIND_KIND_SP, 8, 0);
	ck_assert_rule(RULE(2, 0x41, 0x05, FP, 2, 0x41, 0x06, FP), UNWIND_KIND_SP, 8, 0);
	ck_assert_rule(RULE(2, 0x41, 0x05, FP, 2, 0x41, 0x08, FP), UNWIND_KIND_SP, 8, 0);
}
END_TEST

START_TEST(a_remembered_state_comes_back)
{
	ck_assert_rule(RULE(1, 0x0e, 32, 0x0a, 0x41, 0x0e, 8), UNWIND_KIND_SP, 8, 0);
	ck_assert_rule(RULE(2, 0x0e, 32, 0x0a, 0x41, 0x0e, 8, 0x41, 0x0b), UNWIND_KIND_SP, 32, 0);
	/* One too many of either makes the function unusable. */
	ck_assert_uint_eq(RULE(2, 0x41, 0x0b), UNWIND_RULE_NONE);
	ck_assert_uint_eq(RULE(2, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a), UNWIND_RULE_NONE);
}
END_TEST

START_TEST(every_way_to_advance_is_understood)
{
	ck_assert_rule(RULE(40, 0x02, 40, 0x0e, 24), UNWIND_KIND_SP, 24, 0);
	ck_assert_rule(RULE(39, 0x02, 40, 0x0e, 24), UNWIND_KIND_SP, 8, 0);
	ck_assert_rule(RULE(40, 0x03, 40, 0, 0x0e, 24), UNWIND_KIND_SP, 24, 0);
	ck_assert_rule(RULE(40, 0x04, 40, 0, 0, 0, 0x0e, 24), UNWIND_KIND_SP, 24, 0);
	ck_assert_rule(RULE(40, 0x2e, 16, 0x68, 0x00, 0x0e, 24), UNWIND_KIND_SP, 24, 0);
}
END_TEST

START_TEST(a_large_frame_is_understood)
{
	/* 1 MiB: too much for the common form. */
	const struct unwind_rule *rule = other(RULE(0, 0x0e, 0x80, 0x80, 0x40));

	ck_assert_int_eq(rule->cfa, UNWIND_CFA_SP);
	ck_assert_int_eq(rule->cfa_offset, 1 << 20);
	ck_assert_int_eq(rule->ra, UNWIND_AT_CFA);
	ck_assert_int_eq(rule->ra_offset, -8);
}
END_TEST

START_TEST(a_realigned_stack_is_understood)
{
	/* What gcc writes: CFA is the word at fp - 8, fp is saved at fp. */
	const struct unwind_rule *rule =
		other(RULE(0, 0x0f, 3, 0x70 + FP, 0x78, 0x06, 0x10, FP, 2, 0x70 + FP, 0));

	ck_assert_int_eq(rule->cfa, UNWIND_CFA_AT_FP);
	ck_assert_int_eq(rule->cfa_offset, -8);
	ck_assert_int_eq(rule->cfa_addend, 0);
	ck_assert_int_eq(rule->fp, UNWIND_AT_FP);
	ck_assert_int_eq(rule->fp_offset, 0);
}
END_TEST

START_TEST(a_stack_pointer_saved_by_assembly_is_understood)
{
	/* What libcrypto writes: CFA is the word at sp + 40, + 8. */
	const struct unwind_rule *rule = other(RULE(0, 0x0f, 5, 0x70 + SP, 40, 0x06, 0x23, 8));

	ck_assert_int_eq(rule->cfa, UNWIND_CFA_AT_SP);
	ck_assert_int_eq(rule->cfa_offset, 40);
	ck_assert_int_eq(rule->cfa_addend, 8);
}
END_TEST

START_TEST(a_linkage_table_is_understood)
{
	const struct unwind_rule *rule = other(RULE(0, 0x0f, 11, 0x77, 0x08, 0x80, 0x00, 0x3f, 0x1a,
						    0x3b, 0x2a, 0x33, 0x24, 0x22));

	ck_assert_int_eq(rule->cfa, UNWIND_CFA_PLT);
}
END_TEST

START_TEST(no_rule_is_made_of_what_cannot_be_followed)
{
	ck_assert_uint_eq(RULE(0, 0x0d, 3), UNWIND_RULE_NONE);		      /* CFA by rbx */
	ck_assert_uint_eq(RULE(0, 0x0f, 2, 0x73, 0), UNWIND_RULE_NONE);	      /* the same */
	ck_assert_uint_eq(RULE(0, 0x0f, 3, 0x77, 8, 0x96), UNWIND_RULE_NONE); /* nop at the end */
	ck_assert_uint_eq(RULE(0, 0x09, RA, 1), UNWIND_RULE_NONE);	      /* RA in rdx */
	ck_assert_uint_eq(RULE(0, 0x16, RA, 2, 0x77, 8), UNWIND_RULE_NONE);
	ck_assert_uint_eq(RULE(0, 0x3f), UNWIND_RULE_NONE);	/* no such instruction */
	ck_assert_uint_eq(RULE(0, 0x0e), UNWIND_RULE_NONE);	/* no operand */
	ck_assert_uint_eq(RULE(0, 0x0f, 99), UNWIND_RULE_NONE); /* longer than there is */
	ck_assert_uint_eq(RULE(0, 0x0e, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1),
			  UNWIND_RULE_NONE);
}
END_TEST

START_TEST(an_undefined_return_address_is_the_end)
{
	ck_assert_uint_eq(RULE(0, 0x07, RA), UNWIND_RULE_END);
}
END_TEST

START_TEST(a_signal_frame_has_the_registers_that_the_kernel_saved)
{
	const uint8_t call_frame[] = {CALL_FRAME};
	struct image image;

	open_image(&image, PAGE * 2);
	put_fde(&image, put_cie(&image, "zRS", call_frame, sizeof(call_frame)), 0, 64,
		(const uint8_t[]){0}, 1);
	close_image(&image);

	const struct unwind_rule *rule = other(rule_at(&image, 1));

	ck_assert(rule->signal);
	ck_assert(unwind_rule_equal(rule, &stack_arch_signal_rule));
}
END_TEST

START_TEST(addresses_between_functions_have_no_rule)
{
	const uint8_t call_frame[] = {CALL_FRAME};
	struct image image;
	size_t cie;

	open_image(&image, PAGE * 2);
	cie = put_cie(&image, "zR", call_frame, sizeof(call_frame));
	put_fde(&image, cie, 0x10, 0x20, (const uint8_t[]){0}, 1);
	put_fde(&image, cie, 0x40, 0x20, (const uint8_t[]){0x0e, 16}, 2);
	close_image(&image);
	ck_assert_uint_eq(rule_at(&image, 0x0f), UNWIND_RULE_NONE);
	ck_assert_rule(rule_at(&image, 0x10), UNWIND_KIND_SP, 8, 0);
	ck_assert_rule(rule_at(&image, 0x2f), UNWIND_KIND_SP, 8, 0);
	ck_assert_uint_eq(rule_at(&image, 0x30), UNWIND_RULE_NONE);
	ck_assert_rule(rule_at(&image, 0x40), UNWIND_KIND_SP, 16, 0);
	ck_assert_uint_eq(rule_at(&image, 0x60), UNWIND_RULE_NONE);
	/* And the same from the cache. */
	ck_assert_uint_eq(rule_at(&image, 0x30), UNWIND_RULE_NONE);
	ck_assert_rule(rule_at(&image, 0x40), UNWIND_KIND_SP, 16, 0);
}
END_TEST

START_TEST(addresses_that_share_a_place_in_the_cache_keep_their_rules)
{
	const uint8_t call_frame[] = {CALL_FRAME};
	struct image image;
	size_t cie;

	open_image(&image, PAGE * 2);
	image.module.image.text_end = image.module.image.text_start + PAGE; /* a small cache */
	cie = put_cie(&image, "zR", call_frame, sizeof(call_frame));
	for (uint8_t i = 0; i < 8; i++)
		put_fde(&image, cie, i * 0x4000, 0x4000, (const uint8_t[]){0x0e, 8 * (i + 1)}, 2);
	close_image(&image);
	for (int n = 0; n < 3; n++)
		for (uint32_t i = 0; i < 8; i++)
			ck_assert_rule(rule_at(&image, i * 0x4000 + 5), UNWIND_KIND_SP, 8 * (i + 1),
				       0);
}
END_TEST

START_TEST(a_module_without_unwind_information_has_no_rules)
{
	struct image image;

	open_image(&image, PAGE * 2);
	ck_assert_uint_eq(rule_at(&image, 0), UNWIND_RULE_NONE);
	ck_assert_uint_eq(rule_at(&image, 5), UNWIND_RULE_NONE);
}
END_TEST

START_TEST(a_header_outside_of_the_file_is_not_read)
{
	struct image image;

	open_image(&image, PAGE * 2);
	image.module.eh_frame_hdr = image.base + image.size + 16;
	ck_assert_uint_eq(rule_at(&image, 0), UNWIND_RULE_NONE);
}
END_TEST

static void *look_up_all(void *argument)
{
	struct image *image = argument;
	uintptr_t wrong = 0;

	for (uint32_t i = 0; i < MAX_FUNCTIONS * 0x1000; i += 3) {
		const uint32_t rule = rule_at(image, i);

		wrong += unwind_rule_cfa_offset(rule) != 8 * (i / 0x1000 + 1);
	}
	return (void *)wrong;
}

START_TEST(threads_that_compile_at_once_agree)
{
	const uint8_t call_frame[] = {CALL_FRAME};

	for (int round = 0; round < 20; round++) {
		struct image image;
		pthread_t threads[4];
		size_t cie;

		open_image(&image, PAGE * 2);
		cie = put_cie(&image, "zR", call_frame, sizeof(call_frame));
		for (uint8_t i = 0; i < MAX_FUNCTIONS; i++)
			put_fde(&image, cie, i * 0x1000, 0x1000,
				(const uint8_t[]){0x0e, 8 * (i + 1)}, 2);
		close_image(&image);
		for (int i = 0; i < 4; i++)
			ck_assert_int_eq(pthread_create(&threads[i], NULL, look_up_all, &image), 0);
		for (int i = 0; i < 4; i++) {
			void *wrong;

			pthread_join(threads[i], &wrong);
			ck_assert_ptr_null(wrong);
		}
	}
}
END_TEST

/* ---- bytes that nobody wrote on purpose ------------------------------- */

/* What a rule must be, whatever it was made of. */
static void check_sanity(uint32_t packed)
{
	const struct unwind_rule *rule;

	if (unwind_rule_kind(packed) != UNWIND_KIND_OTHER || packed == UNWIND_RULE_NONE ||
	    packed == UNWIND_RULE_END) {
		ck_assert_int_le(unwind_rule_kind(packed), UNWIND_KIND_FP);
		return;
	}
	rule = unwind_rule_other(packed);
	ck_assert_int_ne(rule->cfa, UNWIND_CFA_UNKNOWN);
	ck_assert_int_le(rule->cfa, UNWIND_CFA_PLT);
	ck_assert_int_ge(rule->ra, UNWIND_AT_CFA);
	ck_assert_int_le(rule->ra, UNWIND_AT_FP);
}

START_TEST(random_instructions_are_survived)
{
	const uint8_t call_frame[] = {CALL_FRAME};

	for (int n = 0; n < 2000; n++) {
		struct image image;
		size_t cie;

		open_image(&image, PAGE * 2);
		image.module.image.text_end = image.module.image.text_start + PAGE;
		cie = put_cie(&image, "zR", call_frame, sizeof(call_frame));
		for (uint32_t f = 0; f < MAX_FUNCTIONS; f++) {
			uint8_t code[160];
			const uint32_t size = next_random() % sizeof(code);

			/* Small numbers are instructions and operands that exist. */
			for (uint32_t i = 0; i < size; i++)
				code[i] = (uint8_t)(next_random() >> 13) &
					  (next_random() % 4 ? 0x1f : 0xff);
			put_fde(&image, cie, f * 64, 64, code, size);
		}
		close_image(&image);
		for (uint32_t i = 0; i < MAX_FUNCTIONS * 64; i += 1 + next_random() % 16)
			check_sanity(rule_at(&image, i));
		munmap(image.base, image.size + PAGE);
	}
}
END_TEST

START_TEST(random_bytes_are_survived)
{
	for (int n = 0; n < 2000; n++) {
		struct image image;

		open_image(&image, PAGE * 2);
		image.module.image.text_end = image.module.image.text_start + PAGE;
		for (size_t i = PAGE; i < image.size; i++)
			image.base[i] =
				(uint8_t)(next_random() >> 13) & (next_random() % 4 ? 0x1f : 0xff);
		image.functions = MAX_FUNCTIONS;
		for (unsigned f = 0; f < MAX_FUNCTIONS; f++) {
			image.fdes[f] = PAGE + next_random() % PAGE;
			image.starts[f] = CODE + 64 * f;
		}
		/* Only the index is what it should be. */
		image.used = image.size - 200;
		close_image(&image);
		for (uint32_t i = 0; i < MAX_FUNCTIONS * 64; i += 32)
			check_sanity(rule_at(&image, i));
		munmap(image.base, image.size + PAGE);
	}
}
END_TEST

/* The C library's segment with the unwind information, where it would be if the
 * library were mapped at image->base; all else cannot be read. */
struct damaged {
	struct module module;
	uint8_t *segment;
	const uint8_t *original;
	size_t segment_size, span;
};

static void clone_libc(struct damaged *clone)
{
	struct module *libc =
		module_table_find((uintptr_t)dlsym(RTLD_DEFAULT, "gnu_get_libc_version"));
	const uint8_t *start, *end;
	Elf64_Phdr phdr = {.p_type = PT_LOAD, .p_flags = PF_R};
	Elf64_Ehdr ehdr = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64},
		.e_phoff = sizeof(ehdr),
		.e_phentsize = sizeof(phdr),
		.e_phnum = 1,
	};

	ck_assert_ptr_nonnull(libc);
	ck_assert(elf_image_find_segment(libc->start, libc->end, libc->load_bias,
					 (uintptr_t)libc->eh_frame_hdr, &start, &end));
	clone->span = libc->end - libc->start;

	uint8_t *base = mmap(NULL, clone->span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(base, MAP_FAILED);
	clone->segment_size = (size_t)(end - start);
	clone->segment = base + ((uintptr_t)start - libc->start);
	phdr.p_vaddr = (uintptr_t)start - libc->start;
	phdr.p_filesz = clone->segment_size;
	ck_assert_int_eq(mprotect(base, PAGE, PROT_READ | PROT_WRITE), 0);
	ck_assert_int_eq(mprotect(clone->segment, clone->segment_size, PROT_READ | PROT_WRITE), 0);
	memcpy(base, &ehdr, sizeof(ehdr));
	memcpy(base + sizeof(ehdr), &phdr, sizeof(phdr));
	clone->original = start;
	clone->module = *libc;
	clone->module.start = clone->module.load_bias = (uintptr_t)base;
	clone->module.end = (uintptr_t)base + clone->span;
	clone->module.eh_frame_hdr = base + ((uintptr_t)libc->eh_frame_hdr - libc->start);
}

START_TEST(a_clone_of_the_c_library_has_its_rules)
{
	struct module *libc =
		module_table_find((uintptr_t)dlsym(RTLD_DEFAULT, "gnu_get_libc_version"));
	struct damaged clone;
	unsigned found = 0;

	clone_libc(&clone);
	memcpy(clone.segment, clone.original, clone.segment_size);
	atomic_init(&clone.module.unwind, NULL);
	for (uint32_t i = 0; i < clone.span; i += 61) {
		const uint32_t rule = unwind_table_rule(unwind_table_of(libc), libc->start + i, i);

		found += rule != UNWIND_RULE_NONE;
		ck_assert_uint_eq(rule, unwind_table_rule(unwind_table_of(&clone.module),
							  clone.module.start + i, i));
	}
	ck_assert_uint_gt(found, 10000);
}
END_TEST

START_TEST(damaged_unwind_information_is_survived)
{
	struct damaged clone;

	clone_libc(&clone);
	for (int n = 0; n < 150; n++) {
		const uint8_t *header = clone.module.eh_frame_hdr;
		const size_t first = (size_t)(header - clone.segment);
		const int count = 1 << next_random() % 14;

		memcpy(clone.segment, clone.original, clone.segment_size);
		for (int i = 0; i < count; i++)
			clone.segment[first + next_random() % (clone.segment_size - first)] =
				(uint8_t)next_random();
		/* The header itself, now and then. */
		if (next_random() % 4 == 0)
			clone.segment[first + next_random() % 12] ^= 1 << next_random() % 8;
		atomic_store(&clone.module.unwind, NULL);
		for (int i = 0; i < 1000; i++) {
			const uint32_t offset = (uint32_t)(next_random() % clone.span);

			check_sanity(unwind_table_rule(unwind_table_of(&clone.module),
						       clone.module.start + offset, offset));
		}
	}
}
END_TEST

UNIT_MAIN(rules_follow_the_instructions, a_restored_register_is_the_callers_again,
	  a_remembered_state_comes_back, every_way_to_advance_is_understood,
	  a_large_frame_is_understood, a_realigned_stack_is_understood,
	  a_stack_pointer_saved_by_assembly_is_understood, a_linkage_table_is_understood,
	  no_rule_is_made_of_what_cannot_be_followed, an_undefined_return_address_is_the_end,
	  a_signal_frame_has_the_registers_that_the_kernel_saved,
	  addresses_between_functions_have_no_rule,
	  addresses_that_share_a_place_in_the_cache_keep_their_rules,
	  a_module_without_unwind_information_has_no_rules,
	  a_header_outside_of_the_file_is_not_read, threads_that_compile_at_once_agree,
	  random_instructions_are_survived, random_bytes_are_survived,
	  a_clone_of_the_c_library_has_its_rules, damaged_unwind_information_is_survived)
