/*
 * The local history: kept, merged, bounded, and whole after every kill.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/history.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exporter/database.h"
#include "exporter/pprof.h"
#include "tests/unit/small_profile.h"
#include "tests/unit/unit.h"

#define SECOND UINT64_C(1000000000)
#define MIB (UINT64_C(1) << 20)
/* A multiple of every bucket, so that tests can count. */
#define BEGIN_NS (UINT64_C(1767225600) * SECOND)

/* Of one job: what `small` has in use and, without the stack that fits no number, has
 * allocated. */
#define LIVE_BYTES 327

static const struct history_limits quick_limits = {
	.budget_bytes = 64 * MIB,
	.tiers = {{15 * SECOND, 60 * SECOND},
		  {60 * SECOND, 600 * SECOND},
		  {300 * SECOND, 3600 * SECOND}},
};

static char folder[512], path[600];

static void make_path(void)
{
	snprintf(folder, sizeof(folder), "%s/history_test.XXXXXX",
		 getenv("TMPDIR") ? getenv("TMPDIR") : "/dev/shm");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/below/history.db", folder);
}

static void remove_path(void)
{
	static const char *const names[] = {"below/history.db", "below/history.db-wal",
					    "below/history.db-shm", "below", ""};
	char name[700];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(name, sizeof(name), "%s/%s", folder, names[i]);
		remove(name);
	}
}

static struct history *open_history(const struct history_limits *limits)
{
	struct history *history;

	ck_assert_int_eq(history_open(path, limits, &history), 0);
	return history;
}

/* A job whose profile is `small`, or that many bytes of noise. */
static struct job *make_job(const char *service, pid_t pid, uint64_t time_ns, size_t noise)
{
	static uint64_t state = 1;
	const struct pprof_options options = {.time_ns = time_ns, .duration_ns = 15 * SECOND};
	struct labels labels = {0};
	struct job *job;

	ck_assert_int_eq(labels_set(&labels, LABELS_SERVICE, service), 0);
	job = job_new(&labels);
	labels_fini(&labels);
	ck_assert_ptr_nonnull(job);
	job->time_ns = time_ns;
	job->duration_ns = 15 * SECOND;
	job->processes = calloc(1, sizeof(*job->processes));
	job->process_count = 1;
	job->processes[0] = (struct process_figures){
		.pid = pid,
		.time_ns = time_ns,
		.interval_ns = 15 * SECOND,
		.live_bytes = time_ns / SECOND % 1000,
		.fresh_bytes = 100,
	};
	snprintf(job->processes[0].command, sizeof(job->processes[0].command), "cmd-%s", service);
	snprintf(job->processes[0].segment, sizeof(job->processes[0].segment), "%s.%d.heaptide",
		 service, (int)pid);
	if (noise == 0) {
		ck_assert_int_eq(pprof_encode(&small, &options, &job->pprof, &job->pprof_size), 0);
		return job;
	}
	job->pprof = malloc(noise);
	job->pprof_size = noise;
	for (size_t i = 0; i < noise; i++)
		job->pprof[i] = (uint8_t)((state = state * 6364136223846793005 + 1) >> 56);
	return job;
}

static int append(struct history *history, const char *service, pid_t pid, uint64_t time_ns,
		  size_t noise)
{
	struct job *const job = make_job(service, pid, time_ns, noise);
	const int status = history_append(history, job);

	job_unref(job);
	return status;
}

static void append_many(struct history *history, unsigned first, unsigned count)
{
	for (unsigned i = first; i < first + count; i++)
		ck_assert_int_eq(append(history, "shop", 42, BEGIN_NS + i * 15 * SECOND, 0), 0);
}

/* Objects allocated in a time, of which each job has the same number. */
static uint64_t read_objects(struct history *history, uint64_t from_ns, uint64_t to_ns,
			     struct history_range *range)
{
	struct profile_sum *const sum = profile_sum_new();
	struct history_process process;
	uint64_t objects;

	ck_assert_int_eq(history_find(history, "shop", 0, &process), 0);
	ck_assert_int_eq(history_read(history, &process, from_ns, to_ns, sum, range), 0);
	ck_assert_uint_eq(profile_sum_snapshot(sum)->live.bytes, LIVE_BYTES);
	objects = profile_sum_snapshot(sum)->allocated.objects;
	profile_sum_free(sum);
	return objects;
}

START_TEST(what_was_appended_is_read_back)
{
	struct history_range range;
	struct history *history;

	make_path();
	history = open_history(&quick_limits);
	append_many(history, 1, 1);
	history_close(history);
	ck_assert_int_eq(history_open_reading(path, &history), 0);
	ck_assert_uint_eq(read_objects(history, BEGIN_NS, BEGIN_NS + 15 * SECOND, &range), 14);
	ck_assert_uint_eq(range.from_ns, BEGIN_NS);
	ck_assert_uint_eq(range.to_ns, BEGIN_NS + 15 * SECOND);
	ck_assert_uint_eq(range.profiles, 1);
	ck_assert_uint_eq(range.processes, 1);
	history_close(history);
	remove_path();
}
END_TEST

START_TEST(the_file_is_for_its_owner_only)
{
	struct stat about;

	make_path();
	history_close(open_history(&quick_limits));
	ck_assert_int_eq(stat(path, &about), 0);
	ck_assert_uint_eq(about.st_mode & 0777, 0600);
	remove_path();
}
END_TEST

START_TEST(a_process_is_found_by_pid_command_and_service)
{
	struct history_process process;
	struct history *history;

	make_path();
	history = open_history(&quick_limits);
	ck_assert_int_eq(append(history, "shop", 42, BEGIN_NS + 15 * SECOND, 0), 0);
	ck_assert_int_eq(append(history, "bank", 43, BEGIN_NS + 30 * SECOND, 0), 0);
	ck_assert_int_eq(history_find(history, "42", 0, &process), 0);
	ck_assert_str_eq(process.command, "cmd-shop");
	ck_assert_uint_eq(process.first_ns, BEGIN_NS);
	ck_assert_int_eq(history_find(history, "cmd-shop", 0, &process), 0);
	ck_assert_int_eq(process.pid, 42);
	ck_assert_int_eq(history_find(history, "shop", 0, &process), 0);
	ck_assert_int_eq(process.pid, 42);
	ck_assert_int_eq(history_find(history, NULL, 0, &process), 0);
	ck_assert_int_eq(process.pid, 43);
	ck_assert_int_eq(history_find(history, "44", 0, &process), -ENOENT);
	history_close(history);
	remove_path();
}
END_TEST

START_TEST(a_process_is_not_found_at_a_time_when_it_was_not)
{
	struct history_process process;
	struct history *history;

	make_path();
	history = open_history(&quick_limits);
	append_many(history, 1, 1);
	ck_assert_int_eq(history_find(history, "42", BEGIN_NS + 5 * SECOND, &process), 0);
	ck_assert_int_eq(history_find(history, "42", BEGIN_NS + 900 * SECOND, &process), -ENOENT);
	ck_assert_int_eq(history_find(history, "42", BEGIN_NS - 900 * SECOND, &process), -ENOENT);
	history_close(history);
	remove_path();
}
END_TEST

START_TEST(a_time_gives_the_profile_whose_interval_it_lies_in)
{
	struct history_range range;
	struct history *history;

	make_path();
	history = open_history(&quick_limits);
	append_many(history, 1, 3);
	read_objects(history, BEGIN_NS + 20 * SECOND, BEGIN_NS + 20 * SECOND, &range);
	ck_assert_uint_eq(range.to_ns, BEGIN_NS + 30 * SECOND);
	read_objects(history, BEGIN_NS + 15 * SECOND, BEGIN_NS + 15 * SECOND, &range);
	ck_assert_uint_eq(range.to_ns, BEGIN_NS + 15 * SECOND);
	read_objects(history, BEGIN_NS + 50 * SECOND, BEGIN_NS + 50 * SECOND, &range);
	ck_assert_uint_eq(range.to_ns, BEGIN_NS + 45 * SECOND);
	history_close(history);
	remove_path();
}
END_TEST

START_TEST(allocations_of_a_range_are_added_up)
{
	struct history_range range;
	struct history *history;

	make_path();
	history = open_history(&quick_limits);
	append_many(history, 1, 4);
	ck_assert_uint_eq(
		read_objects(history, BEGIN_NS + 15 * SECOND, BEGIN_NS + 45 * SECOND, &range), 28);
	ck_assert_uint_eq(range.from_ns, BEGIN_NS + 15 * SECOND);
	ck_assert_uint_eq(range.to_ns, BEGIN_NS + 45 * SECOND);
	history_close(history);
	remove_path();
}
END_TEST

START_TEST(a_job_that_comes_twice_counts_once)
{
	struct history_range range;
	struct history *history;

	make_path();
	history = open_history(&quick_limits);
	append_many(history, 1, 1);
	append_many(history, 1, 1);
	ck_assert_uint_eq(read_objects(history, BEGIN_NS, BEGIN_NS + 60 * SECOND, &range), 14);
	history_close(history);
	remove_path();
}
END_TEST

struct timeline {
	uint64_t rows, fresh_bytes, interval_ns, last_live_bytes;
};

static int add_figures(void *context, const struct process_figures *figures)
{
	struct timeline *const timeline = context;

	timeline->rows++;
	timeline->fresh_bytes += figures->fresh_bytes;
	timeline->interval_ns += figures->interval_ns;
	timeline->last_live_bytes = figures->live_bytes;
	return 0;
}

static struct timeline read_timeline(struct history *history, uint64_t from_ns, uint64_t to_ns)
{
	struct timeline timeline = {0};
	struct history_process process;

	ck_assert_int_eq(history_find(history, "shop", 0, &process), 0);
	ck_assert_int_eq(
		history_visit_timeline(history, &process, from_ns, to_ns, add_figures, &timeline),
		0);
	return timeline;
}

START_TEST(older_profiles_have_less_detail_and_the_same_sums)
{
	const uint64_t end_ns = BEGIN_NS + 1200 * SECOND;
	struct history_range recent, old, all;
	struct timeline timeline;
	struct history *history;

	make_path();
	history = open_history(&quick_limits);
	append_many(history, 1, 80);
	ck_assert_uint_eq(read_objects(history, end_ns - 60 * SECOND, end_ns, &recent), 4 * 14);
	ck_assert_uint_eq(recent.profiles, 4);
	ck_assert_uint_eq(read_objects(history, BEGIN_NS, BEGIN_NS + 600 * SECOND, &old), 40 * 14);
	ck_assert_uint_eq(old.profiles, 2);
	ck_assert_uint_eq(read_objects(history, BEGIN_NS, end_ns, &all), 80 * 14);
	/* 4 recent, 9 minutes, and 2 times 5 minutes. */
	ck_assert_uint_eq(all.profiles, 4 + 9 + 2);
	ck_assert_uint_eq(all.from_ns, BEGIN_NS);
	timeline = read_timeline(history, BEGIN_NS, end_ns);
	ck_assert_uint_eq(timeline.rows, all.profiles);
	ck_assert_uint_eq(timeline.fresh_bytes, 80 * 100);
	ck_assert_uint_eq(timeline.interval_ns, 80 * 15 * SECOND);
	timeline = read_timeline(history, BEGIN_NS, BEGIN_NS + 300 * SECOND);
	ck_assert_uint_eq(timeline.rows, 1);
	ck_assert_uint_eq(timeline.last_live_bytes, (BEGIN_NS / SECOND + 300) % 1000);
	history_close(history);
	remove_path();
}
END_TEST

START_TEST(profiles_closer_than_the_finest_detail_are_merged_at_once)
{
	struct history_range range;
	struct history *history;

	make_path();
	history = open_history(&quick_limits);
	for (unsigned i = 1; i <= 31; i++) {
		struct job *const job = make_job("shop", 42, BEGIN_NS + i * SECOND, 0);

		job->duration_ns = SECOND;
		ck_assert_int_eq(history_append(history, job), 0);
		job_unref(job);
	}
	ck_assert_uint_eq(read_objects(history, BEGIN_NS, BEGIN_NS + 31 * SECOND, &range), 31 * 14);
	ck_assert_uint_eq(range.profiles, 3);
	history_close(history);
	remove_path();
}
END_TEST

static int count_process(void *context, const struct history_process *process)
{
	unsigned *const count = context;

	ck_assert_uint_gt(process->rows, 0);
	ck_assert_uint_gt(process->bytes, 0);
	++*count;
	return 0;
}

START_TEST(what_is_too_old_is_forgotten_with_its_process)
{
	struct history_process process;
	struct history *history;
	unsigned count = 0;

	make_path();
	history = open_history(&quick_limits);
	ck_assert_int_eq(append(history, "gone", 7, BEGIN_NS, 0), 0);
	append_many(history, 1, 4);
	ck_assert_int_eq(history_find(history, "gone", 0, &process), 0);
	append_many(history, 400, 8);
	ck_assert_int_eq(history_find(history, "gone", 0, &process), -ENOENT);
	ck_assert_int_eq(history_visit_processes(history, count_process, &count), 0);
	ck_assert_uint_eq(count, 1);
	ck_assert_uint_eq(read_timeline(history, 0, BEGIN_NS + 300 * SECOND).rows, 0);
	history_close(history);
	remove_path();
}
END_TEST

START_TEST(a_damaged_profile_holds_up_nothing)
{
	struct history_range range;
	struct history *history;

	make_path();
	history = open_history(&quick_limits);
	ck_assert_int_eq(append(history, "shop", 42, BEGIN_NS + 15 * SECOND, 500), 0);
	append_many(history, 2, 79);
	read_objects(history, BEGIN_NS + 300 * SECOND, BEGIN_NS + 600 * SECOND, &range);
	ck_assert_uint_eq(range.profiles, 1);
	history_close(history);
	remove_path();
}
END_TEST

/* ---- the budget ---- */

static uint64_t size_on_disk(void)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	uint64_t size = 0;

	for (size_t i = 0; i < 3; i++) {
		char name[700];
		struct stat about;

		snprintf(name, sizeof(name), "%s%s", path, ends[i]);
		if (stat(name, &about) == 0)
			size += (uint64_t)about.st_size;
	}
	return size;
}

static const struct history_limits small_limits = {
	.budget_bytes = DATABASE_BUDGET_MIN,
	.tiers = {{15 * SECOND, 60 * SECOND},
		  {60 * SECOND, 600 * SECOND},
		  {300 * SECOND, 360000 * SECOND}},
};

START_TEST(the_files_are_never_larger_than_the_budget)
{
	struct history *history;
	struct history_process process;

	make_path();
	history = open_history(&small_limits);
	for (unsigned i = 1; i <= 600; i++) {
		ck_assert_int_eq(append(history, "shop", 42 + i % 5, BEGIN_NS + i * 15 * SECOND,
					1 + i * 7919 % 200000),
				 0);
		UNIT_CHECK(size_on_disk() <= DATABASE_BUDGET_MIN);
	}
	ck_assert_uint_gt(size_on_disk(), DATABASE_BUDGET_MIN / 2);
	ck_assert_int_eq(history_find(history, "shop", 0, &process), 0);
	ck_assert_uint_eq(process.last_ns, BEGIN_NS + 600 * 15 * SECOND);
	history_close(history);
	ck_assert_uint_le(size_on_disk(), DATABASE_BUDGET_MIN);
	remove_path();
}
END_TEST

START_TEST(small_profiles_stay_within_the_budget_too)
{
	struct history *history;

	make_path();
	history = open_history(&small_limits);
	for (unsigned i = 1; i <= 2000; i++) {
		ck_assert_int_eq(append(history, "shop", (pid_t)(42 + i),
					BEGIN_NS + i * 15 * SECOND, 1 + i % 3000),
				 0);
		UNIT_CHECK(size_on_disk() <= DATABASE_BUDGET_MIN);
	}
	history_close(history);
	remove_path();
}
END_TEST

struct writing {
	struct history *history;
	unsigned appended, refused;
};

static int append_under_a_reader(void *context, const struct history_process *process)
{
	struct writing *const writing = context;

	(void)process;
	for (unsigned i = 2; i <= 40; i++) {
		const int status =
			append(writing->history, "shop", 42, BEGIN_NS + i * 15 * SECOND, 100000);

		ck_assert_int_eq(status == 0 || status == -EBUSY, 1);
		writing->appended += status == 0;
		writing->refused += status == -EBUSY;
		UNIT_CHECK(size_on_disk() <= DATABASE_BUDGET_MIN);
		if (writing->refused)
			break;
	}
	return 1;
}

START_TEST(a_reader_that_takes_its_time_does_not_break_the_budget)
{
	struct writing writing = {0};
	struct history *reader;

	make_path();
	writing.history = open_history(&small_limits);
	ck_assert_int_eq(append(writing.history, "shop", 42, BEGIN_NS + 15 * SECOND, 100000), 0);
	ck_assert_int_eq(history_open_reading(path, &reader), 0);
	ck_assert_int_eq(history_visit_processes(reader, append_under_a_reader, &writing), 1);
	ck_assert_uint_gt(writing.appended, 0);
	ck_assert_uint_eq(writing.refused, 1);
	history_close(reader);
	ck_assert_int_eq(append(writing.history, "shop", 42, BEGIN_NS + 900 * SECOND, 100000), 0);
	history_close(writing.history);
	remove_path();
}
END_TEST

START_TEST(a_job_that_can_never_fit_is_refused_and_costs_nothing)
{
	struct history_range range;
	struct history *history;

	make_path();
	history = open_history(&small_limits);
	append_many(history, 1, 1);
	ck_assert_int_eq(append(history, "shop", 42, BEGIN_NS + 30 * SECOND, 5 * MIB), -EFBIG);
	ck_assert_uint_eq(read_objects(history, BEGIN_NS, BEGIN_NS + 60 * SECOND, &range), 14);
	history_close(history);
	remove_path();
}
END_TEST

START_TEST(a_smaller_budget_shrinks_the_file)
{
	struct history_process process;
	struct history *history;

	make_path();
	history = open_history(&quick_limits);
	for (unsigned i = 1; i <= 60; i++)
		ck_assert_int_eq(append(history, "shop", 42, BEGIN_NS + i * 15 * SECOND, 150000),
				 0);
	history_close(history);
	ck_assert_uint_gt(size_on_disk(), 8 * MIB);
	history = open_history(&small_limits);
	ck_assert_uint_le(size_on_disk(), DATABASE_BUDGET_MIN);
	ck_assert_int_eq(history_find(history, "shop", 0, &process), 0);
	history_close(history);
	remove_path();
}
END_TEST

/* ---- other files ---- */

START_TEST(a_file_of_another_kind_is_left_as_it_is)
{
	static const char text[] = "This is somebody's diary, and not a history of heaps.\n";
	const struct database_kind other = {
		.application_id = 1, .version = 1, .schema = "CREATE TABLE diary (text TEXT)"};
	struct database *database;
	struct history *history;
	char buffer[100] = "";
	int fd;

	make_path();
	history_close(open_history(&quick_limits));
	fd = open(path, O_RDWR | O_TRUNC);
	ck_assert_int_eq(write(fd, text, sizeof(text)), sizeof(text));
	ck_assert_int_eq(history_open(path, &quick_limits, &history), -EBADMSG);
	ck_assert_int_eq(history_open_reading(path, &history), -EBADMSG);
	ck_assert_int_eq(pread(fd, buffer, sizeof(buffer), 0), sizeof(text));
	ck_assert_str_eq(buffer, text);
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	close(fd);
	ck_assert_int_eq(database_open(path, &other, 0, &database), 0);
	database_close(database);
	ck_assert_int_eq(history_open(path, &quick_limits, &history), -EBADMSG);
	ck_assert_int_eq(history_open_reading(path, &history), -EBADMSG);
	remove_path();
}
END_TEST

START_TEST(what_is_not_there_is_not_made_by_reading)
{
	struct history *history;

	make_path();
	ck_assert_int_eq(history_open_reading(path, &history), -ENOENT);
	ck_assert_int_eq(access(path, F_OK), -1);
	remove_path();
}
END_TEST

static int ignore_process(void *context, const struct history_process *process)
{
	(void)context;
	(void)process;
	return 0;
}

static void read_all(void)
{
	struct history_process process;
	struct history_range range;
	struct history *history;
	struct profile_sum *sum;

	if (history_open_reading(path, &history) != 0)
		return;
	sum = profile_sum_new();
	if (history_find(history, "shop", 0, &process) == 0)
		history_read(history, &process, 0, BEGIN_NS * 2, sum, &range);
	history_visit_processes(history, ignore_process, NULL);
	profile_sum_free(sum);
	history_close(history);
}

START_TEST(a_damaged_file_harms_no_reader)
{
	uint64_t state = 7;
	struct history *history;
	struct stat about;
	uint8_t *bytes;
	int fd;

	make_path();
	history = open_history(&quick_limits);
	append_many(history, 1, 40);
	history_close(history);
	fd = open(path, O_RDWR);
	ck_assert_int_eq(fstat(fd, &about), 0);
	bytes = malloc((size_t)about.st_size);
	ck_assert_int_eq(pread(fd, bytes, (size_t)about.st_size, 0), about.st_size);
	for (unsigned round = 0; round < 200; round++) {
		for (unsigned i = 0; i < 20; i++) {
			uint8_t noise;

			state = state * 6364136223846793005 + 1442695040888963407;
			noise = (uint8_t)(state >> 24);
			ck_assert_int_eq(pwrite(fd, &noise, 1,
						(off_t)((state >> 33) % (uint64_t)about.st_size)),
					 1);
		}
		read_all();
		ck_assert_int_eq(pwrite(fd, bytes, (size_t)about.st_size, 0), about.st_size);
	}
	free(bytes);
	close(fd);
	remove_path();
}
END_TEST

/* ---- settings ---- */

START_TEST(tiers_are_read_and_nonsense_is_refused)
{
	static const char *const wrong[] = {"",
					    "15s:1h",
					    "15s:1h,1m:1d",
					    "15s:1h,1m:1d,15m:30d,1h:60d",
					    "15s:1h,1m:1d,15m:30d,",
					    "1m:1h,15s:1d,15m:30d",
					    "15s:1d,1m:1h,15m:30d",
					    "15:1h,1m:1d,15m:30d",
					    "0s:1h,1m:1d,15m:30d",
					    "15s,1m:1d,15m:30d"};
	struct history_limits limits = {0};

	ck_assert_int_eq(history_limits_parse("15s:1h,1m:1d,15m:30d", &limits), 0);
	ck_assert_int_eq(memcmp(limits.tiers, history_limits_default.tiers, sizeof(limits.tiers)),
			 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(history_limits_parse(wrong[i], &limits) == -EINVAL, "%s", wrong[i]);
}
END_TEST

/* ---- being killed ---- */

#define KILLS 200

static void write_until_killed(_Atomic unsigned *written)
{
	struct history *history = open_history(&quick_limits);

	for (;;) {
		const unsigned next = atomic_load(written) + 1;

		if (append(history, "shop", 42, BEGIN_NS + next * 15 * SECOND, 0) != 0)
			_exit(1);
		atomic_store(written, next);
	}
}

/* Kills the writer when it has written `more` and a moment has passed. */
static void run_and_kill(_Atomic unsigned *written, unsigned more, unsigned moment)
{
	const unsigned goal = atomic_load(written) + more;
	const pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		write_until_killed(written);
	while (atomic_load(written) < goal && waitpid(pid, &status, WNOHANG) == 0)
		sched_yield();
	for (volatile unsigned i = 0; i < moment; i++)
		;
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* All that was written is there, in sum, and at most the one that was in progress. */
static unsigned check_history(unsigned written)
{
	struct history_range range;
	struct history *history;
	unsigned there;
	uint64_t objects;

	ck_assert_int_eq(history_open_reading(path, &history), 0);
	objects = read_objects(history, BEGIN_NS, BEGIN_NS * 2, &range);
	there = (unsigned)((range.to_ns - BEGIN_NS) / (15 * SECOND));
	ck_assert_uint_ge(there, written);
	ck_assert_uint_le(there, written + 1);
	/* No job is missing, as far back as the history reaches. */
	ck_assert_uint_eq(objects, 14 * ((range.to_ns - range.from_ns) / (15 * SECOND)));
	history_close(history);
	return there;
}

START_TEST(two_hundred_kills_lose_at_most_the_interval_in_progress)
{
	_Atomic unsigned *const written = mmap(NULL, sizeof(*written), PROT_READ | PROT_WRITE,
					       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t state = 3;

	make_path();
	for (unsigned i = 0; i < KILLS; i++) {
		state = state * 6364136223846793005 + 1442695040888963407;
		run_and_kill(written, 1 + (unsigned)(state >> 40) % 6,
			     (unsigned)(state >> 33) % 300000);
		atomic_store(written, check_history(atomic_load(written)));
	}
	remove_path();
}
END_TEST

UNIT_MAIN(what_was_appended_is_read_back, the_file_is_for_its_owner_only,
	  a_process_is_found_by_pid_command_and_service,
	  a_process_is_not_found_at_a_time_when_it_was_not,
	  a_time_gives_the_profile_whose_interval_it_lies_in, allocations_of_a_range_are_added_up,
	  a_job_that_comes_twice_counts_once, older_profiles_have_less_detail_and_the_same_sums,
	  profiles_closer_than_the_finest_detail_are_merged_at_once,
	  what_is_too_old_is_forgotten_with_its_process, a_damaged_profile_holds_up_nothing,
	  the_files_are_never_larger_than_the_budget, small_profiles_stay_within_the_budget_too,
	  a_reader_that_takes_its_time_does_not_break_the_budget,
	  a_job_that_can_never_fit_is_refused_and_costs_nothing, a_smaller_budget_shrinks_the_file,
	  a_file_of_another_kind_is_left_as_it_is, what_is_not_there_is_not_made_by_reading,
	  a_damaged_file_harms_no_reader, tiers_are_read_and_nonsense_is_refused,
	  two_hundred_kills_lose_at_most_the_interval_in_progress)
