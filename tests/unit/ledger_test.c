/*
 * The sums, the peak and the histograms against a plain model of them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/ledger.h"

#include <math.h>

#include "sampler/stack_table.h"
#include "tests/unit/segment_fixture.h"
#include "tests/unit/unit.h"

#define MIB (UINT64_C(1) << 20)
#define MS UINT64_C(1000000)

static struct settings settings;

static void start(void)
{
	settings = fixture_settings(1, 16 * MIB);
	ck_assert_int_eq(segment_writer_open(&settings), 0);
	ck_assert(stack_table_new_segment());
	ck_assert(ledger_new_segment());
	segment_writer_claim(SEGMENT_THREADS, 1);
	segment_writer_header()->interval = settings.interval;
	segment_writer_publish();
}

static uint32_t stack(uint64_t n)
{
	return stack_table_intern(&(struct stack_table_key){.frames = &n, .depth = 1});
}

static void add(uint32_t index, uint64_t size, uint64_t interval)
{
	UNIT_CHECK(ledger_open(true));
	ledger_add(index, size, sample_clock_weight(size, interval), 1);
	ledger_close();
}

static void free_it(uint32_t index, uint64_t size, uint64_t interval, uint64_t lifetime_ns)
{
	UNIT_CHECK(ledger_open(true));
	ledger_free(index, sample_clock_weight(size, interval), lifetime_ns);
	ledger_close();
}

START_TEST(what_was_added_and_freed_leaves_no_trace)
{
	start();
	const uint32_t one = stack(1);

	for (uint64_t size = 1; size < 1000; size++)
		add(one, size * 997, 512 << 10);
	for (uint64_t size = 999; size > 0; size--)
		free_it(one, size * 997, 512 << 10, 1);
	struct snapshot *snapshot = fixture_snapshot(&settings);

	ck_assert_uint_eq(snapshot->stacks[one].live.bytes, 0);
	ck_assert_uint_eq(snapshot->stacks[one].live.objects, 0);
	ck_assert_uint_eq(snapshot->stacks[one].live.samples, 0);
	ck_assert_double_eq(snapshot->stacks[one].live.bytes_variance, 0);
	ck_assert_double_eq(snapshot->stacks[one].live.objects_variance, 0);
	ck_assert_uint_eq(snapshot->stacks[one].allocated.samples, 999);
	snapshot_free(snapshot);
	fixture_remove(&settings);
}
END_TEST

START_TEST(the_variance_is_the_sum_of_squared_weights_times_one_minus_p)
{
	const double p = -expm1(-100000.0 / (512 << 10));

	start();
	const uint32_t one = stack(1);

	for (int i = 0; i < 10; i++)
		add(one, 100000, 512 << 10);
	struct snapshot *snapshot = fixture_snapshot(&settings);
	const struct snapshot_amount *live = &snapshot->stacks[one].live;

	ck_assert_double_le(fabs(live->bytes_variance / (10 * 1e10 / p / p * (1 - p)) - 1), 1e-4);
	ck_assert_double_le(fabs(live->objects_variance / (10 / p / p * (1 - p)) - 1), 1e-4);
	snapshot_free(snapshot);
	fixture_remove(&settings);
}
END_TEST

START_TEST(an_exact_block_has_no_variance)
{
	start();
	const uint32_t one = stack(1);

	add(one, 12345, 1);
	struct snapshot *snapshot = fixture_snapshot(&settings);

	ck_assert_uint_eq(snapshot->live.bytes, 12345);
	ck_assert_uint_eq(snapshot->live.objects, 1);
	ck_assert_double_eq(snapshot->live.bytes_variance, 0);
	snapshot_free(snapshot);
	fixture_remove(&settings);
}
END_TEST

/* Random allocations and frees of a few stacks; the model remembers what each
 * stack held when the total was largest. */
START_TEST(the_peak_is_what_each_stack_held_at_the_largest_total)
{
	enum { STACKS = 5, STEPS = 20000 };
	uint64_t live[STACKS] = {0}, peak[STACKS] = {0}, total = 0, largest = 0;
	uint32_t index[STACKS];
	uint64_t random = 11;

	start();
	for (int i = 0; i < STACKS; i++)
		index[i] = stack(100 + i);
	for (int step = 0; step < STEPS; step++) {
		const int i = sample_clock_random(&random) % STACKS;

		if (live[i] >= 64 && sample_clock_random(&random) % 2) {
			free_it(index[i], 64, 1, 1);
			live[i] -= 64;
			total -= 64;
		} else {
			add(index[i], 64, 1);
			live[i] += 64;
			total += 64;
		}
		if (total > largest) {
			largest = total;
			memcpy(peak, live, sizeof(peak));
		}
	}
	struct snapshot *snapshot = fixture_snapshot(&settings);

	ck_assert_uint_eq(snapshot->peak_bytes, largest);
	ck_assert_uint_eq(snapshot->peak.bytes, largest);
	for (int i = 0; i < STACKS; i++) {
		ck_assert_uint_eq(snapshot->stacks[index[i]].peak.bytes, peak[i]);
		ck_assert_uint_eq(snapshot->stacks[index[i]].live.bytes, live[i]);
	}
	snapshot_free(snapshot);
	fixture_remove(&settings);
}
END_TEST

/* Samples in the bucket of that kind, over all stacks. */
static uint64_t in_bucket(const struct snapshot *snapshot, unsigned kind, unsigned bucket)
{
	uint64_t samples = 0;

	for (size_t i = 0; i < snapshot->stack_count; i++)
		for (uint32_t b = 0; b < snapshot->stacks[i].bucket_count; b++)
			if (snapshot->stacks[i].buckets[b].kind == kind &&
			    snapshot->stacks[i].buckets[b].bucket == bucket)
				samples += snapshot->stacks[i].buckets[b].samples;
	return samples;
}

START_TEST(sizes_and_lifetimes_fall_into_their_buckets)
{
	static const struct {
		uint64_t lifetime_ns;
		unsigned bucket;
	} lifetimes[] = {{0, 0},	  {10 * MS - 1, 20}, {10 * MS, 21}, {20 * MS - 1, 21},
			 {20 * MS, 22},	  {40 * MS, 23},     {5 * MS, 20},  {5 * MS - 1, 19},
			 {10240 * MS, 31}};
	static const struct {
		uint64_t size;
		unsigned bucket;
	} sizes[] = {{0, 0}, {1, 1},	 {2, 2},     {3, 2},
		     {4, 3}, {1023, 10}, {1024, 11}, {UINT64_C(1) << 62, 63}};

	start();
	for (unsigned i = 0; i < sizeof(lifetimes) / sizeof(lifetimes[0]); i++) {
		const uint32_t one = stack(1000 + i);

		add(one, 1, 1);
		free_it(one, 1, 1, lifetimes[i].lifetime_ns);
		struct snapshot *snapshot = fixture_snapshot(&settings);
		const struct snapshot_stack *record = &snapshot->stacks[one];

		ck_assert_uint_eq(record->bucket_count, 2);
		ck_assert_uint_eq(record->buckets[0].kind + record->buckets[1].kind,
				  SEGMENT_HISTOGRAM_LIFETIME);
		for (int b = 0; b < 2; b++)
			if (record->buckets[b].kind == SEGMENT_HISTOGRAM_LIFETIME)
				ck_assert_uint_eq(record->buckets[b].bucket, lifetimes[i].bucket);
		snapshot_free(snapshot);
	}
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct snapshot *before = fixture_snapshot(&settings);

		add(stack(1), sizes[i].size, 1);
		struct snapshot *after = fixture_snapshot(&settings);

		ck_assert_uint_eq(in_bucket(after, SEGMENT_HISTOGRAM_SIZE, sizes[i].bucket),
				  in_bucket(before, SEGMENT_HISTOGRAM_SIZE, sizes[i].bucket) + 1);
		snapshot_free(before);
		snapshot_free(after);
	}
	fixture_remove(&settings);
}
END_TEST

START_TEST(reweighing_changes_the_live_amount_alone)
{
	const struct sample_weight before = sample_clock_weight(64, 1024);
	const struct sample_weight after = sample_clock_weight(64, 4096);

	start();
	const uint32_t one = stack(1);

	add(one, 64, 1024);
	ck_assert(ledger_open(true));
	ledger_reweigh(one, before, after, 1);
	ledger_close();
	struct snapshot *snapshot = fixture_snapshot(&settings);

	ck_assert_uint_eq(snapshot->stacks[one].live.bytes, after.bytes);
	ck_assert_uint_eq(snapshot->stacks[one].allocated.bytes, before.bytes);
	snapshot_free(snapshot);
	ck_assert(ledger_open(true));
	ledger_reweigh(one, after, (struct sample_weight){0, 0}, 1);
	ledger_close();
	snapshot = fixture_snapshot(&settings);
	ck_assert_uint_eq(snapshot->live.bytes, 0);
	ck_assert_uint_eq(snapshot->live.samples, 0);
	snapshot_free(snapshot);
	fixture_remove(&settings);
}
END_TEST

START_TEST(a_stack_index_that_others_have_overwritten_is_charged_to_the_overflow_stack)
{
	start();
	add(UINT32_MAX, 64, 1);
	free_it(123456, 64, 1, 1);
	struct snapshot *snapshot = fixture_snapshot(&settings);

	ck_assert_uint_eq(snapshot->stacks[SEGMENT_OVERFLOW_STACK].allocated.bytes, 64);
	ck_assert_uint_eq(snapshot->live.bytes, 0);
	snapshot_free(snapshot);
	fixture_remove(&settings);
}
END_TEST

UNIT_MAIN(a_stack_index_that_others_have_overwritten_is_charged_to_the_overflow_stack,
	  what_was_added_and_freed_leaves_no_trace,
	  the_variance_is_the_sum_of_squared_weights_times_one_minus_p,
	  an_exact_block_has_no_variance, the_peak_is_what_each_stack_held_at_the_largest_total,
	  sizes_and_lifetimes_fall_into_their_buckets, reweighing_changes_the_live_amount_alone)
