# SPDX-License-Identifier: Apache-2.0
#
# A program that keeps its own books is killed at random moments, or read while
# it runs; its segment must agree with its books.
load ../test_helper

@test "a thousand programs killed at random moments leave the truth behind" {
	HEAPTIDE_INTERVAL=1 run "$programs/truth" kill "$library" 1000
	expect_status 0
	expect_output '^1000 killed$'
}

@test "snapshots of a program at work add up" {
	HEAPTIDE_INTERVAL=1 run "$programs/truth" watch "$library" 1000
	expect_status 0
	expect_output '^1000 taken$'
}
