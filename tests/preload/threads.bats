#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Threads of every kind under the library.

load ../test_helper
load preload

@test "blocks outlive their threads and are freed in others" {
	holds threads blocks_outlive_their_threads_and_die_in_others
	behind=libjemalloc.so.2 holds threads blocks_outlive_their_threads_and_die_in_others
}

@test "two hundred threads are recorded" {
	holds threads two_hundred_threads_are_recorded
}

@test "destructors of thread-specific data may allocate and free" {
	holds threads destructors_of_thread_data_may_allocate_and_free
}

@test "the smallest stacks are enough" {
	holds threads the_smallest_stacks_are_enough
}

@test "one kilobyte of stack is enough" {
	holds threads a_little_stack_is_enough
}

@test "libraries may come and go while threads allocate" {
	PLUGIN=$programs/plain_plugin.so holds threads the_loader_may_be_busy
	PLUGIN=$programs/late_cxx_plugin.so holds threads the_loader_may_be_busy
}
