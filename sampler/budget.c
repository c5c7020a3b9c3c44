/*
 * Making room. The live table: the interval is raised and every live sample is
 * kept with probability p_new / p_old and the weight 1 / p_new, which leaves all
 * sums unbiased. The stack table: nothing can be given up there, so the
 * interval is raised to slow its growth, and then stacks are cut shorter, so that
 * more of them fall together. What comes after that goes to the overflow stack.
 *
 * Context: inside malloc; one thread at a time, the others go on.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sampler/budget.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sampler/clock.h"
#include "sampler/free_filter.h"
#include "sampler/ledger.h"
#include "sampler/live_table.h"
#include "sampler/process.h"
#include "sampler/stack_table.h"

/* The live table is thinned when it is this full. */
enum { LIVE_PERCENT = 90 };
/* Doublings that are considered at once (the largest interval is 2^40, and must
 * not overflow), and which blocks are looked at for it. */
enum { DOUBLINGS = 23, EVERY_NTH_BLOCK = 61 };
/* How often a thread yields while another one makes room. */
enum { PATIENCE = 10000 };
/* Doubling an interval below this would not change what is sampled. */
enum { LEAST_RAISED_INTERVAL = 64 };

/* How full the stack table is when the interval is raised once more, and when
 * stacks are cut in half as well. */
static const struct {
	unsigned percent;
	bool cut;
} stack_stages[] = {{60, false}, {70, false}, {78, true}, {84, true}, {90, true}, {95, true}};
#define STACK_STAGES (sizeof(stack_stages) / sizeof(stack_stages[0]))

static _Atomic bool is_busy;
static _Atomic unsigned stack_stage;

void budget_new_segment(void)
{
	atomic_store(&is_busy, false);
	atomic_store(&stack_stage, 0);
}

static double keep_probability(const struct live_block *block, uint64_t interval)
{
	const double inverse_old = (double)block->weight.objects / (double)SEGMENT_ONE_OBJECT;
	const double inverse_new = sample_clock_inverse_probability(block->size, interval);

	return inverse_new > inverse_old ? inverse_old / inverse_new : 1;
}

struct outlook {
	uint64_t interval; /* the present one */
	uint64_t seen;
	uint64_t counted;
	double kept[DOUBLINGS]; /* expected, after 1, 2, ... doublings */
};

static void foresee(const struct live_block *block, struct sample_weight *weight, void *context)
{
	struct outlook *outlook = context;

	(void)weight;
	if (outlook->seen++ % EVERY_NTH_BLOCK != 0)
		return;
	outlook->counted++;
	for (int i = 0; i < DOUBLINGS; i++)
		outlook->kept[i] += keep_probability(block, outlook->interval << (i + 1));
}

/* The smallest doubling of the interval that should halve the live table. */
static uint64_t interval_that_halves(uint64_t interval)
{
	static struct outlook outlook; /* guarded by is_busy; too large for any stack */
	int i = 0;

	outlook = (struct outlook){.interval = interval};
	live_table_reweigh(foresee, &outlook);
	while (i < DOUBLINGS - 1 && outlook.kept[i] > 0.5 * outlook.counted)
		i++;
	return interval << (i + 1);
}

struct thinning {
	uint64_t interval;
	uint64_t random;
	uint64_t now_ns;
};

static void thin(const struct live_block *block, struct sample_weight *weight, void *context)
{
	struct thinning *thinning = context;
	const double keep = keep_probability(block, thinning->interval);
	const double u = (double)(sample_clock_random(&thinning->random) >> 11) * 0x1p-53;
	const struct sample_weight before = *weight;

	if (keep >= 1 || !ledger_open(true))
		return;
	*weight = u < keep ? sample_clock_weight(block->size, thinning->interval)
			   : (struct sample_weight){0, 0};
	ledger_reweigh(block->stack, before, *weight, thinning->now_ns);
	ledger_close();
	if (weight->objects == 0)
		free_filter_remove((const void *)(uintptr_t)block->address);
}

static void relieve_live_table(uint64_t interval)
{
	struct thinning thinning = {.interval = interval_that_halves(interval),
				    .random = process_next_seed(),
				    .now_ns = clock_now_ns()};

	/* First the interval, so that the table does not fill up meanwhile. */
	process_raise_interval(thinning.interval);
	segment_writer_count(SEGMENT_COUNTER_thinned_blocks, live_table_reweigh(thin, &thinning));
}

static void relieve_stack_table(uint64_t interval)
{
	const unsigned stage = atomic_fetch_add(&stack_stage, 1);

	process_raise_interval(interval < LEAST_RAISED_INTERVAL ? LEAST_RAISED_INTERVAL
								: 2 * interval);
	if (stack_stages[stage].cut)
		process_halve_depth();
}

void budget_check(void)
{
	const unsigned stage = atomic_load_explicit(&stack_stage, memory_order_relaxed);
	const bool live = live_table_is_fuller_than(LIVE_PERCENT);
	const bool stacks =
		stage < STACK_STAGES && stack_table_is_fuller_than(stack_stages[stage].percent);

	if (__builtin_expect(!live && !stacks, 1) || process_interval() == 0 ||
	    atomic_exchange(&is_busy, true))
		return;
	/* Another thread may have made room since the look above. */
	if (live_table_is_fuller_than(LIVE_PERCENT))
		relieve_live_table(process_interval());
	else if (stacks && stage == atomic_load(&stack_stage))
		relieve_stack_table(process_interval());
	atomic_store(&is_busy, false);
}

void budget_wait_for_room(void)
{
	budget_check();
	for (int i = 0; i < PATIENCE && atomic_load(&is_busy); i++)
		sched_yield();
}
