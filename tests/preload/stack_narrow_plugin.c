/*
 * Calls back from a frame of its own size; stack_reload loads it in turn with
 * its twin, which differs in that size only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
void call_back(void (*function)(void));

void call_back(void (*function)(void))
{
	volatile char room[16];

	room[0] = 1;
	function();
	room[1] = room[0];
}
