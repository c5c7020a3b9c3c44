/*
 * The sampler as the hooks drive it, with blocks that exist only as numbers:
 * what it keeps must be what was allocated, exactly or on average.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/sampler.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sys/wait.h>

#include "sampler/free_filter.h"
#include "sampler/process.h"
#include "sampler/sample_clock.h"
#include "tests/unit/segment_fixture.h"
#include "tests/unit/unit.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * KIB)

static struct settings settings;
static _Atomic uintptr_t next_address = UINT64_C(0x560000000000);

static void start(uint64_t interval, uint64_t budget, uint64_t seed)
{
	settings = fixture_settings(interval, budget);
	settings.seed = seed;
	sampler_init(&settings, "/lib/libc.so.6", 0);
}

/* What malloc(size) called from site `site` does. */
static void *allocate(size_t size, uintptr_t site)
{
	const struct stack_start caller = {.ip = 0x1000 + site};
	void *block = (void *)atomic_fetch_add(&next_address, 64);

	if (sample_clock_expires(size)) {
		const uint64_t interval = sampler_charge(size);

		if (interval)
			sampler_on_alloc(block, size, interval, &caller);
	}
	return block;
}

static void release(void *block)
{
	if (free_filter_may_contain(block))
		sampler_on_free(block);
}

static const struct snapshot_stack *site_of(const struct snapshot *snapshot, uintptr_t site)
{
	for (size_t i = 0; i < snapshot->stack_count; i++)
		if (snapshot->stacks[i].depth && snapshot->stacks[i].frames[0] == 0x1000 + site)
			return &snapshot->stacks[i];
	return NULL;
}

START_TEST(exact_mode_records_every_allocation)
{
	void *blocks[3000];
	uint64_t live = 0;

	start(1, 64 * MIB, 1);
	for (size_t i = 0; i < 3000; i++)
		blocks[i] = allocate(i, 1); /* malloc(0) too */
	for (size_t i = 0; i < 3000; i += 2)
		release(blocks[i]);
	for (size_t i = 1; i < 3000; i += 2)
		live += i;
	struct snapshot *snapshot = fixture_snapshot(&settings);
	const struct snapshot_stack *stack = site_of(snapshot, 1);

	ck_assert_ptr_nonnull(stack);
	ck_assert_uint_eq(stack->allocated.objects, 3000);
	ck_assert_uint_eq(stack->allocated.bytes, 2999 * 3000 / 2);
	ck_assert_uint_eq(stack->live.objects, 1500);
	ck_assert_uint_eq(stack->live.bytes, live);
	ck_assert_uint_eq(snapshot->block_count, 1500);
	ck_assert_uint_eq(snapshot->counters[SEGMENT_COUNTER_samples], 3000);
	ck_assert_uint_eq(snapshot->counters[SEGMENT_COUNTER_frees], 1500);
	/* The index of 3000 blocks, at the least. */
	ck_assert_uint_gt(snapshot->counters[SEGMENT_COUNTER_private_bytes], 3000 * 16);
	ck_assert_str_eq(snapshot->allocator, "/lib/libc.so.6");
	snapshot_free(snapshot);
	fixture_remove(&settings);
}
END_TEST

START_TEST(nothing_is_made_before_the_first_sample)
{
	start(UINT64_C(1) << 40, MIB, 1);
	for (int i = 0; i < 1000; i++)
		release(allocate(100, 1));
	ck_assert_str_eq(fixture_path(&settings), "");
	rmdir(settings.dir);
}
END_TEST

START_TEST(errno_stays_as_it_was)
{
	start(1, MIB, 1);
	errno = 4711;
	void *block = allocate(100, 1);
	release(block);
	ck_assert_int_eq(errno, 4711);
	fixture_remove(&settings);
}
END_TEST

/* Runs `program` in a child of its own, with another seed each time, and adds up
 * what it measured: sums[0 .. 2 * count) are sums and sums of squares. */
struct measurement {
	double value[4];
};

static struct measurement run_child(void (*program)(uint64_t seed, struct measurement *),
				    uint64_t seed)
{
	struct measurement measured;
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	const pid_t pid = fork();
	if (pid == 0) {
		memset(&measured, 0, sizeof(measured));
		program(seed, &measured);
		_exit(write(ends[1], &measured, sizeof(measured)) == sizeof(measured) ? 0 : 1);
	}
	close(ends[1]);
	ck_assert_int_eq(read(ends[0], &measured, sizeof(measured)), sizeof(measured));
	close(ends[0]);
	waitpid(pid, NULL, 0);
	return measured;
}

/* Asserts that the mean of each value over `runs` seeds is within three of its
 * standard errors of 1. */
static void check_unbiased(void (*program)(uint64_t seed, struct measurement *), int runs)
{
	double sum[4] = {0}, squares[4] = {0};

	for (int seed = 1; seed <= runs; seed++) {
		const struct measurement measured = run_child(program, seed);

		for (int i = 0; i < 4; i++) {
			sum[i] += measured.value[i];
			squares[i] += measured.value[i] * measured.value[i];
		}
	}
	for (int i = 0; i < 4; i++) {
		const double mean = sum[i] / runs;
		const double error = sqrt((squares[i] / runs - mean * mean) / (runs - 1));

		ck_assert_msg(fabs(mean - 1) <= 3 * error, "value %d: %g +/- %g", i, mean, error);
	}
}

static void measure(struct measurement *measured, double small_bytes, double large_bytes)
{
	struct snapshot *snapshot = fixture_snapshot(&settings);
	const struct snapshot_stack *small = site_of(snapshot, 1), *large = site_of(snapshot, 2);

	measured->value[0] = small ? (double)small->live.bytes / small_bytes : 0;
	measured->value[1] = large ? (double)large->live.bytes / large_bytes : 0;
	measured->value[2] = small ? (double)small->live.objects / (small_bytes / 64) : 0;
	measured->value[3] = large ? (double)large->live.objects / (large_bytes / 65536) : 0;
	snapshot_free(snapshot);
	fixture_remove(&settings);
}

/* 8 MiB each in blocks of 64 B and of 64 KiB, and as much again that is freed. */
static void allocate_both(void)
{
	for (int i = 0; i < 128; i++) {
		for (int j = 0; j < 1024; j++) {
			allocate(64, 1);
			release(allocate(64, 1));
		}
		allocate(65536, 2);
		release(allocate(65536, 2));
	}
}

static void run_sampled(uint64_t seed, struct measurement *measured)
{
	start(64 * KIB, 4 * MIB, seed);
	allocate_both();
	measure(measured, 8.0 * MIB, 8.0 * MIB);
}

START_TEST(estimates_are_unbiased_for_small_and_large_blocks)
{
	check_unbiased(run_sampled, 100);
}
END_TEST

static void run_with_changes(uint64_t seed, struct measurement *measured)
{
	static const uint64_t intervals[] = {16 * KIB, 256 * KIB, 1, 64 * KIB};
	char error[SNAPSHOT_ERROR_SIZE];

	start(64 * KIB, 64 * MIB, seed);
	for (int i = 0; i < 5; i++) {
		allocate_both();
		if (i < 4)
			ck_assert_int_eq(
				snapshot_control(fixture_path(&settings), intervals[i], -1, error),
				0);
	}
	measure(measured, 40.0 * MIB, 40.0 * MIB);
}

START_TEST(estimates_stay_unbiased_when_the_interval_changes)
{
	check_unbiased(run_with_changes, 24);
}
END_TEST

/* So many changes that the allocations during which they are noticed count. */
static void run_with_many_changes(uint64_t seed, struct measurement *measured)
{
	static const uint64_t intervals[] = {16 * KIB, 64 * KIB};
	char error[SNAPSHOT_ERROR_SIZE];

	start(64 * KIB, 4 * MIB, seed);
	const char *path = fixture_path(&settings);
	for (int i = 0; i < 512; i++) {
		for (int j = 0; j < 512; j++)
			allocate(64, 1);
		if (i % 2)
			allocate(65536, 2);
		if (path[0])
			ck_assert_int_eq(snapshot_control(path, intervals[i % 2], -1, error), 0);
		else
			path = fixture_path(&settings);
	}
	measure(measured, 16.0 * MIB, 16.0 * MIB);
}

START_TEST(estimates_stay_unbiased_when_the_interval_changes_often)
{
	check_unbiased(run_with_many_changes, 60);
}
END_TEST

static void run_out_of_budget(uint64_t seed, struct measurement *measured)
{
	start(64, MIB, seed); /* room for about 6 000 blocks, and 80 000 to come */
	allocate_both();
	struct snapshot *snapshot = fixture_snapshot(&settings);

	if (snapshot->counters[SEGMENT_COUNTER_raised_interval] == 0 ||
	    snapshot->counters[SEGMENT_COUNTER_thinned_blocks] == 0 ||
	    snapshot->counters[SEGMENT_COUNTER_dropped_table_full] != 0)
		_exit(1);
	snapshot_free(snapshot);
	measure(measured, 8.0 * MIB, 8.0 * MIB);
}

START_TEST(estimates_stay_unbiased_when_the_table_is_thinned)
{
	check_unbiased(run_out_of_budget, 60);
}
END_TEST

static void *allocate_to_the_full(void *argument)
{
	for (int i = 0; i < 20000; i++)
		allocate(64, 1);
	return argument;
}

/* Those that find the table full wait for the one that thins it. */
START_TEST(threads_drop_nothing_while_the_table_is_thinned)
{
	pthread_t threads[8];
	uint64_t dropped = 0;

	start(1, MIB, 1);
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, allocate_to_the_full, NULL), 0);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	struct snapshot *snapshot = fixture_snapshot(&settings);

	ck_assert_uint_gt(snapshot->counters[SEGMENT_COUNTER_thinned_blocks], 0);
	for (int i = SEGMENT_COUNTER_dropped_reentrant; i <= SEGMENT_COUNTER_lost_frees; i++)
		dropped += snapshot->counters[i];
	ck_assert_uint_eq(dropped, 0);
	ck_assert_double_le(fabs((double)snapshot->live.bytes - 8 * 20000 * 64),
			    5 * sqrt(snapshot->live.bytes_variance));
	snapshot_free(snapshot);
	fixture_remove(&settings);
}
END_TEST

START_TEST(a_full_stack_table_loses_no_bytes)
{
	uint64_t bytes = 0;

	start(1, MIB, 1);
	for (uintptr_t site = 0; site < 20000; site++) {
		release(allocate(1000, site));
		bytes += 1000;
	}
	struct snapshot *snapshot = fixture_snapshot(&settings);

	ck_assert_uint_gt(snapshot->counters[SEGMENT_COUNTER_raised_interval], 0);
	ck_assert_uint_gt(snapshot->counters[SEGMENT_COUNTER_reduced_depth], 0);
	/* Sampled from some point on: the total still agrees. */
	ck_assert_double_le(fabs((double)snapshot->allocated.bytes - (double)bytes),
			    4 * sqrt(snapshot->allocated.bytes_variance) + 1);
	snapshot_free(snapshot);
	fixture_remove(&settings);
}
END_TEST

START_TEST(switching_off_keeps_following_frees)
{
	char error[SNAPSHOT_ERROR_SIZE];
	void *blocks[100];

	start(1, 64 * MIB, 1);
	for (int i = 0; i < 100; i++)
		blocks[i] = allocate(1000, 1);
	ck_assert_int_eq(snapshot_control(fixture_path(&settings), 0, 0, error), 0);
	for (int i = 0; i < 1000; i++)
		allocate(1000, 2);
	for (int i = 0; i < 50; i++)
		release(blocks[i]);
	struct snapshot *snapshot = fixture_snapshot(&settings);

	ck_assert(!snapshot->active);
	ck_assert_uint_eq(site_of(snapshot, 1)->live.objects, 50);
	/* The allocation that noticed was the last chance to be recorded. */
	ck_assert_ptr_null(site_of(snapshot, 2));
	snapshot_free(snapshot);

	ck_assert_int_eq(snapshot_control(fixture_path(&settings), 0, 1, error), 0);
	for (int i = 0; i < 20; i++) /* a sleeping thread looks up every 8 MiB */
		allocate(MIB, 3);
	snapshot = fixture_snapshot(&settings);
	ck_assert(snapshot->active);
	ck_assert_uint_gt(snapshot->off_total_ns, 0);
	ck_assert_ptr_nonnull(site_of(snapshot, 3));
	ck_assert_uint_ge(site_of(snapshot, 3)->allocated.objects, 11);
	snapshot_free(snapshot);
	fixture_remove(&settings);
}
END_TEST

START_TEST(a_dormant_process_can_be_woken)
{
	char error[SNAPSHOT_ERROR_SIZE];

	settings = fixture_settings(1, MIB);
	settings.start = SEGMENT_OFF;
	sampler_init(&settings, "", 0);
	for (int i = 0; i < 100; i++)
		allocate(100, 1);
	struct snapshot *snapshot = fixture_snapshot(&settings);

	ck_assert(!snapshot->active);
	ck_assert_uint_eq(snapshot->counters[SEGMENT_COUNTER_samples], 0);
	snapshot_free(snapshot);
	ck_assert_int_eq(snapshot_control(fixture_path(&settings), 0, 1, error), 0);
	for (int i = 0; i < 20; i++)
		allocate(MIB, 1);
	snapshot = fixture_snapshot(&settings);
	ck_assert_uint_gt(snapshot->counters[SEGMENT_COUNTER_samples], 0);
	snapshot_free(snapshot);
	fixture_remove(&settings);
}
END_TEST

START_TEST(a_wish_that_was_followed_does_not_come_back)
{
	char error[SNAPSHOT_ERROR_SIZE];

	start(1, MIB, 1);
	allocate(100, 1);
	ck_assert_int_eq(snapshot_control(fixture_path(&settings), 64 * KIB, -1, error), 0);
	allocate(100, 1);
	process_raise_interval(128 * KIB); /* as the budget may demand */
	ck_assert_int_eq(snapshot_control(fixture_path(&settings), 0, 1, error), 0);
	for (int i = 0; i < 20; i++)
		allocate(MIB, 1);
	struct snapshot *snapshot = fixture_snapshot(&settings);

	ck_assert_uint_eq(snapshot->interval, 128 * KIB);
	snapshot_free(snapshot);
	fixture_remove(&settings);
}
END_TEST

START_TEST(a_block_put_back_after_a_failed_realloc_is_unchanged)
{
	struct sampler_aside aside;

	start(1, MIB, 1);
	void *block = allocate(500, 1);
	sampler_take_aside(block, &aside);
	ck_assert(aside.is_tracked);
	ck_assert(!free_filter_may_contain(block));
	sampler_put_back(&aside);
	ck_assert(free_filter_may_contain(block));
	struct snapshot *snapshot = fixture_snapshot(&settings);

	ck_assert_uint_eq(snapshot->live.bytes, 500);
	ck_assert_uint_eq(snapshot->block_count, 1);
	ck_assert_uint_eq(snapshot->counters[SEGMENT_COUNTER_frees], 0);
	snapshot_free(snapshot);
	sampler_take_aside(block, &aside);
	sampler_drop_aside(&aside);
	snapshot = fixture_snapshot(&settings);
	ck_assert_uint_eq(snapshot->live.bytes, 0);
	ck_assert_uint_eq(snapshot->counters[SEGMENT_COUNTER_frees], 1);
	snapshot_free(snapshot);
	fixture_remove(&settings);
}
END_TEST

START_TEST(a_missed_free_heals_when_the_address_returns)
{
	const struct stack_start caller = {.ip = 0x1001};
	void *block;

	start(1, MIB, 1);
	block = allocate(300, 1);
	/* It was freed behind our back, and the allocator gives it out again. */
	sampler_on_alloc(block, 200, 1, &caller);
	struct snapshot *snapshot = fixture_snapshot(&settings);

	ck_assert_uint_eq(snapshot->live.bytes, 200);
	ck_assert_uint_eq(snapshot->live.objects, 1);
	ck_assert_uint_eq(snapshot->counters[SEGMENT_COUNTER_stale_blocks], 1);
	snapshot_free(snapshot);
	release(block);
	ck_assert(!free_filter_may_contain(block));
	fixture_remove(&settings);
}
END_TEST

START_TEST(a_slow_path_that_interrupts_another_is_dropped_and_counted)
{
	start(1, MIB, 1);
	void *block = allocate(100, 1);

	thread_state.guard = UINTPTR_MAX; /* a slow path further up this stack */
	allocate(100, 2);
	release(block); /* no lock is held: the free can be recorded */
	thread_state.guard = 0;
	struct snapshot *snapshot = fixture_snapshot(&settings);

	ck_assert_uint_eq(snapshot->counters[SEGMENT_COUNTER_dropped_reentrant], 1);
	ck_assert_ptr_null(site_of(snapshot, 2));
	ck_assert_uint_eq(snapshot->live.bytes, 0);
	snapshot_free(snapshot);
	fixture_remove(&settings);
}
END_TEST

START_TEST(a_slow_path_left_by_longjmp_is_forgotten)
{
	start(1, MIB, 1);
	thread_state.guard = 16; /* a frame below ours: it is gone */
	allocate(100, 1);
	ck_assert_uint_eq(thread_state.guard, 0);
	struct snapshot *snapshot = fixture_snapshot(&settings);

	ck_assert_uint_eq(snapshot->counters[SEGMENT_COUNTER_samples], 1);
	snapshot_free(snapshot);
	fixture_remove(&settings);
}
END_TEST

static unsigned count_files(void)
{
	DIR *directory = opendir(settings.dir);
	unsigned n = 0;

	for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
		n += entry->d_name[0] != '.';
	closedir(directory);
	return n;
}

START_TEST(a_forked_child_has_a_segment_of_its_own)
{
	int status;

	start(1, MIB, 1);
	void *block = allocate(100, 1);
	const pid_t pid = fork();
	if (pid == 0) {
		release(block); /* the parent's: not known here */
		if (count_files() != 1)
			_exit(1); /* made at the first sample only */
		allocate(200, 2);
		_exit(count_files() == 2 ? 0 : 2);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	release(block);

	/* The parent's segment knows nothing of the child. */
	char own[700], other[700] = "";
	DIR *directory = opendir(settings.dir);
	snprintf(own, sizeof(own), ".%d.", getpid());
	for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
		char error[SNAPSHOT_ERROR_SIZE];
		struct snapshot *snapshot;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(other, sizeof(other), "%s/%s", settings.dir, entry->d_name);
		ck_assert_int_eq(snapshot_take(other, &snapshot, error), 0);
		const bool is_own = strstr(entry->d_name, own) != NULL;
		ck_assert_uint_eq(snapshot->allocated.bytes, is_own ? 100 : 200);
		ck_assert_uint_eq(snapshot->live.bytes, is_own ? 0 : 200);
		snapshot_free(snapshot);
		unlink(other);
	}
	closedir(directory);
	rmdir(settings.dir);
}
END_TEST

/* A signal handler that forks may interrupt an allocation at any place. */
START_TEST(a_sample_that_the_parent_began_is_not_charged_by_its_child)
{
	const struct stack_start caller = {.ip = 0x1001};
	void *const block = (void *)0x560000000000;

	start(1, MIB, 1);
	allocate(100, 2);
	const uint64_t interval = sampler_charge(100);
	const pid_t pid = fork();
	if (pid == 0) {
		sampler_on_alloc(block, 100, interval, &caller);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	struct snapshot *snapshot = fixture_snapshot(&settings);

	ck_assert_uint_eq(snapshot->pid, getpid());
	ck_assert_uint_eq(snapshot->allocated.objects, 1);
	ck_assert_ptr_null(site_of(snapshot, 1));
	snapshot_free(snapshot);
	fixture_remove(&settings);
}
END_TEST

UNIT_MAIN(a_sample_that_the_parent_began_is_not_charged_by_its_child,
	  exact_mode_records_every_allocation, nothing_is_made_before_the_first_sample,
	  errno_stays_as_it_was, estimates_are_unbiased_for_small_and_large_blocks,
	  estimates_stay_unbiased_when_the_interval_changes,
	  estimates_stay_unbiased_when_the_interval_changes_often,
	  estimates_stay_unbiased_when_the_table_is_thinned, a_full_stack_table_loses_no_bytes,
	  threads_drop_nothing_while_the_table_is_thinned, switching_off_keeps_following_frees,
	  a_dormant_process_can_be_woken, a_wish_that_was_followed_does_not_come_back,
	  a_block_put_back_after_a_failed_realloc_is_unchanged,
	  a_missed_free_heals_when_the_address_returns,
	  a_slow_path_that_interrupts_another_is_dropped_and_counted,
	  a_slow_path_left_by_longjmp_is_forgotten, a_forked_child_has_a_segment_of_its_own)
