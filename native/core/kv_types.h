/* Types that every component of the core shares: return codes, configuration, the embedding, the thread. */
#ifndef RACEWASH_KV_TYPES_H
#define RACEWASH_KV_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../atomics.h"
#include "../prim.h"

typedef struct kv_cache kv_cache;
typedef struct kv_handle kv_handle;
typedef struct kv_inst kv_inst;
typedef struct kv_node kv_node;
typedef struct kv_hazptr kv_hazptr;

typedef enum kv_rc {
    KV_OK = 0,
    KV_NO_MEMORY,    /* an allocation failed */
    KV_NO_HANDLE,    /* no memory-block handle: the pool is empty and nothing is left to supply */
    KV_EXISTS,       /* put-if-absent met the key */
    KV_NOT_FOUND,    /* no such key, instance or pair (any more) */
    KV_NO_SLOT,      /* hazard-version table full */
    KV_NO_HAZARD,    /* no hazard pointer can be allocated */
    KV_GONE,         /* the incarnation asked for has been retired */
    KV_TIMEOUT,      /* sync wash ran out of time */
    KV_NOT_ENOUGH,   /* sync wash could not free what was asked for */
    KV_OVERFLOW,     /* queue full */
    KV_BAD_STATE,    /* the object's status does not allow the operation */
    KV_INVALID,      /* argument out of range */
    KV_DELETED,      /* the instance is being dropped */
    KV_WRONG_OWNER,  /* freed to an allocator that did not make it */
    KV_RC_COUNT
} kv_rc;

enum {
    KV_MAX_CACHE_NUM = 32,
    KV_MAX_TENANT_NUM = 5, /* tenants are the dense numbers 0 .. 4; 0 is the server's own */
    KV_NAME_MAX = 32
};

typedef enum kv_policy { KV_LRU = 0, KV_LFU = 1, KV_POLICY_COUNT } kv_policy;
typedef enum kv_status { KV_FREE = 0, KV_USING = 1, KV_FULL = 2 } kv_status;

/* Layout switches, each chosen alone at creation: 0 is the layout before the pull request, 1 the one after. */
typedef enum kv_buckets_layout { KV_BUCKETS_FRAGMENTED = 0, KV_BUCKETS_CONTIGUOUS = 1 } kv_buckets_layout;
typedef enum kv_handles_layout { KV_HANDLES_FLAT = 0, KV_HANDLES_SEGMENTED = 1 } kv_handles_layout;
typedef enum kv_nodes_layout { KV_NODES_PER_INSTANCE = 0, KV_NODES_SHARED = 1 } kv_nodes_layout;
/* preallocated also means: current blocks, store sizes and wash targets per instance and tenant, as before. */
typedef enum kv_wash_layout { KV_WASH_PREALLOCATED = 0, KV_WASH_TEMPORARY = 1 } kv_wash_layout;
typedef enum kv_backing { KV_BACKING_CHUNKS = 0, KV_BACKING_MALLOC = 1 } kv_backing;
typedef enum kv_protect_mode { KV_PROTECT_HAZARD = 0, KV_PROTECT_REFCNT = 1 } kv_protect_mode;

/* Accounting labels, by the source's names where it has one. */
typedef enum kv_label {
    KV_L_MB_HANDLE = 0, /* CACHE_MB_HANDLE: handle array, its blocks, the pool's slots */
    KV_L_MAP_NODE,      /* CACHE_MAP_NODE */
    KV_L_MAP_BKT,       /* CACHE_MAP_BKT */
    KV_L_MAP_LOCK,      /* CACHE_MAP_LOCK */
    KV_L_INST,          /* CACHE_INST_MAP */
    KV_L_WASH,          /* KvstCachWashStr */
    KV_L_HAZ_PTR,       /* HazardPointer: 8 KB blocks of hazard pointers, shared holders, bitmap */
    KV_L_HAZ_VERSION,   /* HazardVersion */
    KV_L_QCLOCK,        /* QClock */
    KV_L_STATION,       /* RetireStation */
    KV_L_MB_LIST,       /* CACHE_MB_LIST */
    KV_L_CORE,          /* CACHE_CORE: facade and thread contexts */
    KV_L_CACHE,         /* KVSTORE_CACHE: memory blocks (cache hold) */
    KV_L_USER,          /* USER: objects the accounting suite allocates itself */
    KV_LABEL_COUNT
} kv_label;

extern const char *const kv_label_names[KV_LABEL_COUNT];
extern const char *const kv_rc_names[KV_RC_COUNT];

/* What the embedding provides. All function pointers may be NULL (then: prim clock, no faults, no reports). */
typedef struct kv_env {
    void *ctx;
    uint64_t (*now_us)(void *ctx);
    /* Fault seam: true makes this allocation fail. `site` is "file:line" of the allocation. */
    bool (*fail_alloc)(void *ctx, kv_label label, size_t size, const char *file, int line);
    /* Misuse that the core itself notices (broken tail magic, wrong owner): id names the invariant. */
    void (*report)(void *ctx, const char *id, const char *what, const char *file, int line);
} kv_env;

/* Microseconds by the embedding's clock, else the system's. env may be NULL. */
static inline uint64_t kv_now_us(const kv_env *env) {
    return env != NULL && env->now_us != NULL ? env->now_us(env->ctx) : prim_now_us();
}

/* Tell the embedding of misuse; it may not care. env may be NULL. */
static inline void kv_report(const kv_env *env, const char *id, const char *what, const char *file, int line) {
    if (env != NULL && env->report != NULL) {
        env->report(env->ctx, id, what, file, line);
    }
}

enum { KV_LINE = 64 }; /* bytes of a cache line */

/* The first line's start at or above p. What is to lie on lines is allocated with KV_LINE bytes to spare. */
static inline void *kv_line_up(void *p) {
    return (void *)(((uintptr_t)p + KV_LINE - 1) & ~(uintptr_t)(KV_LINE - 1));
}

/* Creation parameters; kv_config_default() fills the figures of the specification's chapter 2. */
typedef struct kv_config {
    uint64_t memory_limit;   /* bytes the server tenant may hold in chunks */
    uint64_t max_cache_size; /* bytes; gives the maximum of handles; 0: memory_limit */
    uint32_t block_size;     /* bytes of a memory block, its 32 B header included: 2 MB - 16 KB */
    uint32_t max_cpu;        /* 64 in the small build */
    uint32_t qclock_slots;   /* 0: max_cpu * 64 */
    uint32_t station_slots;  /* 0: max_cpu * 32 */
    uint32_t max_handles;    /* 0: max_cache_size / block_size + 2 * (1024 + 8 * qclock_slots) */
    uint32_t handles_per_block; /* 0: (8 KB - 256) / sizeof(handle) */
    uint32_t supply_num;     /* 128 */
    uint32_t retire_limit;   /* 8 */
    uint32_t wash_retire_limit; /* 1024, for the thread that ran the first wash */
    uint32_t bucket_num;     /* 0: by memory: 786433 before, 196613 after */
    uint32_t bucket_size;    /* pointers per allocation (before), per Bucket: 4096 */
    uint32_t lock_stripes;   /* bucket locks: bucket b is guarded by lock b % lock_stripes */
    uint32_t hv_slots;       /* 1024 */
    uint32_t hv_waiting;     /* 512 nodes */
    uint32_t hp_cache;       /* 128 */
    uint32_t hp_batch;       /* 64 */
    uint32_t hp_per_block;   /* 0: (7936 - 40) / 24 */
    uint32_t node_block_size; /* 64 KB - 256 */
    uint32_t sync_wash_timeout_us; /* 100000 */
    uint32_t sync_wash_steps; /* the time-out is checked every so many list steps: 512 */
    uint32_t max_threads;    /* thread contexts that may be attached at once: 128 */
    int64_t zero_score_millis; /* blocks with score * 1000 <= this are washed at once; 0 */
    kv_buckets_layout buckets;
    kv_handles_layout handles;
    kv_nodes_layout nodes;
    kv_wash_layout wash;
    kv_backing backing;
    kv_protect_mode protect;
} kv_config;

void kv_config_default(kv_config *cfg);

/* What a thread can hold that others wait for, or that keeps memory from being given back. */
typedef enum kv_held { KV_H_VERSION, KV_H_POINTER, KV_H_BUCKET, KV_H_WASH, KV_HELD_COUNT } kv_held;

/* A thread's context: made by kv_thread_attach, used by one thread at a time. Nothing of the core is
 * thread-local, so that fibers and forked processes work alike. */
typedef struct kv_thread {
    kv_cache *core;
    uint32_t id;      /* dense; where this thread starts to look for a slot */
    uint32_t no_wash; /* > 0: an allocation must fail rather than start a sync wash (it would nest) */
    kv_hazptr *hp_free; /* cache of hazard pointers, linked through their next */
    uint32_t hp_count;
    uint32_t washes; /* sync washes that its allocations have started */
    int32_t held[KV_HELD_COUNT]; /* so many of each, for whoever looks from outside; given to another: that one's */
    struct kv_thread *next; /* in the core's list of attached threads */
} kv_thread;

#endif
