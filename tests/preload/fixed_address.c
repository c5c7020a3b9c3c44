/*
 * The same program as an executable at a fixed address.
 * Build with: -no-pie -fno-pie
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/preload/start.c"
