/*
 * What the unwinder must know about the architecture: numbers of DWARF
 * registers, where a call leaves its return address, and how code looks.
 *
 * Context: inside malloc.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_STACK_ARCH_H
#define SAMPLER_STACK_ARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "sampler/unwind_rule.h"

#if defined(__x86_64__)

/* System V ABI, AMD64 supplement, figure 3.36. */
enum { STACK_ARCH_DWARF_FP = 6, STACK_ARCH_DWARF_SP = 7, STACK_ARCH_DWARF_RA = 16 };

/* The return address lies right below the CFA, wherever the frame pointer is. */
static inline uintptr_t stack_arch_ra_place(uintptr_t cfa, uintptr_t fp_place)
{
	(void)fp_place;
	return cfa - 8;
}

static inline uintptr_t stack_arch_code_address(uintptr_t return_address)
{
	return return_address;
}

#elif defined(__aarch64__)

/* DWARF for the Arm 64-bit architecture, section 4.1. */
enum { STACK_ARCH_DWARF_FP = 29, STACK_ARCH_DWARF_SP = 31, STACK_ARCH_DWARF_RA = 30 };

/* A frame record is the frame pointer with the return address above it. */
static inline uintptr_t stack_arch_ra_place(uintptr_t cfa, uintptr_t fp_place)
{
	(void)cfa;
	return fp_place + 8;
}

/* Takes off the signature of pointer authentication, if any (xpaclri, which is
 * a hint that older processors ignore, works on x30). */
static inline uintptr_t stack_arch_code_address(uintptr_t return_address)
{
	register uintptr_t x30 __asm__("x30") = return_address;

	__asm__("hint #7" : "+r"(x30));
	return x30;
}

#endif

/* The rule of the code to which a signal handler returns: the registers of the
 * interrupted frame are where the kernel saved them. */
extern const struct unwind_rule stack_arch_signal_rule __attribute__((visibility("hidden")));

/* Whether the bytes before `address` are a call instruction; the
 * STACK_ARCH_CALL_MAX bytes before it must be readable. */
bool stack_arch_follows_call(const uint8_t *address);

#define STACK_ARCH_CALL_MAX 8

#endif
