/*
 * One wording for amounts, so that reports and verdicts read alike.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/amount_text.h"

#include <inttypes.h>
#include <stdio.h>

#include "leakcheck/amount.h"

/* Below it an error would be printed as 0.0 %, as if there was none. */
#define LEAST_ERROR 0.0005

static struct units_text approximate(struct units_text number, const struct snapshot_amount *amount)
{
	struct units_text out;

	if (!amount_is_vague(amount))
		return number;
	snprintf(out.text, sizeof(out.text), "~%.30s", number.text);
	return out;
}

struct units_text amount_text_bytes(const struct snapshot_amount *amount)
{
	return approximate(units_format_bytes(amount->bytes), amount);
}

struct units_text amount_text_objects(const struct snapshot_amount *amount)
{
	return approximate(units_format_count(amount->objects), amount);
}

struct units_text amount_text_error(const struct snapshot_amount *amount)
{
	const double error = amount_bytes_error(amount) / (double)amount->bytes;
	struct units_text out = {""};

	if (amount_is_vague(amount))
		snprintf(out.text, sizeof(out.text), "%" PRIu64 " sample%s", amount->samples,
			 amount->samples == 1 ? "" : "s");
	else if (amount->bytes_variance > 0)
		out = error < LEAST_ERROR ? (struct units_text){"<0.1 %"}
					  : units_format_percent(error);
	return out;
}

struct units_text amount_text_share(const struct snapshot_amount *amount,
				    const struct snapshot_amount *whole)
{
	return units_format_percent(whole->bytes ? (double)amount->bytes / (double)whole->bytes
						 : 0);
}

struct amount_text amount_text_sentence(const struct snapshot_amount *amount)
{
	const struct units_text bytes = amount_text_bytes(amount);
	const struct units_text objects = amount_text_objects(amount);
	const struct units_text error = amount_text_error(amount);
	const char *noun = amount->objects == 1 ? "object" : "objects";
	struct amount_text out;

	if (amount->samples == 0)
		snprintf(out.text, sizeof(out.text), "nothing");
	else if (amount_is_vague(amount))
		snprintf(out.text, sizeof(out.text), "%s in %s %s (only %s)", bytes.text,
			 objects.text, noun, error.text);
	else if (*error.text)
		snprintf(out.text, sizeof(out.text), "%s +/- %s in %s %s", bytes.text, error.text,
			 objects.text, noun);
	else
		snprintf(out.text, sizeof(out.text), "%s in %s %s", bytes.text, objects.text, noun);
	return out;
}
