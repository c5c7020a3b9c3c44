#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What one stack capture costs, by unwinder and depth.
set -eu

repository=$(cd "$(dirname "$0")/.." && pwd)

echo "## One stack capture"
echo
echo "CPU time in nanoseconds: the same stack as before, a walk with warm caches, and a"
echo "walk after 32 MiB of other memory went through them. The best of many, each."
echo
"${HEAPTIDE_BUILD:-$repository/build}/bench/capture"
