/*
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/profile_source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "exporter/log.h"
#include "exporter/pprof_read.h"
#include "exporter/targets.h"
#include "exporter/time_text.h"

#define NS_PER_SECOND UINT64_C(1000000000)

/* Compressed files are not taken larger. */
#define FILE_SIZE_MAX (64 << 20)

void profile_source_close(struct profile_source *source)
{
	profile_free(source->own);
	snapshot_free(source->snapshot);
	profile_sum_free(source->sum);
	*source = (struct profile_source){0};
}

/* ---- segments ---- */

static int open_segment(struct profile_source *source, const struct options *options,
			const char *name)
{
	const struct profile_options profile_options = {
		.sysroot = *options->sysroot ? options->sysroot : NULL,
		.lines = options->lines,
	};
	struct target target;
	const int status = targets_open(options, name, &target, &source->snapshot);

	if (status != 0)
		return status;
	if (profile_new(source->snapshot, &profile_options, &source->own) != 0)
		return log_failure("out of memory");
	source->profile = source->own;
	source->is_alive = target.alive;
	return 0;
}

/* ---- sums ---- */

/* What reports expect of a snapshot, as far as it can be known. */
static void fill_snapshot(struct profile_source *source, const char *command, uint32_t pid)
{
	struct snapshot *const snapshot = profile_sum_snapshot(source->sum);

	snprintf(snapshot->command, sizeof(snapshot->command), "%s", command);
	snapshot->pid = pid;
	snapshot->active = true;
	snapshot->ended = true;
	snapshot->start_interval = snapshot->interval;
	source->profile = profile_sum_profile(source->sum);
	source->is_stored = true;
}

/* ---- files ---- */

/* True when it is a file that gzip made, as pprof files are. */
static bool is_pprof_file(const char *name)
{
	const int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint8_t magic[2] = {0};
	struct stat about;
	bool is_gzip = false;

	if (fd < 0)
		return false;
	if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode))
		is_gzip = read(fd, magic, 2) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
	close(fd);
	return is_gzip;
}

static int read_file(const char *name, uint8_t **bytes, size_t *size)
{
	FILE *const file = fopen(name, "re");
	int status = 0;

	if (!file)
		return -errno;
	*bytes = malloc(FILE_SIZE_MAX);
	*size = *bytes ? fread(*bytes, 1, FILE_SIZE_MAX, file) : 0;
	if (!*bytes)
		status = -ENOMEM;
	else if (ferror(file))
		status = -EIO;
	else if (!feof(file))
		status = -EFBIG;
	fclose(file);
	return status;
}

static const char *main_program(const struct profile *profile)
{
	const char *const path = profile->mapping_count ? profile->mappings[0].path : "";
	const char *const slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int open_file(struct profile_source *source, const char *name)
{
	struct pprof_header header = {0};
	uint8_t *bytes = NULL;
	size_t size = 0;
	int status = read_file(name, &bytes, &size);

	source->sum = profile_sum_new();
	if (status == 0)
		status =
			source->sum ? pprof_read(bytes, size, true, source->sum, &header) : -ENOMEM;
	free(bytes);
	if (status == -EBADMSG)
		return log_wrong_use("%s is not a heap profile in pprof's format", name);
	if (status < 0)
		return log_failure("cannot read %s: %s", name, strerror(-status));
	fill_snapshot(source, main_program(profile_sum_profile(source->sum)), 0);
	snprintf(source->about, sizeof(source->about), "as %.200s has it, of %s", name,
		 time_text_format(header.time_ns).text);
	return 0;
}

/* ---- the history ---- */

int profile_source_open_database(const struct options *options, struct history **history)
{
	char path[PATH_MAX];
	int status;

	if (*options->history)
		status = snprintf(path, sizeof(path), "%s", options->history) < PATH_MAX
				 ? 0
				 : -ENAMETOOLONG;
	else
		status = history_default_path(path);
	if (status == 0)
		status = history_open_reading(path, history);
	if (status == -ENOENT)
		return log_wrong_use("there is no local history yet (%s); `heaptide agent` keeps "
				     "one, or name a file with --history",
				     path);
	if (status == -EBADMSG || status == -EPROTONOSUPPORT)
		return log_wrong_use("%s is not a history that this version can read", path);
	return status < 0 ? log_failure("cannot read %s: %s", path, strerror(-status)) : 0;
}

/* Says why nothing was found: no such process, or not then. */
static int say_missing(struct history *history, const char *name, uint64_t at_ns)
{
	struct history_process process;

	if (history_find(history, name, 0, &process) < 0)
		return log_wrong_use("the history knows nothing of %s; `heaptide history` lists "
				     "what it knows",
				     name ? name : "any process");
	return log_wrong_use("the history knows nothing of %s at %s; it has %s (pid %d) from %s to "
			     "%s",
			     name ? name : "any process", time_text_format(at_ns).text,
			     process.command, (int)process.pid,
			     time_text_format(process.first_ns).text,
			     time_text_format(process.last_ns).text);
}

static void describe(struct profile_source *source, bool is_range)
{
	const struct history_range *const range = &source->range;
	char others[64] = "";

	if (range->processes > 1)
		snprintf(others, sizeof(others), "; the sum of %" PRIu64 " processes",
			 range->processes);
	if (is_range)
		snprintf(source->about, sizeof(source->about), "from %s to %s%s",
			 time_text_format(range->from_ns).text, time_text_format(range->to_ns).text,
			 others);
	else
		snprintf(source->about, sizeof(source->about),
			 "as it was at %s, with what was allocated in the %s before%s",
			 time_text_format(range->to_ns).text,
			 units_format_duration(range->to_ns - range->from_ns).text, others);
}

static int read_history(struct profile_source *source, struct history *history, const char *name,
			uint64_t from_ns, uint64_t to_ns)
{
	int status = history_find(history, name, to_ns, &source->process);

	/* What has ended before the range does is in it all the same. */
	if (status == -ENOENT && from_ns < to_ns)
		status = history_find(history, name, 0, &source->process);
	if (status == 0)
		status = history_read(history, &source->process, from_ns, to_ns, source->sum,
				      &source->range);
	if (status == -ENOENT)
		return say_missing(history, name, to_ns);
	if (status < 0)
		return log_failure("cannot read the history: %s", strerror(-status));
	fill_snapshot(source, source->process.command, (uint32_t)source->process.pid);
	describe(source, from_ns < to_ns);
	return 0;
}

static int open_history(struct profile_source *source, const struct options *options,
			const char *name, uint64_t from_ns, uint64_t to_ns)
{
	struct history *history;
	int status = profile_source_open_database(options, &history);

	if (status != 0)
		return status;
	source->sum = profile_sum_new();
	status = source->sum ? read_history(source, history, name, from_ns, to_ns)
			     : log_failure("out of memory");
	history_close(history);
	return status;
}

int profile_source_between(struct profile_sum *sum, const struct options *options,
			   const struct profile_source *before, const struct profile_source *after)
{
	struct history_range range;
	struct history *history;
	int status;

	if (before->process.id == 0 || before->process.id != after->process.id)
		return -ENOENT;
	status = profile_source_open_database(options, &history);
	if (status != 0)
		return -EIO;
	status = history_read(history, &after->process, before->range.to_ns, after->range.to_ns,
			      sum, &range);
	history_close(history);
	return status;
}

/* ---- the user's words ---- */

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

int profile_source_parse_time(const char *text, uint64_t *time_ns)
{
	if (time_text_parse(text, now_ns(), time_ns) == 0)
		return 0;
	return log_wrong_use("'%s' is no time: it wants '10 min ago', -1h, 05:00 or "
			     "'2026-11-23 05:00'",
			     text);
}

static int open_named(struct profile_source *source, const struct options *options,
		      const char *name)
{
	uint64_t from_ns, to_ns;
	int status;

	if (options->at.count > 0 && *options->from)
		return log_wrong_use("--at and --from do not go together");
	if (options->at.count > 0) {
		status = profile_source_parse_time(options->at.items[0], &to_ns);
		return status ? status : open_history(source, options, name, to_ns, to_ns);
	}
	if (*options->from) {
		status = profile_source_parse_time(options->from, &from_ns);
		if (status == 0)
			status = profile_source_parse_time(options->to, &to_ns);
		if (status == 0 && from_ns >= to_ns)
			return log_wrong_use("--from must be before --to");
		return status ? status : open_history(source, options, name, from_ns, to_ns);
	}
	if (name && is_pprof_file(name))
		return open_file(source, name);
	return open_segment(source, options, name);
}

int profile_source_open(struct profile_source *source, const struct options *options,
			const char *name)
{
	int status;

	*source = (struct profile_source){0};
	status = open_named(source, options, name);
	if (status != 0)
		profile_source_close(source);
	return status;
}

int profile_source_open_history(struct profile_source *source, const struct options *options,
				const char *name, uint64_t from_ns, uint64_t to_ns)
{
	int status;

	*source = (struct profile_source){0};
	status = open_history(source, options, name, from_ns, to_ns);
	if (status != 0)
		profile_source_close(source);
	return status;
}
