/*
 * Estimated amounts as people read them: "312 MiB", how sure that is, and the
 * plain word "3 samples" when it is not sure at all.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_AMOUNT_TEXT_H
#define EXPORTER_AMOUNT_TEXT_H

#include "exporter/units.h"
#include "sampler/snapshot.h"

/* A piece of text by value, to be used within one expression. */
struct amount_text {
	char text[128];
};

struct units_text amount_text_bytes(const struct snapshot_amount *amount);   /* 312 MiB, ~512 KiB */
struct units_text amount_text_objects(const struct snapshot_amount *amount); /* 2,345 */

/* How sure the bytes are: "1.2 %" is half the width of the 95 % confidence
 * interval; "3 samples" when that is too wide to be worth saying; "" when exact. */
struct units_text amount_text_error(const struct snapshot_amount *amount);

/* What share of the bytes of `whole` it is: "45.2 %". */
struct units_text amount_text_share(const struct snapshot_amount *amount,
				    const struct snapshot_amount *whole);

/* All in one: "312 MiB +/- 1.2 % in 2,345 objects". */
struct amount_text amount_text_sentence(const struct snapshot_amount *amount);

#endif
