/*
 * The layout of the segment: the shared file that a profiled process writes
 * and the heaptide command reads. This header is its only definition.
 *
 * The segment holds evidence only. The hash indices, locks and free lists with
 * which the writer finds its way are private to the writing process, so a
 * reader needs none of them and a forked child inherits none of them.
 *
 * Invariant: a record is filled first and published last, with a release store
 * of its state, address or magic word; a reader that loads that word with
 * acquire sees the whole record.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SAMPLER_SEGMENT_LAYOUT_H
#define SAMPLER_SEGMENT_LAYOUT_H

#include <stdatomic.h>
#include <stdint.h>

#define SEGMENT_MAGIC UINT64_C(0x6564697470616568) /* "heaptide", little endian */
#define SEGMENT_VERSION 1
#define SEGMENT_SUFFIX ".heaptide"
#define SEGMENT_PAGE_SIZE 4096

/* Objects are counted in fixed point: 1 object is 1 << SEGMENT_OBJECT_SHIFT. */
#define SEGMENT_OBJECT_SHIFT 16
#define SEGMENT_ONE_OBJECT (UINT64_C(1) << SEGMENT_OBJECT_SHIFT)

/* Stack 0 takes what no other stack record could be had for. */
#define SEGMENT_OVERFLOW_STACK 0
/* Thread 0 takes the threads that no other record could be had for. */
#define SEGMENT_OVERFLOW_THREAD 0
/* "No module", "no histogram node", "no string". */
#define SEGMENT_NONE UINT32_MAX

enum segment_region_id {
	SEGMENT_THREADS,    /* struct segment_thread */
	SEGMENT_MODULES,    /* struct segment_module */
	SEGMENT_STRINGS,    /* bytes; NUL-terminated strings, named by offset */
	SEGMENT_STACKS,	    /* struct segment_stack */
	SEGMENT_FRAMES,	    /* uint64_t return addresses, innermost first */
	SEGMENT_BLOCKS,	    /* struct segment_block: the sampled live blocks */
	SEGMENT_HISTOGRAMS, /* struct segment_histogram_node */
	SEGMENT_REGION_COUNT
};

enum segment_counter_id {
#define COUNTER(name, meaning) SEGMENT_COUNTER_##name,
#include "sampler/counters.def"
#undef COUNTER
	SEGMENT_COUNTER_COUNT
};
/* Room for counters that later versions add. */
#define SEGMENT_COUNTER_SLOTS 64

enum segment_unwinder { SEGMENT_UNWIND_TABLES, SEGMENT_UNWIND_FP, SEGMENT_UNWIND_LIBUNWIND };

enum segment_switch { SEGMENT_OFF, SEGMENT_ON };

/* Bits of segment_header.notices: what the reader must say in words. */
enum segment_notice {
	SEGMENT_NOTICE_OWN_MALLOC = 1 << 0,   /* the executable defines malloc itself */
	SEGMENT_NOTICE_BAD_OPTION = 1 << 1,   /* notice_text names the bad setting */
	SEGMENT_NOTICE_NO_POPULATE = 1 << 2,  /* old kernel: all space was taken at once */
	SEGMENT_NOTICE_NO_LIBUNWIND = 1 << 3, /* libunwind was asked for and not found */
};

struct segment_region {
	uint64_t offset;   /* from the start of the segment, page aligned */
	uint64_t capacity; /* elements */
	uint32_t element_size;
	uint32_t padding;
};

struct segment_header {
	_Atomic uint64_t magic; /* written last, with release; pairs with snapshot_take() */
	uint32_t version;
	uint32_t header_size;
	uint64_t segment_size;

	/* Which process. */
	uint32_t pid;
	uint32_t parent_pid;
	uint32_t uid;
	uint32_t machine;	      /* e_machine of the process: EM_X86_64, EM_AARCH64 */
	uint64_t process_start_ticks; /* field 22 of /proc/PID/stat */
	uint64_t start_realtime_ns;   /* the two clocks at one moment: when the segment was made */
	uint64_t start_monotonic_ns;
	char boot_id[40];
	char host[64];
	char run_id[32];	 /* of the `heaptide run` it descends from, or "" */
	char command[16];	 /* comm of the process */
	char executable[512];	 /* path, cut at the end when longer */
	char command_line[1024]; /* arguments, each ended by NUL; cut when longer */
	uint32_t command_line_size;
	uint32_t allocator_name; /* string: path of the object that has the real malloc */

	/* Settings that hold for the life of the segment. */
	uint64_t budget_bytes;
	uint64_t start_interval;
	uint32_t max_depth;
	uint32_t unwinder; /* enum segment_unwinder */
	uint64_t seed;

	/* Written by `heaptide ctl`, read by the process. A change counts once
	 * control_generation has moved (release; pairs with the acquire in
	 * sampler.c). */
	_Atomic uint64_t control_interval; /* bytes, 0: leave as it is */
	_Atomic uint32_t control_switch;   /* enum segment_switch */
	_Atomic uint32_t control_generation;

	/* What is in force. Written by the process only. */
	_Atomic uint64_t interval; /* bytes */
	_Atomic uint32_t active;   /* enum segment_switch */
	_Atomic uint32_t notices;  /* enum segment_notice, or-ed */
	char notice_text[256];
	_Atomic uint64_t off_since_ns; /* monotonic; 0 while on */
	_Atomic uint64_t off_total_ns; /* closed periods of being off */

	/* The totals of the live amounts over all stacks; guarded by the ledger lock. */
	_Atomic uint64_t live_bytes;
	_Atomic uint64_t live_objects; /* fixed point */
	_Atomic uint64_t peak_bytes;   /* the largest live_bytes so far */
	_Atomic uint64_t peak_epoch;   /* how often a new maximum was made */
	_Atomic uint64_t peak_monotonic_ns;
	_Atomic uint64_t last_sample_monotonic_ns;
	_Atomic uint32_t module_epoch; /* moves when a module comes or gives way */
	_Atomic uint32_t ended;	       /* 1 when the process came to its exit handlers */

	_Atomic uint64_t used[SEGMENT_REGION_COUNT]; /* elements handed out, per region */
	_Atomic uint64_t counters[SEGMENT_COUNTER_SLOTS];
	struct segment_region regions[SEGMENT_REGION_COUNT];
};

/* An unsigned 128-bit number. */
struct segment_wide {
	uint64_t low;
	uint64_t high;
};

/* A sum over samples, each with its Horvitz-Thompson weight 1/p. */
struct segment_amount {
	uint64_t bytes;	  /* sum of size / p */
	uint64_t objects; /* sum of 1 / p, fixed point */
	uint64_t samples;
	struct segment_wide bytes_variance;   /* sum of (size / p)^2 (1 - p) */
	struct segment_wide objects_variance; /* sum of (1 / p)^2 (1 - p), in squared fixed point */
};

enum segment_stack_flag {
	SEGMENT_STACK_TRUNCATED = 1 << 0,  /* outer frames were cut: depth limit */
	SEGMENT_STACK_INCOMPLETE = 1 << 1, /* the unwinder could not reach the root */
};

struct segment_stack {
	_Atomic uint32_t ready;	   /* 1: published */
	_Atomic uint32_t sequence; /* odd while the amounts are being written */
	uint64_t hash;
	uint32_t first_frame; /* index into SEGMENT_FRAMES */
	uint16_t depth;
	uint16_t flags;			 /* enum segment_stack_flag */
	uint32_t module_epoch;		 /* the largest first_epoch of its modules */
	_Atomic uint32_t histogram;	 /* first node, or SEGMENT_NONE */
	struct segment_amount allocated; /* since the start */
	struct segment_amount live;	 /* now */
	/* The live amount at the process's peak: `peak` when peak_epoch equals
	 * the header's, else `live`, which has not changed since that peak. */
	struct segment_amount peak;
	uint64_t peak_epoch;
};

struct segment_block {
	_Atomic uint64_t address; /* 0: not in use */
	uint64_t size;		  /* as asked for */
	uint64_t bytes;		  /* size / p */
	uint64_t objects;	  /* 1 / p, fixed point */
	uint64_t birth_monotonic_ns;
	uint32_t stack;
	uint32_t thread;
};

/* What a histogram node counts. */
enum segment_histogram_kind {
	SEGMENT_HISTOGRAM_SIZE,	    /* allocated blocks by size */
	SEGMENT_HISTOGRAM_LIFETIME, /* freed blocks by lifetime */
	SEGMENT_HISTOGRAM_KINDS
};

/*
 * Bucket 0 of the sizes is size 0; bucket b >= 1 holds 2^(b-1) <= size < 2^b.
 * Bucket b of the lifetimes holds 10 ms * 2^(b-21) <= lifetime < 10 ms * 2^(b-20),
 * and bucket 0 all below: so 10 ms, the usual limit of "temporary", is a border.
 */
#define SEGMENT_HISTOGRAM_BUCKETS 64
#define SEGMENT_LIFETIME_BORDER_NS UINT64_C(10000000)
#define SEGMENT_LIFETIME_BORDER_BUCKET 21
/* A number of nanoseconds that has 64 bits falls into one of so many buckets. */
#define SEGMENT_LIFETIME_BUCKETS 62

struct segment_histogram_node {
	_Atomic uint32_t next; /* node of the same stack, or SEGMENT_NONE */
	uint16_t kind;	       /* enum segment_histogram_kind */
	uint16_t bucket;
	uint64_t samples;
	uint64_t bytes;	  /* weighted */
	uint64_t objects; /* weighted, fixed point */
};

enum segment_module_state {
	SEGMENT_MODULE_EMPTY,
	SEGMENT_MODULE_LOADED,
	SEGMENT_MODULE_UNLOADED,
};

#define SEGMENT_BUILD_ID_MAX 32

struct segment_module {
	_Atomic uint32_t state; /* enum segment_module_state */
	uint32_t path;		/* string; "" is the main executable of unknown path */
	uint64_t start;		/* mapped range, page aligned */
	uint64_t end;
	uint64_t load_bias;  /* run-time address - ELF virtual address */
	uint64_t text_start; /* run-time address of the first executable PT_LOAD */
	uint64_t text_end;
	uint64_t text_offset; /* its file offset */
	uint64_t loaded_monotonic_ns;
	_Atomic uint64_t unloaded_monotonic_ns; /* when it was noticed; 0 while loaded */
	uint32_t first_epoch;	     /* stacks of these module epochs can hold its addresses */
	_Atomic uint32_t last_epoch; /* UINT32_MAX: nothing else was seen there */
	uint8_t build_id[SEGMENT_BUILD_ID_MAX];
	uint32_t build_id_size; /* 0: none */
	uint32_t padding;
};

struct segment_thread {
	_Atomic uint32_t tid; /* 0: not in use */
	uint32_t padding;
	char name[16];
	_Atomic uint64_t bytes;	  /* allocated by it, weighted */
	_Atomic uint64_t objects; /* fixed point */
	_Atomic uint64_t samples;
};

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2,
	       "words shared between processes must be lock-free: use another target");
_Static_assert(SEGMENT_COUNTER_COUNT <= SEGMENT_COUNTER_SLOTS,
	       "raise SEGMENT_COUNTER_SLOTS and SEGMENT_VERSION");
_Static_assert(sizeof(struct segment_header) <= 2 * SEGMENT_PAGE_SIZE,
	       "the header must stay within its two pages");
_Static_assert(sizeof(struct segment_amount) == 56 && sizeof(struct segment_stack) == 208 &&
		       sizeof(struct segment_block) == 48 &&
		       sizeof(struct segment_histogram_node) == 32 &&
		       sizeof(struct segment_module) == 120 && sizeof(struct segment_thread) == 48,
	       "the layout changed: raise SEGMENT_VERSION and renew the golden offsets");

#endif
