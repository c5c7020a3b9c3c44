/*
 * The two functions of the exponential distribution that sampling needs. The
 * library may depend on libc alone, and these live in libm otherwise.
 *
 * Context: pure; any thread, signal handlers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_EXPONENTIAL_H
#define SAMPLER_EXPONENTIAL_H

/* The natural logarithm of x, for normal x > 0; relative error below 4e-16. */
double exponential_log(double x);

/* 1 - exp(-x) for x >= 0, without cancellation for small x; relative error
 * below 1e-15. */
double exponential_distribution(double x);

#endif
