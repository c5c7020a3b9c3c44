/*
 * Runs a program of known behaviour under the library again and again, each
 * time with another seed, and compares what is reported for each of its sites
 * with the truth: `accuracy_table LIBRARY PROGRAM PLUGIN INTERVAL SEEDS [SCALE]`.
 *
 * With INTERVAL 1 every number must equal the truth. Otherwise the mean over the
 * seeds must lie within three standard errors of the truth, the spread must be
 * the stated one, and the stated 95 % intervals must cover the truth as often
 * as they say. Prints a table in Markdown; exit status 1 when something is off.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exporter/profile.h"
#include "tests/accuracy/truth.h"

enum { METRICS = 6 };
/* Numbers with a larger stated error, relative to the number, rest on so few
 * samples, or on so few that weigh anything, that the error is itself a guess. */
#define LARGEST_ERROR 0.25

static const char *const metric_names[METRICS] = {"allocated bytes", "allocated objects",
						  "live bytes",	     "live objects",
						  "peak bytes",	     "peak objects"};

/* What was estimated, over all runs, for one number of one site. */
struct estimate {
	double sum, squares, variances, samples;
	unsigned runs, covered;
};

struct measured {
	double value[METRICS], variance[METRICS], samples[METRICS];
	double freed_objects;
};

static struct estimate estimates[TRUTH_SITES][METRICS];
static char directory[] = "/tmp/heaptide-accuracy-XXXXXX";
static unsigned failures;

static void die(const char *what)
{
	fprintf(stderr, "accuracy_table: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* ---- one run --------------------------------------------------------- */

static void set_number(const char *name, uint64_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	setenv(name, text, 1);
}

static void run_program(char **argv, const char *library, uint64_t interval, uint64_t seed)
{
	int status = 0;
	const pid_t pid = fork();

	if (pid == 0) {
		setenv("LD_PRELOAD", library, 1);
		setenv("HEAPTIDE_DIR", directory, 1);
		set_number("HEAPTIDE_INTERVAL", interval);
		set_number("HEAPTIDE_SEED", seed);
		execv(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("run");
	if (status != 0) {
		fprintf(stderr, "accuracy_table: %s ended with status %#x\n", argv[0], status);
		exit(2);
	}
}

static void read_truth(const char *path, struct truth *truth)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, truth, sizeof(*truth)) != sizeof(*truth))
		die(path);
	close(fd);
	if (truth->site_count > TRUTH_SITES) {
		errno = EBADMSG;
		die(path);
	}
}

/* Reads the segment of `pid` in the directory, and removes all that are there. */
static struct snapshot *take_segments(uint32_t pid, unsigned *segments)
{
	char path[700], mark[32], error[SNAPSHOT_ERROR_SIZE];
	struct snapshot *snapshot = NULL;
	DIR *entries = opendir(directory);

	snprintf(mark, sizeof(mark), ".%" PRIu32 ".", pid);
	if (!entries)
		die(directory);
	*segments = 0;
	for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
		if (!strstr(entry->d_name, SEGMENT_SUFFIX))
			continue;
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		if (strstr(entry->d_name, mark) && snapshot_take(path, &snapshot, error) != 0) {
			fprintf(stderr, "accuracy_table: %s\n", error);
			exit(2);
		}
		unlink(path);
		++*segments;
	}
	closedir(entries);
	return snapshot;
}

static bool calls(const struct profile *profile, const struct profile_sample *sample,
		  const char *function)
{
	for (uint32_t i = 0; i < sample->depth; i++) {
		const uint32_t at = profile->sample_locations[sample->first_location + i];
		const struct profile_location *location = &profile->locations[at];

		for (uint32_t l = 0; l < location->line_count; l++) {
			const uint32_t f = profile->lines[location->first_line + l].function;

			if (strcmp(profile->functions[f].system_name, function) == 0)
				return true;
		}
	}
	return false;
}

static void add_amount(struct measured *measured, int metric, const struct snapshot_amount *amount)
{
	measured->value[metric] += (double)amount->bytes;
	measured->variance[metric] += amount->bytes_variance;
	measured->samples[metric] += (double)amount->samples;
	measured->value[metric + 1] += (double)amount->objects;
	measured->variance[metric + 1] += amount->objects_variance;
	measured->samples[metric + 1] += (double)amount->samples;
}

static struct measured measure(const struct profile *profile, const char *site)
{
	struct measured measured = {0};

	for (size_t i = 0; i < profile->sample_count; i++) {
		const struct snapshot_stack *stack = profile->samples[i].stack;

		if (!calls(profile, &profile->samples[i], site))
			continue;
		add_amount(&measured, 0, &stack->allocated);
		add_amount(&measured, 2, &stack->live);
		add_amount(&measured, 4, &stack->peak);
		for (uint32_t b = 0; b < stack->bucket_count; b++)
			if (stack->buckets[b].kind == SEGMENT_HISTOGRAM_LIFETIME)
				measured.freed_objects += stack->buckets[b].objects;
	}
	return measured;
}

static void true_values(const struct truth_site *site, double *values)
{
	const uint64_t numbers[METRICS] = {site->allocated_bytes, site->allocated_objects,
					   site->live_bytes,	  site->live_objects,
					   site->peak_bytes,	  site->peak_objects};

	for (int m = 0; m < METRICS; m++)
		values[m] = (double)numbers[m];
}

static void compare_exactly(const struct truth_site *site, const struct measured *measured)
{
	double truth[METRICS];

	true_values(site, truth);
	for (int m = 0; m < METRICS; m++)
		if (measured->value[m] != truth[m] || measured->variance[m] != 0) {
			printf("not exact: %s, %s: %.0f, not %.0f\n", site->name, metric_names[m],
			       measured->value[m], truth[m]);
			failures++;
		}
	if (measured->freed_objects != (double)site->freed_objects) {
		printf("not exact: %s, freed objects: %.0f, not %" PRIu64 "\n", site->name,
		       measured->freed_objects, site->freed_objects);
		failures++;
	}
}

static void add_run(const struct truth_site *site, const struct measured *measured,
		    struct estimate *estimate)
{
	double truth[METRICS];

	true_values(site, truth);
	for (int m = 0; m < METRICS; m++, estimate++) {
		const double error = measured->value[m] - truth[m];

		estimate->sum += error;
		estimate->squares += error * error;
		estimate->variances += measured->variance[m];
		estimate->samples += measured->samples[m];
		estimate->covered += fabs(error) <= 1.96 * sqrt(measured->variance[m]);
		estimate->runs++;
	}
}

/* Runs the program once and adds what was reported to the estimates. */
static void run_once(char **argv, const char *library, uint64_t interval, uint64_t seed,
		     struct truth *truth)
{
	const struct profile_options options = {0};
	struct profile *profile;
	unsigned segments;

	run_program(argv, library, interval, seed);
	read_truth(argv[1], truth);
	struct snapshot *snapshot = take_segments(truth->pid, &segments);
	if (!snapshot || profile_new(snapshot, &options, &profile) != 0) {
		fprintf(stderr, "accuracy_table: no segment of %s\n", argv[0]);
		exit(2);
	}
	/* In exact mode the forked child has one too, and only one. */
	if (interval == 1 && segments != 2) {
		printf("not exact: %u segments for two processes\n", segments);
		failures++;
	}
	for (uint32_t s = 0; s < truth->site_count; s++) {
		const struct measured measured = measure(profile, truth->sites[s].name);

		if (interval == 1)
			compare_exactly(&truth->sites[s], &measured);
		add_run(&truth->sites[s], &measured, estimates[s]);
	}
	profile_free(profile);
	snapshot_free(snapshot);
}

/* ---- the verdict over all runs --------------------------------------- */

/* The peak of estimates is where the estimates are largest, so above the true
 * one on average: it has no unbiased estimate to be held to. */
enum { SAMPLED_METRICS = 4 };

static void print_row(const struct truth_site *site, const struct estimate *estimate, int metric)
{
	double truth[METRICS];
	const double runs = estimate->runs;
	const double bias = estimate->sum / runs;
	const double spread = sqrt((estimate->squares / runs - bias * bias) * runs / (runs - 1));
	const double stated = sqrt(estimate->variances / runs);

	true_values(site, truth);
	if (truth[metric] == 0)
		return;
	/* The error of the mean: from the stated variances, which judge_errors()
	 * checks; the spread of a few runs is a poor guess of it. */
	const double errors = stated > 0 ? bias / (stated / sqrt(runs)) : 0;
	printf("| %s | %s | %.0f | %.1f | %+.2f %% | %+.1f | %.1f %% | %.1f %% | %.0f %% |\n",
	       site->name, metric_names[metric], truth[metric], estimate->samples / runs,
	       100 * bias / truth[metric], errors, 100 * spread / truth[metric],
	       100 * stated / truth[metric], 100 * estimate->covered / runs);
	if (fabs(errors) > 3 && estimate->samples / runs >= 1) {
		printf("biased: %s, %s\n", site->name, metric_names[metric]);
		failures++;
	}
}

/* The ratios of the actual to the stated spread and the coverage, over all
 * numbers whose stated error can be held to its word. */
static void judge_errors(const struct truth *truth)
{
	double ratios = 0, covered = 0, runs = 0;
	unsigned numbers = 0;

	for (uint32_t s = 0; s < truth->site_count; s++)
		for (int m = 0; m < SAMPLED_METRICS; m++) {
			const struct estimate *estimate = &estimates[s][m];
			double values[METRICS];

			true_values(&truth->sites[s], values);
			if (estimate->variances == 0 ||
			    sqrt(estimate->variances / estimate->runs) > LARGEST_ERROR * values[m])
				continue;
			ratios += estimate->squares / estimate->variances;
			covered += estimate->covered;
			runs += estimate->runs;
			numbers++;
		}
	const double ratio = sqrt(ratios / numbers), coverage = 100 * covered / runs;

	printf("\nOver the %u numbers with a stated error of at most %.0f %%: actual / stated "
	       "spread "
	       "%.3f, 95 %% intervals cover the truth in %.1f %% of the runs.\n",
	       numbers, 100 * LARGEST_ERROR, ratio, coverage);
	failures += !(fabs(ratio - 1) <= 0.15) + !(coverage >= 92 && coverage <= 98);
}

static void print_table(const struct truth *truth, uint64_t interval, unsigned seeds)
{
	printf("\nSampling interval %" PRIu64 " bytes, %u seeds.\n\n", interval, seeds);
	printf("| site | number | truth | samples | bias | in standard errors | spread | "
	       "stated | covered |\n|---|---|--:|--:|--:|--:|--:|--:|--:|\n");
	for (uint32_t s = 0; s < truth->site_count; s++)
		for (int m = 0; m < SAMPLED_METRICS; m++)
			print_row(&truth->sites[s], &estimates[s][m], m);
	judge_errors(truth);
}

int main(int argc, char **argv)
{
	char truth_path[64];
	struct truth truth;

	if (argc < 6) {
		fputs("usage: accuracy_table LIBRARY PROGRAM PLUGIN INTERVAL SEEDS [SCALE]\n",
		      stderr);
		return 2;
	}
	if (!mkdtemp(directory))
		die(directory);
	snprintf(truth_path, sizeof(truth_path), "%s/truth", directory);
	char *program[] = {argv[2], truth_path, argv[3], argc > 6 ? argv[6] : "1", NULL};
	const uint64_t interval = strtoull(argv[4], NULL, 10);
	const unsigned seeds = strtoul(argv[5], NULL, 10);

	for (unsigned seed = 1; seed <= seeds; seed++)
		run_once(program, argv[1], interval, seed, &truth);
	unlink(truth_path);
	rmdir(directory);
	if (interval == 1)
		printf("Sampling interval 1: all %d numbers of %u sites equal the truth%s.\n",
		       METRICS + 1, truth.site_count, failures ? ", except these" : "");
	else
		print_table(&truth, interval, seeds);
	return failures ? 1 : 0;
}
