/*
 * The heap profile text of gperftools, with names, for google-pprof and jeprof,
 * which read no other format of ours.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_GPERFTOOLS_H
#define EXPORTER_GPERFTOOLS_H

#include <stdio.h>

#include "exporter/profile.h"

/* 0, or -EIO when the stream failed. */
int gperftools_write(const struct profile *profile, FILE *stream);

/* The same without names, with return addresses, for readers that know no section of
 * symbols or ask a server for them. */
int gperftools_write_raw(const struct profile *profile, FILE *stream);

#endif
