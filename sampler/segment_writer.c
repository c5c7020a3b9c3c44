/*
 * Makes the segment and takes space in it. The file is sparse: each region
 * grows in steps, and every step asks the kernel for its pages first
 * (MADV_POPULATE_WRITE reports a full file system instead of SIGBUS, and needs
 * no descriptor), so nothing stays open and nothing faults.
 *
 * Context: inside malloc. Raw system calls where the C library's function would
 * be a cancellation point.
 * Locks: LOCK_GROWTH while a region grows.
 * Invariant: claimed[r] <= populated[r] <= capacity of region r; nothing that
 * matters is read back from the header, whose words are for the reader.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "sampler/segment_writer.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "sampler/lock.h"
#include "sampler/sample_clock.h"
#include "sampler/segment_directory.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define MIB (UINT64_C(1) << 20)
#define SAMPLING_BUDGET (16 * MIB)
#define EXACT_BUDGET (1024 * MIB)
#define MIN_BUDGET MIB
#define SMALLEST_STEP (UINT64_C(8) << 10)
#define LARGEST_STEP MIB
/* After the kernel gave no page, it is asked again so much later: the exact mode
 * would ask at every allocation. */
#define CLAIMS_BETWEEN_TRIES 1000
/* The part of the address space limit that the segment may take. */
#define ADDRESS_SPACE_SHARE 16

static struct {
	struct segment_header *header;
	uint64_t size;
	bool grows; /* false: all space was taken at the start */
	uint64_t capacity[SEGMENT_REGION_COUNT];
	_Atomic uint64_t claimed[SEGMENT_REGION_COUNT];	  /* elements */
	_Atomic uint64_t populated[SEGMENT_REGION_COUNT]; /* elements; moves under `growth` */
	uint32_t waits[SEGMENT_REGION_COUNT]; /* guarded by growth: claims until the next try */
	void *region[SEGMENT_REGION_COUNT];
	struct lock growth;
	_Atomic uint64_t early_counters[SEGMENT_COUNTER_COUNT];
} writer;

/* ---- layout ---------------------------------------------------------- */

static const uint32_t element_sizes[SEGMENT_REGION_COUNT] = {
	[SEGMENT_THREADS] = sizeof(struct segment_thread),
	[SEGMENT_MODULES] = sizeof(struct segment_module),
	[SEGMENT_STRINGS] = 1,
	[SEGMENT_STACKS] = sizeof(struct segment_stack),
	[SEGMENT_FRAMES] = sizeof(uint64_t),
	[SEGMENT_BLOCKS] = sizeof(struct segment_block),
	[SEGMENT_HISTOGRAMS] = sizeof(struct segment_histogram_node),
};

/* Shares of the budget, in 64ths. At the default 16 MiB: 20 000 stacks of 26
 * frames, 99 000 live samples (a heap of 48 GiB at 512 KiB), 2 000 modules. */
static const uint32_t region_shares[SEGMENT_REGION_COUNT] = {
	[SEGMENT_THREADS] = 1,	  [SEGMENT_MODULES] = 1, [SEGMENT_STRINGS] = 1,
	[SEGMENT_STACKS] = 17,	  [SEGMENT_FRAMES] = 17, [SEGMENT_BLOCKS] = 18,
	[SEGMENT_HISTOGRAMS] = 9,
};

static uint64_t page_down(uint64_t n)
{
	return n & ~(uint64_t)(SEGMENT_PAGE_SIZE - 1);
}

static uint64_t page_up(uint64_t n)
{
	return page_down(n + SEGMENT_PAGE_SIZE - 1);
}

static void lay_out(struct segment_header *header, uint64_t budget)
{
	uint64_t offset = page_up(sizeof(*header));
	const uint64_t rest = budget - offset;

	for (int r = 0; r < SEGMENT_REGION_COUNT; r++) {
		const uint64_t bytes = page_down(rest / 64 * region_shares[r]);
		uint64_t capacity = bytes / element_sizes[r];

		/* Indices are 32 bits wide, and SEGMENT_NONE is none of them. */
		if (capacity >= SEGMENT_NONE)
			capacity = SEGMENT_NONE - 1;
		header->regions[r] = (struct segment_region){
			.offset = offset, .capacity = capacity, .element_size = element_sizes[r]};
		writer.capacity[r] = capacity;
		writer.region[r] = (char *)header + offset;
		offset += bytes;
	}
}

static uint64_t limit_of(int resource)
{
	struct rlimit limit;

	return getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY ? limit.rlim_cur
										   : UINT64_MAX;
}

/* What a segment may take of the file system of its directory: half of what is
 * free. The program, and others, may need the same space, and not survive that
 * it is gone: /dev/shm has 64 MiB in a container. */
static uint64_t space_for_segment(long directory)
{
	struct statfs system;

	if (fstatfs(directory, &system) != 0 || system.f_blocks == 0)
		return UINT64_MAX;
	return (uint64_t)system.f_bavail * system.f_bsize / 2;
}

/* The budget, made smaller where the process may not have files or an address
 * space of that size or there is no space for it; 0 when not even the smallest
 * segment fits. */
static uint64_t affordable_budget(const struct settings *settings, long directory)
{
	uint64_t budget = settings->budget;

	if (budget == 0)
		budget = settings->interval < SAMPLE_CLOCK_DENSE_BELOW ? EXACT_BUDGET
								       : SAMPLING_BUDGET;
	/* Writing past RLIMIT_FSIZE is not an error but a signal. */
	if (budget > limit_of(RLIMIT_FSIZE))
		budget = limit_of(RLIMIT_FSIZE);
	if (budget > limit_of(RLIMIT_AS) / ADDRESS_SPACE_SHARE)
		budget = limit_of(RLIMIT_AS) / ADDRESS_SPACE_SHARE;
	if (budget > space_for_segment(directory))
		budget = space_for_segment(directory);
	budget = page_down(budget);
	return budget >= MIN_BUDGET ? budget : 0;
}

/* ---- the file -------------------------------------------------------- */

/* Reads the start of a file into text[0 .. size - 1) and ends it with NUL.
 * Returns the number of bytes, 0 when it cannot be read. */
static size_t read_start(const char *path, char *text, size_t size)
{
	const long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	long n = 0;

	if (fd >= 0) {
		n = syscall(SYS_read, fd, text, size - 1);
		syscall(SYS_close, fd);
	}
	text[n > 0 ? n : 0] = '\0';
	return n > 0 ? n : 0;
}

/* Copies a text, cut if it must be, into a field that ends with NUL. */
static void copy_text(char *field, size_t size, const char *text)
{
	const size_t length = strnlen(text, size - 1);

	memcpy(field, text, length);
	field[length] = '\0';
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Maps a file of `size` bytes whose first pages are there. */
static int map_file(long fd, uint64_t size, struct segment_header **header)
{
	const size_t first = page_up(sizeof(**header));

	if (ftruncate(fd, size) != 0)
		return -errno;
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	writer.grows = true;
	if (madvise(memory, first, MADV_POPULATE_WRITE) == 0) {
		*header = memory;
		return 0;
	}
	/* A kernel before 5.14 cannot populate: take all the space now. */
	const bool is_old = errno == EINVAL;
	if (is_old && syscall(SYS_fallocate, fd, 0, 0, size) == 0) {
		writer.grows = false;
		*header = memory;
		return 0;
	}
	munmap(memory, size);
	return -ENOSPC;
}

/* Makes the file and maps it; leaves none behind when that fails. */
static int make_file(long directory, const char *command, uint64_t size,
		     struct segment_header **header)
{
	char name[SEGMENT_DIRECTORY_NAME];
	const long fd = segment_directory_create(directory, command, name);

	if (fd < 0)
		return fd;
	const int error = map_file(fd, size, header);
	if (error)
		syscall(SYS_unlinkat, directory, name, 0);
	syscall(SYS_close, fd);
	return error;
}

static uint64_t start_ticks(const char *stat)
{
	const char *p = strrchr(stat, ')'); /* comm may contain anything */
	uint64_t ticks = 0;

	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	for (p = p ? p + 1 : ""; *p >= '0' && *p <= '9'; p++)
		ticks = 10 * ticks + (*p - '0');
	return ticks;
}

static void describe_process(struct segment_header *header)
{
	/* Off the stack, of which 1 KiB may be left; one thread at a time makes
	 * the segment. */
	static char stat[1024];
	static struct utsname system;

	header->pid = getpid();
	header->parent_pid = getppid();
	header->uid = geteuid();
#if defined(__x86_64__)
	header->machine = EM_X86_64;
#else
	header->machine = EM_AARCH64;
#endif
	read_start("/proc/self/stat", stat, sizeof(stat));
	header->process_start_ticks = start_ticks(stat);
	header->start_realtime_ns = clock_ns(CLOCK_REALTIME);
	header->start_monotonic_ns = clock_ns(CLOCK_MONOTONIC);
	const size_t n = read_start("/proc/sys/kernel/random/boot_id", header->boot_id,
				    sizeof(header->boot_id));
	if (n > 0 && header->boot_id[n - 1] == '\n')
		header->boot_id[n - 1] = '\0';
	if (uname(&system) == 0)
		copy_text(header->host, sizeof(header->host), system.nodename);
	const ssize_t length =
		readlink("/proc/self/exe", header->executable, sizeof(header->executable) - 1);
	header->executable[length > 0 ? length : 0] = '\0';
	header->command_line_size = read_start("/proc/self/cmdline", header->command_line,
					       sizeof(header->command_line));
}

static void read_command(char *command, size_t size)
{
	const size_t n = read_start("/proc/self/comm", command, size);

	if (n > 0 && command[n - 1] == '\n')
		command[n - 1] = '\0';
}

int segment_writer_open(const struct settings *settings)
{
	struct segment_header *header = NULL;
	char command[sizeof(header->command) + 1];
	const long directory = segment_directory_open(settings->dir);

	if (directory < 0)
		return directory;
	segment_writer_count(SEGMENT_COUNTER_removed_segments,
			     segment_directory_make_room(directory));
	read_command(command, sizeof(command));
	const uint64_t budget = affordable_budget(settings, directory);
	const int error = budget ? make_file(directory, command, budget, &header) : -ENOSPC;
	syscall(SYS_close, directory);
	if (error)
		return error;

	header->version = SEGMENT_VERSION;
	header->header_size = sizeof(*header);
	header->segment_size = budget;
	copy_text(header->command, sizeof(header->command), command);
	copy_text(header->run_id, sizeof(header->run_id), settings->run_id);
	describe_process(header);
	header->budget_bytes = budget;
	header->start_interval = settings->interval;
	header->max_depth = settings->depth;
	header->unwinder = settings->unwinder;
	header->seed = settings->seed;
	header->allocator_name = SEGMENT_NONE;
	lay_out(header, budget);
	for (int i = 0; i < SEGMENT_COUNTER_COUNT; i++)
		header->counters[i] = atomic_exchange(&writer.early_counters[i], 0);
	if (!writer.grows)
		header->notices |= SEGMENT_NOTICE_NO_POPULATE;
	writer.size = budget;
	/* Pairs with the acquire in segment_writer_count(). */
	__atomic_store_n(&writer.header, header, __ATOMIC_RELEASE);
	return 0;
}

void segment_writer_publish(void)
{
	/* Pairs with the acquire in snapshot_take(). */
	atomic_store_explicit(&writer.header->magic, SEGMENT_MAGIC, memory_order_release);
}

void segment_writer_after_fork(void)
{
	if (writer.header)
		munmap(writer.header, writer.size);
	memset(&writer, 0, sizeof(writer));
}

struct segment_header *segment_writer_header(void)
{
	return __atomic_load_n(&writer.header, __ATOMIC_ACQUIRE);
}

void *segment_writer_region(enum segment_region_id region)
{
	return writer.region[region];
}

uint64_t segment_writer_capacity(enum segment_region_id region)
{
	return writer.capacity[region];
}

uint64_t segment_writer_claimed(enum segment_region_id region)
{
	return atomic_load_explicit(&writer.claimed[region], memory_order_acquire);
}

/* ---- taking space ---------------------------------------------------- */

/* How many bytes a region of `bytes` grows by. */
static uint64_t step_after(uint64_t bytes)
{
	if (bytes < 2 * SMALLEST_STEP)
		return SMALLEST_STEP;
	return bytes / 2 < LARGEST_STEP ? page_down(bytes / 2) : LARGEST_STEP;
}

/* Makes the pages of the region's first `count` elements present; called with
 * `growth` held. */
static bool populate(enum segment_region_id region, uint64_t count)
{
	const uint64_t element = element_sizes[region];
	const uint64_t end = page_up(writer.capacity[region] * element);
	const uint64_t present = page_up(atomic_load(&writer.populated[region]) * element);
	uint64_t wanted = page_up(count * element);

	if (wanted < present + step_after(present))
		wanted = present + step_after(present);
	if (wanted > end)
		wanted = end;
	if (writer.grows && wanted > present &&
	    madvise((char *)writer.region[region] + present, wanted - present,
		    MADV_POPULATE_WRITE) != 0) {
		COUNT(no_space);
		writer.waits[region] = CLAIMS_BETWEEN_TRIES;
		return false;
	}
	uint64_t elements = wanted / element;
	if (elements > writer.capacity[region])
		elements = writer.capacity[region];
	atomic_store(&writer.populated[region], elements);
	return elements >= count;
}

static bool grow(enum segment_region_id region, uint64_t count)
{
	bool is_there = false;

	if (count > writer.capacity[region] || !lock_take(&writer.growth))
		return false;
	if (atomic_load(&writer.populated[region]) >= count)
		is_there = true;
	else if (writer.waits[region] > 0)
		writer.waits[region]--;
	else
		is_there = populate(region, count);
	lock_release(&writer.growth);
	return is_there;
}

/* Raises the reader's count to `end`. Adding would let it fall short of a claim
 * that is complete while one below it is not, and hide its records. */
static void tell_reader(enum segment_region_id region, uint64_t end)
{
	_Atomic uint64_t *used = &writer.header->used[region];
	uint64_t before = atomic_load_explicit(used, memory_order_relaxed);

	while (before < end &&
	       !atomic_compare_exchange_weak_explicit(used, &before, end, memory_order_release,
						      memory_order_relaxed))
		;
}

uint64_t segment_writer_claim(enum segment_region_id region, uint64_t count)
{
	uint64_t first = atomic_load(&writer.claimed[region]);

	if (!segment_writer_header())
		return UINT64_MAX;
	do {
		if (first + count > atomic_load(&writer.populated[region]) &&
		    !grow(region, first + count))
			return UINT64_MAX;
	} while (!atomic_compare_exchange_weak(&writer.claimed[region], &first, first + count));
	tell_reader(region, first + count);
	return first;
}

uint32_t segment_writer_string(const char *text)
{
	const size_t size = strlen(text) + 1;
	const uint64_t offset = segment_writer_claim(SEGMENT_STRINGS, size);

	if (offset == UINT64_MAX)
		return SEGMENT_NONE;
	memcpy((char *)writer.region[SEGMENT_STRINGS] + offset, text, size);
	return offset;
}

void segment_writer_count(enum segment_counter_id counter, uint64_t n)
{
	struct segment_header *header = segment_writer_header();

	atomic_fetch_add_explicit(header ? &header->counters[counter]
					 : &writer.early_counters[counter],
				  n, memory_order_relaxed);
}
