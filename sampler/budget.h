/*
 * What happens when the segment's budget runs short: sample less, and give up
 * part of what is known, without making any estimate wrong.
 *
 * Context: inside malloc, after a sample was recorded; no lock held.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_BUDGET_H
#define SAMPLER_BUDGET_H

/* The segment is a new one. */
void budget_new_segment(void);

/* Looks how full the tables are, and makes room when it is time to. */
void budget_check(void);

/* The live table is full: makes room, or waits a while for the thread that does. */
void budget_wait_for_room(void);

#endif
