/*
 * Copies a segment while its process writes it.
 *
 * Records refer to records of other regions: a block to its stack and thread, a
 * stack to frames and histogram nodes, a module to strings. The writer
 * publishes what is referred to first, so the regions are copied in the
 * opposite order, each with a `used` count read just before it: whatever a
 * copied record refers to is in the copy.
 *
 * A record that changes in place is read three times. The copy in the middle
 * counts when the words that announce a change were the same before and after
 * it. The kernel copies aligned words whole, and the fence after each read
 * keeps the three in order. A process killed in the middle of a write leaves
 * such a record for good: patience has an end, then it is taken as it is.
 *
 * Context: the reader process.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "sampler/snapshot_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sampler/snapshot.h"

/* Where the bytes come from: a file, or memory when fd is -1. */
struct source {
	int fd;
	const unsigned char *bytes;
	uint64_t size;
	const char *name;
	char *error;
	int patience; /* naps left for records that are being written */
};

#define CHUNK_SIZE 32768
#define HURRIED_TRIES 16
#define PATIENCE 400
#define NAP_NS 50000
/* Far above any budget; keeps sums of sizes within 64 bits. */
#define SIZE_MAX_SANE (UINT64_C(1) << 48)

struct region_kind {
	const char *name;
	uint32_t element_size;
	/* Whether nothing was written between two readings of a record;
	 * NULL: such records do not change once they are published. */
	bool (*steady)(const void *before, const void *after);
};

static bool stack_steady(const void *before, const void *after)
{
	const struct segment_stack *a = before, *b = after;

	return a->sequence == b->sequence && a->sequence % 2 == 0;
}

/* A slot that was emptied and filled again has another time of birth. */
static bool block_steady(const void *before, const void *after)
{
	const struct segment_block *a = before, *b = after;

	return a->address == b->address && a->birth_monotonic_ns == b->birth_monotonic_ns;
}

static const struct region_kind kinds[SEGMENT_REGION_COUNT] = {
	[SEGMENT_THREADS] = {"threads", sizeof(struct segment_thread), NULL},
	[SEGMENT_MODULES] = {"modules", sizeof(struct segment_module), NULL},
	[SEGMENT_STRINGS] = {"strings", 1, NULL},
	[SEGMENT_STACKS] = {"stacks", sizeof(struct segment_stack), stack_steady},
	[SEGMENT_FRAMES] = {"frames", sizeof(uint64_t), NULL},
	[SEGMENT_BLOCKS] = {"blocks", sizeof(struct segment_block), block_steady},
	[SEGMENT_HISTOGRAMS] = {"histograms", sizeof(struct segment_histogram_node), NULL},
};

/* What refers to others before what is referred to. */
static const enum segment_region_id copy_order[SEGMENT_REGION_COUNT] = {
	SEGMENT_BLOCKS,	    SEGMENT_THREADS, SEGMENT_STACKS,  SEGMENT_FRAMES,
	SEGMENT_HISTOGRAMS, SEGMENT_MODULES, SEGMENT_STRINGS,
};

__attribute__((format(printf, 3, 4))) static int fail(const struct source *source, int code,
						      const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(source->error, SNAPSHOT_ERROR_SIZE, format, arguments);
	va_end(arguments);
	return -code;
}

static int fail_short(const struct source *source, uint64_t have, uint64_t want)
{
	return fail(source, EBADMSG, "%.150s is cut short: it has %" PRIu64 " bytes of %" PRIu64,
		    source->name, have, want);
}

static int read_at(const struct source *source, uint64_t offset, void *buffer, size_t length)
{
	const uint64_t end = offset + length;
	unsigned char *to = buffer;

	if (offset > source->size || length > source->size - offset)
		return fail_short(source, source->size, end);
	if (source->fd < 0) {
		memcpy(buffer, source->bytes + offset, length);
		return 0;
	}
	while (length > 0) {
		const ssize_t n = pread(source->fd, to, length, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(source, errno, "cannot read %.150s: %s", source->name,
				    strerror(errno));
		if (n == 0)
			return fail_short(source, offset, end);
		to += n;
		offset += (uint64_t)n;
		length -= (size_t)n;
	}
	/* The loads of this reading come before those of the next one; pairs
	 * with the writer's release stores of whatever publishes a record. */
	atomic_thread_fence(memory_order_acquire);
	return 0;
}

static int check_region(const struct source *source, const struct segment_header *header,
			enum segment_region_id id)
{
	const struct segment_region *region = &header->regions[id];

	if (region->element_size != kinds[id].element_size)
		return fail(source, EBADMSG, "%.150s is damaged: elements of %u bytes in its %s",
			    source->name, region->element_size, kinds[id].name);
	if (region->offset % sizeof(uint64_t) != 0 || region->offset < header->header_size ||
	    region->offset > header->segment_size ||
	    region->capacity > (header->segment_size - region->offset) / region->element_size)
		return fail(source, EBADMSG, "%.150s is damaged: its %s lie outside of it",
			    source->name, kinds[id].name);
	return 0;
}

static int check_header(const struct source *source, const struct segment_header *header)
{
	int result = 0;

	if (header->header_size < sizeof(*header) || header->segment_size < header->header_size ||
	    header->segment_size > SIZE_MAX_SANE)
		return fail(source, EBADMSG, "%.150s is damaged: it gives impossible sizes",
			    source->name);
	if (source->size < header->segment_size)
		return fail_short(source, source->size, header->segment_size);
	if (header->interval == 0 || header->start_interval == 0)
		return fail(source, EBADMSG, "%.150s is damaged: it gives no sampling interval",
			    source->name);
	if (header->unwinder > SEGMENT_UNWIND_LIBUNWIND)
		return fail(source, EBADMSG, "%.150s is damaged: it names no known unwinder",
			    source->name);
	for (int i = 0; i < SEGMENT_REGION_COUNT && result == 0; i++)
		result = check_region(source, header, (enum segment_region_id)i);
	return result;
}

static int read_header(const struct source *source, struct segment_header *header)
{
	uint64_t magic = 0;
	uint32_t version;
	int result = 0;

	if (source->size >= sizeof(magic))
		result = read_at(source, 0, &magic, sizeof(magic));
	if (result < 0)
		return result;
	if (magic != SEGMENT_MAGIC)
		return fail(source, EBADMSG, "%.150s is not a heaptide segment", source->name);
	/* Another version may have another size of header. */
	result = read_at(source, offsetof(struct segment_header, version), &version,
			 sizeof(version));
	if (result < 0)
		return result;
	if (version != SEGMENT_VERSION)
		return fail(source, EPROTONOSUPPORT,
			    "%.150s has segment version %u, and this heaptide reads version %u",
			    source->name, version, SEGMENT_VERSION);
	result = read_at(source, 0, header, sizeof(*header));
	return result < 0 ? result : check_header(source, header);
}

/* Reads a kind that can be unsteady three times, others once. */
static int read_records(const struct source *source, const struct region_kind *kind,
			uint64_t offset, size_t length, unsigned char *to, unsigned char *before,
			unsigned char *after)
{
	int result = 0;

	if (kind->steady != NULL)
		result = read_at(source, offset, before, length);
	if (result == 0)
		result = read_at(source, offset, to, length);
	if (result == 0 && kind->steady != NULL)
		result = read_at(source, offset, after, length);
	return result;
}

/* Reads one record until it comes out whole or patience ends. */
static int reread_record(struct source *source, const struct region_kind *kind, uint64_t offset,
			 unsigned char *to)
{
	const struct timespec nap = {.tv_nsec = NAP_NS};
	_Alignas(8) unsigned char before[sizeof(struct segment_stack)];
	_Alignas(8) unsigned char after[sizeof(struct segment_stack)];

	for (int tries = 1;; tries++) {
		const int result =
			read_records(source, kind, offset, kind->element_size, to, before, after);

		if (result < 0 || kind->steady(before, after))
			return result;
		if (tries < HURRIED_TRIES)
			continue;
		/* Memory that nobody writes stays as it is. */
		if (source->fd < 0 || source->patience-- <= 0)
			return 0;
		nanosleep(&nap, NULL);
	}
}

static int copy_chunk(struct source *source, const struct region_kind *kind, uint64_t offset,
		      size_t length, unsigned char *to)
{
	_Alignas(8) unsigned char before[CHUNK_SIZE], after[CHUNK_SIZE];
	int result;

	/* A hole reads as zeros, which the copy holds already. Skipping it keeps
	 * a small file that claims to be large from costing memory. */
	if (source->fd >= 0) {
		const off_t data = lseek(source->fd, (off_t)offset, SEEK_DATA);

		if ((data < 0 && errno == ENXIO) || data >= (off_t)(offset + length))
			return 0;
	}
	result = read_records(source, kind, offset, length, to, before, after);
	if (result < 0 || kind->steady == NULL)
		return result;
	for (size_t i = 0; i < length && result == 0; i += kind->element_size) {
		if (!kind->steady(before + i, after + i))
			result = reread_record(source, kind, offset + i, to + i);
	}
	return result;
}

static int copy_region(struct source *source, struct snapshot_copy *copy, enum segment_region_id id)
{
	const struct segment_region *region = &copy->header.regions[id];
	const struct region_kind *kind = &kinds[id];
	const size_t chunk = CHUNK_SIZE / kind->element_size * kind->element_size;
	uint64_t used, size;
	int result;

	result = read_at(source, offsetof(struct segment_header, used) + (size_t)id * sizeof(used),
			 &used, sizeof(used));
	if (result < 0)
		return result;
	/* A writer that found its region full may have counted past the end. */
	if (used > region->capacity)
		used = region->capacity;
	if (used >= UINT32_MAX)
		used = UINT32_MAX - 1;
	size = used * kind->element_size;
	copy->records[id] = calloc(1, size > 0 ? size : 1);
	if (copy->records[id] == NULL)
		return fail(source, ENOMEM, "not enough memory for a copy of %.150s", source->name);
	copy->counts[id] = used;
	for (uint64_t at = 0; at < size && result == 0; at += chunk)
		result = copy_chunk(source, kind, region->offset + at,
				    size - at < chunk ? size - at : chunk,
				    (unsigned char *)copy->records[id] + at);
	return result;
}

static int copy_all(struct source *source, struct snapshot_copy *copy)
{
	int result = read_header(source, &copy->header);

	for (int i = 0; i < SEGMENT_REGION_COUNT && result == 0; i++)
		result = copy_region(source, copy, copy_order[i]);
	return result;
}

static int open_source(struct source *source, int flags)
{
	struct stat status;

	/* Without O_NONBLOCK, opening a pipe would wait for its other end. */
	source->fd = open(source->name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (source->fd < 0 && errno == ELOOP)
		return fail(source, ELOOP, "%.150s is a symbolic link: give the file itself",
			    source->name);
	if (source->fd < 0)
		return fail(source, errno, "cannot open %.150s: %s", source->name, strerror(errno));
	if (fstat(source->fd, &status) < 0)
		return fail(source, errno, "cannot read %.150s: %s", source->name, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return fail(source, EBADMSG,
			    "%.150s is not a heaptide segment: it is no regular file",
			    source->name);
	source->size = (uint64_t)status.st_size;
	return 0;
}

int snapshot_copy_open(const char *path, int flags, struct segment_header *header, char *error)
{
	struct source source = {.fd = -1, .name = path, .error = error};
	int result = open_source(&source, flags);

	if (result == 0)
		result = read_header(&source, header);
	if (result == 0)
		return source.fd;
	if (source.fd >= 0)
		close(source.fd);
	return result;
}

int snapshot_copy_file(const char *path, struct snapshot_copy *copy, char *error)
{
	struct source source = {.fd = -1, .name = path, .error = error, .patience = PATIENCE};
	int result;

	memset(copy, 0, sizeof(*copy));
	result = open_source(&source, O_RDONLY);
	if (result == 0)
		result = copy_all(&source, copy);
	if (source.fd >= 0)
		close(source.fd);
	return result;
}

int snapshot_copy_bytes(const void *bytes, size_t size, struct snapshot_copy *copy, char *error)
{
	struct source source = {
		.fd = -1, .bytes = bytes, .size = size, .name = "the file", .error = error};

	memset(copy, 0, sizeof(*copy));
	return copy_all(&source, copy);
}

void snapshot_copy_fini(struct snapshot_copy *copy)
{
	for (int i = 0; i < SEGMENT_REGION_COUNT; i++)
		free(copy->records[i]);
}
