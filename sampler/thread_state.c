/*
 * The one definition of the per-thread state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/thread_state.h"

_Thread_local struct thread_state thread_state;
