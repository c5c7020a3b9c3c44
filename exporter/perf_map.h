/*
 * Names of code that a JIT compiler made, from the file perf-PID.map that the
 * program writes: lines of "START SIZE NAME".
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_PERF_MAP_H
#define EXPORTER_PERF_MAP_H

#include <stdint.h>
#include <sys/types.h>

struct perf_map;

/*
 * Reads the map from the open file, which is the caller's to close and must stay
 * open until perf_map_free(). NULL when there is nothing in it, or no memory.
 */
struct perf_map *perf_map_new(int fd);
void perf_map_free(struct perf_map *map);

/*
 * The name of the code at `address`, to be released with free(), or NULL. Of
 * several entries the last written wins: code moves, and its place is used again.
 */
char *perf_map_find(const struct perf_map *map, uint64_t address);

/*
 * Opens the map of process `pid` (as the process itself sees its number) in the
 * folder `directory`. Only a plain file that belongs to `uid` or to root and was
 * written to since `not_before` (seconds since 1970) is trusted: anybody may put
 * files into /tmp. A descriptor or -errno.
 */
int perf_map_open(const char *directory, pid_t pid, uid_t uid, int64_t not_before);

#endif
