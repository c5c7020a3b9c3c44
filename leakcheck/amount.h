/*
 * Adding up estimated amounts, and saying how sure a sum is.
 *
 * A sampled block of size s, taken with probability p, stands for s / p bytes
 * and 1 / p objects. The sum of such terms is the Horvitz-Thompson estimator;
 * blocks are sampled independently, so its variance is estimated without bias
 * by the sum of (s / p)^2 (1 - p) (D. G. Horvitz and D. J. Thompson, "A
 * generalization of sampling without replacement from a finite universe",
 * Journal of the American Statistical Association 47, 1952, pages 663-685).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LEAKCHECK_AMOUNT_H
#define LEAKCHECK_AMOUNT_H

#include <stdbool.h>

#include "sampler/snapshot.h"

/* A sum in the making: objects are rounded once, when all is added up. */
struct amount_sum {
	uint64_t bytes, samples;
	double objects, bytes_variance, objects_variance;
};

/* One sampled block: its weight gives its probability, so its term is exact. */
void amount_add_block(struct amount_sum *sum, const struct snapshot_block *block);

/*
 * `samples` sampled blocks of which only the sums B of bytes and N of objects
 * are known. With equal sizes each has p = samples / N, and the variances are
 * B^2 / samples (1 - p) and N^2 / samples (1 - p). Sizes that differ make the
 * true variance larger by the square of their relative spread; the blocks of one
 * stack mostly have one size.
 */
void amount_add_group(struct amount_sum *sum, uint64_t samples, uint64_t bytes, double objects);

/*
 * An amount of which only the bytes and the objects are known, and the sampling
 * interval T: the samples it came from, and its variances, as if all blocks had
 * the mean size s. Then p = 1 - exp(-s / T), and each of N objects contributes
 * s^2 (1 - p) / p to the variance of the bytes. For blocks that are small against T
 * that is T per byte whatever their sizes are.
 */
struct snapshot_amount amount_guess(uint64_t bytes, uint64_t objects, uint64_t interval);

struct snapshot_amount amount_round(const struct amount_sum *sum);

/* Adds `term` to `sum`; what does not fit stays at the largest number. */
void amount_add(struct snapshot_amount *sum, const struct snapshot_amount *term);

/* Half the width of the 95 % confidence interval: 1.96 standard deviations. */
double amount_bytes_error(const struct snapshot_amount *amount);
double amount_objects_error(const struct snapshot_amount *amount);

/* The error of the bytes is above 60 %, as with ten samples or fewer: only the
 * number of samples is worth saying. */
bool amount_is_vague(const struct snapshot_amount *amount);

/* Orders by bytes, then objects, then samples: below 0 when `a` is the larger. */
int amount_compare(const struct snapshot_amount *a, const struct snapshot_amount *b);

#endif
