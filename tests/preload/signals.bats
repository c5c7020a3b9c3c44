#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Signal handlers that allocate. Where they may interrupt anything, the real
# allocator must bear it: then it is the bump allocator.

load ../test_helper
load preload

@test "a handler on a small alternate stack may allocate" {
	holds signals a_handler_on_a_small_stack_may_allocate
}

@test "a handler may interrupt the profiler" {
	behind=$programs/bump_plugin.so holds signals a_handler_may_interrupt_the_profiler
}

@test "a handler on an alternate stack may interrupt the profiler" {
	behind=$programs/bump_plugin.so \
		holds signals a_handler_on_another_stack_may_interrupt_the_profiler
}
