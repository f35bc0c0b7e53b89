/* Inside the label allocator: what its files share. Private to label_alloc.c and la_*.c.
 *
 * A set is the memory of one (tenant, context): chunks, their free runs of 8 KB blocks in bins by length, and the free
 * objects inside blocks in bins by size, all under the set's lock. Book-keeping lies inside the chunks: descriptors of
 * blocks in the chunk's header, sizes of objects in their own headers (boundary tags), so that freeing names no size.
 */
#ifndef RACEWASH_LA_PRIVATE_H
#define RACEWASH_LA_PRIVATE_H

#include "../mem_note.h"
#include "label_alloc.h"

enum {
    LA_UNIT = 16, /* two cells: every cost is a multiple of it */
    LA_PAYLOAD = LA_CHUNK - LA_CHUNK_HEADER,
    LA_BLOCKS = LA_PAYLOAD / LA_BLOCK,
    LA_UNITS = LA_BLOCK / LA_UNIT,
    LA_MIN_BYTES = 16,
    LA_MIN_UNITS = (LA_MIN_BYTES + LA_OBJ_HEADER + LA_OBJ_TAIL) / LA_UNIT
};

/* The allocator reads and writes headers and tails, which a heap oracle must hold against everybody else. The scheduled
 * runtime, which judges thread-instrumented code, knows it by its section: never inlined elsewhere. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LA_RAW __attribute__((noinline, section("rw_raw")))
#else
#define LA_RAW __attribute__((no_sanitize("address")))
#endif
#elif defined(__SANITIZE_THREAD__)
#define LA_RAW __attribute__((noinline, section("rw_raw")))
#else
#define LA_RAW __attribute__((no_sanitize_address))
#endif

typedef enum la_magic { LA_LIVE = 0x4C41A11E, LA_FREE = 0x4C41DEAD, LA_CHUNK_MAGIC = 0x4C41C403 } la_magic;

struct la_chunk;

/* An object, live or free. Free ones below LA_MIN_UNITS have the first 16 bytes only and wait for a neighbour. */
typedef struct la_obj {
    uint32_t magic;
    uint32_t units;      /* of its whole extent inside an 8 KB block; 0: whole blocks or a chunk */
    uint32_t prev_units; /* of the neighbour before it; 0: first of its block */
    uint8_t label, tenant, ctx, reserved;
    uint64_t n; /* bytes asked for */
    struct la_chunk *chunk;
    union {
        void *user; /* what the caller has: behind this header, or (malloc backing) in the process's heap */
        struct la_obj *next; /* in its bin */
    };
    union {
        struct la_obj *self; /* the 8 bytes before `user`, in both backings: how a free finds this header */
        struct la_obj *prev;
    };
} la_obj;

_Static_assert(sizeof(la_obj) == LA_OBJ_HEADER, "object header");

typedef enum la_run_kind { LA_RUN_FREE, LA_RUN_OBJECTS, LA_RUN_LARGE } la_run_kind;

typedef struct la_run { /* descriptor of one 8 KB block */
    uint16_t len;       /* blocks of the run, in the run's first and last descriptor */
    uint16_t at;        /* its own index */
    uint8_t kind;       /* la_run_kind, in the run's first and last descriptor */
    bool washed;        /* free, and its pages were given back to the system */
    struct la_run *next, *prev; /* in its bin, of a free run's first block */
} la_run;

/* Blocks: 2 MB of 8 KB blocks. Object: one object above a chunk's payload. Cache: one memory block. */
typedef enum la_chunk_kind { LA_CHUNK_BLOCKS, LA_CHUNK_OBJECT, LA_CHUNK_CACHE } la_chunk_kind;

typedef struct la_chunk {
    uint32_t magic;
    uint32_t kind;
    uint64_t bytes; /* taken from the memory source, header included */
    uint64_t n;     /* cache: bytes asked for */
    struct la_set *set;
    struct la_chunk *next, *prev; /* in the set's list of its kind */
    uint64_t washed;              /* bytes given back: what of `bytes` doesn't count against the limit */
    la_run runs[];                /* blocks: LA_BLOCKS of them */
} la_chunk;

_Static_assert(sizeof(la_chunk) + LA_BLOCKS * sizeof(la_run) <= LA_CHUNK_HEADER, "descriptors fit a chunk's header");

typedef struct la_set {
    prim_lock_t lock; /* guards what follows and everything inside the set's chunks */
    uint8_t tenant, ctx;
    la_chunk *chunks[LA_CHUNK_CACHE + 1]; /* by kind */
    la_run *runs[LA_BLOCKS + 1];          /* free runs by length */
    la_obj *objs[LA_UNITS + 1];           /* free objects by size; a size class is one size */
    uint64_t objs_used[LA_UNITS / 64 + 1]; /* bit u: objs[u] isn't empty */
    la_obj *last;                         /* remainder of the last split, if still free */
    int64_t free_cells, free_blocks;      /* bytes */
    int64_t chunk_cnt;
    la_account accounts[KV_LABEL_COUNT];
} la_set;

typedef struct la_tenant { /* bytes; read without a lock */
    _Alignas(64) _Atomic(uint64_t) limit;
    _Atomic(int64_t) counted; /* chunk bytes less what was washed: held against the limit */
    _Atomic(int64_t) washed;
    _Atomic(int64_t) cache_hold;
    _Atomic(int64_t) peak; /* of counted */
} la_tenant;

struct la_alloc {
    prim_mem *mem;
    const kv_env *env;
    kv_backing backing;
    bool noted; /* objects are announced: not in a shared arena, where a heap oracle of one process would judge by
                 * what it alone was told */
    la_sync_wash_fn wash;
    void *wash_arg;
    _Atomic(int64_t) refused; /* requests that could not be met */
    la_tenant tenants[KV_MAX_TENANT_NUM];
    la_set sets[KV_MAX_TENANT_NUM][LA_CTX_COUNT];
};

static inline uint64_t la_round(uint64_t n, uint64_t to) {
    return (n + to - 1) / to * to;
}

/* What n bytes cost with header and tail, before they are rounded up to whole blocks or pages. */
static inline uint64_t la_cost(uint64_t n) {
    return la_round((n > LA_MIN_BYTES ? n : LA_MIN_BYTES) + LA_OBJ_HEADER + LA_OBJ_TAIL, LA_UNIT);
}

/* Hold of an object of n bytes: cells, whole blocks, or the pages of its own chunk. The same wherever it is placed. */
static inline uint64_t la_hold(uint64_t n) {
    uint64_t cost = la_cost(n);
    return cost <= LA_BLOCK ? cost : la_round(cost, cost <= LA_PAYLOAD ? LA_BLOCK : PRIM_PAGE);
}

static inline char *la_payload(const la_chunk *c) {
    return (char *)c + LA_CHUNK_HEADER;
}

static inline la_chunk *la_chunk_of_run(la_run *run) {
    return (la_chunk *)(void *)((char *)(run - run->at) - offsetof(la_chunk, runs));
}

/* Count bytes against the tenant's limit, or say no. */
bool la_reserve(la_alloc *la, uint32_t tenant, uint64_t bytes);

/* ---- la_runs.c: blocks of chunks. Set lock held. ---- */

void la_chunk_link(la_set *set, la_chunk *c);
void la_chunk_unlink(la_set *set, la_chunk *c);
/* Describe the blocks of a fresh chunk and make them one free run of the set. */
void la_runs_add(la_set *set, la_chunk *c);
/* The start of `len` blocks by best fit; NULL: none free, or (then *lack > 0, bytes) free ones were washed and the limit
 * leaves no room to use them again. */
void *la_runs_take(la_alloc *la, la_set *set, uint32_t len, la_run_kind kind, la_chunk **chunk, uint64_t *lack);
/* Give the run that starts at p back. Returns the chunk, already unlinked, when all of it is free. */
la_chunk *la_runs_give(la_set *set, la_chunk *c, void *p);
/* Give the pages of every free block back to the system; bytes of it that still counted against the limit. */
uint64_t la_runs_wash(la_alloc *la, la_set *set);

/* ---- la_cells.c: objects inside 8 KB blocks. Set lock held. ---- */

/* Extent of `units`, its header's magic, units, prev_units and chunk set. NULL as for la_runs_take. */
la_obj *la_cells_take(la_alloc *la, la_set *set, uint32_t units, uint64_t *lack);
/* Returns the chunk, already unlinked, when this was its last block in use. */
la_chunk *la_cells_give(la_set *set, la_obj *o);

#endif
