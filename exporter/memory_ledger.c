/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/memory_ledger.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- the addresses of live blocks ---- */

struct addresses {
	uint64_t *sorted;
	size_t count;
};

static int compare(const void *one, const void *other)
{
	const uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;

	return (a > b) - (a < b);
}

static int sort_addresses(const struct snapshot *snapshot, struct addresses *addresses)
{
	addresses->count = snapshot->block_count;
	addresses->sorted = reallocarray(NULL, addresses->count + 1, sizeof(uint64_t));
	if (!addresses->sorted)
		return -ENOMEM;
	for (size_t i = 0; i < addresses->count; i++)
		addresses->sorted[i] = snapshot->blocks[i].address;
	qsort(addresses->sorted, addresses->count, sizeof(uint64_t), compare);
	return 0;
}

static bool holds_block(const struct addresses *addresses, uint64_t start, uint64_t end)
{
	size_t low = 0, high = addresses->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (addresses->sorted[middle] < start)
			low = middle + 1;
		else
			high = middle;
	}
	return low < addresses->count && addresses->sorted[low] < end;
}

/* ---- the text ---- */

/* The first line of a mapping; false when the line is none. */
static bool parse_mapping(const char *line, const struct addresses *addresses, bool *is_allocators)
{
	uint64_t start, end, inode;
	char rights[8], name[32] = "";

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %*s %*s %" SCNu64 " %31s", &start, &end,
		   rights, &inode, name) < 4)
		return false;
	*is_allocators = inode == 0 && rights[1] == 'w' && rights[3] == 'p' &&
			 strcmp(name, "[stack]") != 0 &&
			 (strcmp(name, "[heap]") == 0 || holds_block(addresses, start, end));
	return true;
}

/* "Rss:   12 kB" is 12288. */
static uint64_t amount(const char *line, const char *name)
{
	const size_t length = strlen(name);

	return strncmp(line, name, length) == 0 ? strtoull(line + length, NULL, 10) * 1024 : 0;
}

int memory_ledger_sum(FILE *smaps, const struct snapshot *snapshot, struct memory_ledger *ledger)
{
	struct addresses addresses;
	bool is_allocators = false;
	char *line = NULL;
	size_t size = 0;
	int status = sort_addresses(snapshot, &addresses);

	*ledger = (struct memory_ledger){.has_mappings = true};
	while (status == 0 && getline(&line, &size, smaps) > 0) {
		const uint64_t rss = amount(line, "Rss:");

		if (parse_mapping(line, &addresses, &is_allocators))
			continue;
		ledger->rss_bytes += rss;
		ledger->allocator_bytes += is_allocators ? rss : 0;
		ledger->pss_bytes += amount(line, "Pss:");
		ledger->swap_bytes += amount(line, "Swap:");
	}
	if (ferror(smaps))
		status = -EIO;
	free(line);
	free(addresses.sorted);
	return status;
}

static FILE *open_proc(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return fopen(path, "re");
}

/* What can be had cheaply. */
static int read_status(pid_t pid, struct memory_ledger *ledger)
{
	FILE *const file = open_proc(pid, "status");
	char *line = NULL;
	size_t size = 0;

	*ledger = (struct memory_ledger){0};
	if (!file)
		return -errno;
	while (getline(&line, &size, file) > 0) {
		ledger->rss_bytes += amount(line, "VmRSS:");
		ledger->swap_bytes += amount(line, "VmSwap:");
	}
	free(line);
	fclose(file);
	return 0;
}

int memory_ledger_read(pid_t pid, const struct snapshot *snapshot, uint64_t rss_max,
		       struct memory_ledger *ledger)
{
	struct memory_ledger whole;
	int status = read_status(pid, ledger);
	FILE *smaps;

	if (status < 0 || ledger->rss_bytes > rss_max)
		return status;
	smaps = open_proc(pid, "smaps");
	if (!smaps)
		return 0;
	status = memory_ledger_sum(smaps, snapshot, &whole);
	if (status == 0 && whole.rss_bytes > 0)
		*ledger = whole;
	fclose(smaps);
	return 0;
}
