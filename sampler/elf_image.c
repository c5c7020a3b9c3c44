/*
 * Reads program headers and the build id note of a mapped ELF object. Separate
 * from the module table because it knows ELF and nothing else.
 *
 * Context: inside malloc, any thread, signal handlers.
 * Invariant: nothing outside the object's range, or outside a readable segment
 * of it, is read (the kernel's own AT_PHDR apart).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/elf_image.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>

#define PAGE_SIZE 4096

struct headers {
	const ElfW(Phdr) * first;
	size_t count;
};

static bool is_elf(const ElfW(Ehdr) * ehdr)
{
	return memcmp(ehdr->e_ident, ELFMAG, SELFMAG) == 0 &&
	       ehdr->e_ident[EI_CLASS] == (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) &&
	       ehdr->e_phentsize == sizeof(ElfW(Phdr));
}

/* The kernel tells where the executable's headers are; a library's are in its
 * first page, behind the ELF header. */
static struct headers find_headers(uintptr_t start, uintptr_t end)
{
	const uintptr_t of_executable = getauxval(AT_PHDR);
	const ElfW(Ehdr) *ehdr = (const ElfW(Ehdr) *)start;
	struct headers headers = {NULL, 0};

	if (of_executable >= start && of_executable < end) {
		headers.first = (const ElfW(Phdr) *)of_executable;
		headers.count = getauxval(AT_PHNUM);
	} else if (end - start >= PAGE_SIZE && is_elf(ehdr) && ehdr->e_phoff < PAGE_SIZE &&
		   ehdr->e_phoff + ehdr->e_phnum * sizeof(ElfW(Phdr)) <= PAGE_SIZE) {
		headers.first = (const ElfW(Phdr) *)(start + ehdr->e_phoff);
		headers.count = ehdr->e_phnum;
	}
	return headers;
}

/* Is [address, address + size) file content of a readable segment? */
static bool is_readable(const struct headers *headers, uintptr_t address, size_t size)
{
	for (size_t i = 0; i < headers->count; i++) {
		const ElfW(Phdr) *phdr = &headers->first[i];

		if (phdr->p_type == PT_LOAD && (phdr->p_flags & PF_R) && address >= phdr->p_vaddr &&
		    address - phdr->p_vaddr <= phdr->p_filesz &&
		    size <= phdr->p_filesz - (address - phdr->p_vaddr))
			return true;
	}
	return false;
}

static size_t align_up(size_t n, size_t alignment)
{
	return (n + alignment - 1) & ~(alignment - 1);
}

/* Looks for the build id among the notes at [note, note + size). */
static bool find_build_id(const char *note, size_t size, size_t alignment, struct elf_image *image)
{
	while (size >= sizeof(ElfW(Nhdr))) {
		const ElfW(Nhdr) *nhdr = (const ElfW(Nhdr) *)note;
		const size_t name = sizeof(*nhdr);
		const size_t content = align_up(name + nhdr->n_namesz, alignment);

		if (nhdr->n_namesz > size || nhdr->n_descsz > size ||
		    content + nhdr->n_descsz > size)
			return false;
		if (nhdr->n_type == NT_GNU_BUILD_ID && nhdr->n_namesz == sizeof("GNU") &&
		    memcmp(note + name, "GNU", sizeof("GNU")) == 0) {
			image->build_id_size = nhdr->n_descsz < sizeof(image->build_id)
						       ? nhdr->n_descsz
						       : sizeof(image->build_id);
			memcpy(image->build_id, note + content, image->build_id_size);
			return true;
		}
		const size_t next = align_up(content + nhdr->n_descsz, alignment);
		if (next >= size)
			return false;
		note += next;
		size -= next;
	}
	return false;
}

static void read_build_id(const struct headers *headers, uintptr_t load_bias,
			  struct elf_image *image)
{
	for (size_t i = 0; i < headers->count; i++) {
		const ElfW(Phdr) *phdr = &headers->first[i];

		if (phdr->p_type == PT_NOTE &&
		    is_readable(headers, phdr->p_vaddr, phdr->p_filesz) &&
		    find_build_id((const char *)(load_bias + phdr->p_vaddr), phdr->p_filesz,
				  phdr->p_align == 8 ? 8 : 4, image))
			return;
	}
}

/* Linkers may put the PLT, the code and what is called at the end into
 * executable segments of their own; the code is the largest. */
static void read_text(const struct headers *headers, uintptr_t load_bias, struct elf_image *image)
{
	uint64_t largest = 0;

	for (size_t i = 0; i < headers->count; i++) {
		const ElfW(Phdr) *phdr = &headers->first[i];

		if (phdr->p_type == PT_LOAD && (phdr->p_flags & PF_X) && phdr->p_memsz > largest) {
			largest = phdr->p_memsz;
			image->text_start = load_bias + phdr->p_vaddr;
			image->text_end = image->text_start + phdr->p_memsz;
			image->text_offset = phdr->p_offset;
		}
	}
}

void elf_image_read(uintptr_t start, uintptr_t end, uintptr_t load_bias, struct elf_image *image)
{
	const struct headers headers = find_headers(start, end);

	*image = (struct elf_image){.text_start = start, .text_end = end};
	read_text(&headers, load_bias, image);
	read_build_id(&headers, load_bias, image);
}

bool elf_image_find_segment(uintptr_t start, uintptr_t end, uintptr_t load_bias, uintptr_t address,
			    const uint8_t **segment_start, const uint8_t **segment_end)
{
	const struct headers headers = find_headers(start, end);

	for (size_t i = 0; i < headers.count; i++) {
		const ElfW(Phdr) *phdr = &headers.first[i];
		const uintptr_t segment = load_bias + phdr->p_vaddr;

		if (phdr->p_type != PT_LOAD || !(phdr->p_flags & PF_R) || segment < start ||
		    segment >= end || phdr->p_filesz > end - segment ||
		    address - segment >= phdr->p_filesz)
			continue;
		*segment_start = (const uint8_t *)segment;
		*segment_end = *segment_start + phdr->p_filesz;
		return true;
	}
	return false;
}

bool elf_image_find_executable(uintptr_t load_bias, uintptr_t *start, uintptr_t *end)
{
	const ElfW(Phdr) *phdr = (const ElfW(Phdr) *)getauxval(AT_PHDR);
	const size_t count = phdr ? getauxval(AT_PHNUM) : 0;

	*start = UINTPTR_MAX;
	*end = 0;
	for (size_t i = 0; i < count; i++) {
		const uintptr_t segment = load_bias + phdr[i].p_vaddr;

		if (phdr[i].p_type != PT_LOAD)
			continue;
		if (segment < *start)
			*start = segment;
		if (segment + phdr[i].p_memsz > *end)
			*end = segment + phdr[i].p_memsz;
	}
	return (uintptr_t)phdr >= *start && (uintptr_t)phdr < *end;
}
