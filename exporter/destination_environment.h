/*
 * What the environment says of destinations: the variables that other agents and
 * the OpenTelemetry specification have made usual.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_DESTINATION_ENVIRONMENT_H
#define EXPORTER_DESTINATION_ENVIRONMENT_H

#include "exporter/destination.h"

/* Credentials and the like for a destination of its kind. 0 or -ENOMEM. */
int destination_environment_read(struct destination *destination);

/* The address for a kind, or NULL. It belongs to the environment. */
const char *destination_environment_url(enum destination_kind kind);

#endif
