/*
 * What a loaded ELF object says about itself, read from its mapped program
 * headers and notes, not from its file, which may have been replaced.
 *
 * Context: inside malloc, any thread, signal handlers; only reads memory.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_ELF_IMAGE_H
#define SAMPLER_ELF_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#define ELF_IMAGE_BUILD_ID_MAX 32

struct elf_image {
	uintptr_t text_start, text_end; /* largest executable segment, at run time */
	uint64_t text_offset;		/* its file offset */
	uint8_t build_id[ELF_IMAGE_BUILD_ID_MAX];
	uint32_t build_id_size; /* 0: none */
};

/*
 * Describes the object mapped at [start, end) with this load bias. Where the
 * program headers cannot be found or make no sense, the text is the whole
 * range and there is no build id.
 */
void elf_image_read(uintptr_t start, uintptr_t end, uintptr_t load_bias, struct elf_image *image);

/* The object's readable segment, as far as it comes from the file, that holds
 * `address`; false when there is none. */
bool elf_image_find_segment(uintptr_t start, uintptr_t end, uintptr_t load_bias, uintptr_t address,
			    const uint8_t **segment_start, const uint8_t **segment_end);

/* The range of the program's executable from its first segment to its last;
 * false when it does not have this load bias, so is another object. */
bool elf_image_find_executable(uintptr_t load_bias, uintptr_t *start, uintptr_t *end);

#endif
