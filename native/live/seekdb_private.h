/* The seekdb adapter's own: a core around a store of the database, its threads, and access to foreign memory. */
#ifndef RACEWASH_SEEKDB_PRIVATE_H
#define RACEWASH_SEEKDB_PRIVATE_H

#include "../atomics.h"
#include "../core/kv_types.h"
#include "../prim.h"
#include "../target/target.h"
#include "seekdb_api.h"
#include "seekdb_layout.h"

/* clang-format off */
/* X(id, when, claim) */
#define SK_INVARIANTS(X)                                                                                               \
    X(I3, RW_INSTANT | RW_QUIESCENT, "The number of handles supplied never falls and never exceeds the maximum.")      \
    X(I4, RW_INSTANT | RW_QUIESCENT, "A handle is in one thread's hands, pool, block list or retire station at most.") \
    X(I5, RW_INSTANT | RW_QUIESCENT, "A handle whose status isn't FREE has a memory block.")                           \
    X(I6, RW_INSTANT, "A protected incarnation's block isn't freed and its pairs don't change.")                       \
    X(I7, RW_INSTANT | RW_QUIESCENT, "A block's bump position is at most its payload; its pairs don't overlap.")       \
    X(I8, RW_INSTANT | RW_QUIESCENT, "A handle's incarnation number never falls.")                                     \
    X(Q1, RW_QUIESCENT, "Pool, block lists and retire station together hold every supplied handle, each once.")        \
    X(Q2, RW_QUIESCENT, "Each instance's size and policy counts are those of the blocks it holds.")                    \
    X(Q6, RW_QUIESCENT, "No hazard pointer is set but those that threads still hold.")                                 \
    X(Q8, RW_DESTROYED, "A private store gives back every memory block of its tenant when it is destroyed.")           \
    X(Q9, RW_QUIESCENT, "Retired bytes and the station's counts are those of their lists.")                            \
    X(L1, RW_QUIESCENT, "While no handle was given back yet, an allocation fails for want of one only if none is left.") \
    X(C1, RW_INSTANT, "An operation ends as one of the codes that its contract names.")
/* clang-format on */

#define NUMBER(id, when, claim) SK_##id,
typedef enum sk_invariant { SK_INVARIANTS(NUMBER) SK_COUNT } sk_invariant;
#undef NUMBER

enum { SK_SLOTS = 4, SK_CACHES = 2, SK_VIOLATIONS = 64, SK_TENANT_PRIVATE = 2, SK_TENANT_LIVE = 1 };

/* What tells the store which tenants there are and how much memory each may hold: an interface (ObITenantMemLimitGetter)
 * that whoever embeds the cache implements. A C++ object of that class begins with the address of its functions. */
typedef struct sk_limits {
    void (*const *functions)(void);
    uint64_t tenant;
    int64_t whole;           /* bytes, while nothing is to be washed */
    _Atomic(int64_t) limit;
} sk_limits;

typedef struct sk_mb { /* a USING block in a thread's hands */
    void *handle;      /* NULL: the slot is empty */
    void *block;
    int64_t seq;
    int64_t pairs;
} sk_mb;

typedef struct sk_hold { /* a protection in a thread's hands */
    _Alignas(16) char holder[SK_HOLDER_BYTES];
    void *handle; /* NULL: empty */
    void *block;
    int64_t seq;
} sk_hold;

struct rw_core {
    const sk_api *api;
    char *store; /* private: room of our own; live: the database's */
    char *insts;
    char *domain;
    char *station;
    bool live, closed;
    bool trimmed; /* a private store's maximum was lowered: see max_handles */
    uint64_t tenant;
    int64_t cache_id[SK_CACHES];
    int64_t priority[SK_CACHES];
    _Alignas(64) char inst_handle[SK_CACHES][SK_INST_HANDLE_BYTES];
    char *inst[SK_CACHES];
    char *configs; /* private */
    char *handles; /* of the store */
    sk_limits limits; /* private */
    int64_t max, blocks_max;
    int64_t hold_before; /* private: the tenant's cache hold when the store was made */
    _Atomic(int64_t) blocks;     /* taken by alloc_mb, not yet given to free_mb or set_full */
    _Atomic(int64_t) refused; /* allocations that ended for want of a handle */
    _Atomic(int64_t) supplied_seen;
    _Atomic(int64_t) disturbed; /* judgements of a live store given up because it changed meanwhile */
    _Atomic(int64_t) checks[SK_COUNT];
    _Atomic(int64_t) *seq_seen; /* by handle index */
    _Atomic(int32_t) *owner;    /* by handle index: 2 + thread */
    uint8_t *place;             /* by handle index; under lock */
    prim_lock_t judging;        /* one quiescent judge at a time */
    prim_lock_t lock;           /* guards violations and threads */
    rw_thread *threads;
    rw_violation violations[SK_VIOLATIONS];
    int32_t violation_cnt;
    _Atomic(int64_t) found; /* violations met in all */
};

struct rw_thread {
    rw_core *core;
    int32_t tid;
    int64_t found; /* violations met by this thread */
    int64_t stamp;
    sk_mb mbs[SK_SLOTS];
    sk_hold holds[SK_SLOTS];
    rw_thread *next;
};

/* ---- Foreign memory: words of the database, read with acquire unless said otherwise ---- */

static inline int64_t sk_word(const void *base, size_t at) {
    return at_load((const _Atomic(int64_t) *)(const void *)((const char *)base + at), acquire);
}
static inline int32_t sk_half(const void *base, size_t at) {
    return at_load((const _Atomic(int32_t) *)(const void *)((const char *)base + at), acquire);
}
static inline char *sk_pointer(const void *base, size_t at) {
    return at_load((char *const _Atomic *)(const void *)((const char *)base + at), acquire);
}
static inline bool sk_flag(const void *base, size_t at) {
    return at_load((const _Atomic(bool) *)(const void *)((const char *)base + at), acquire);
}
static inline void sk_set(void *base, size_t at, int64_t value) {
    at_store((_Atomic(int64_t) *)(void *)((char *)base + at), value, release);
}

/* Index of an address that should be a handle of the store; false when it is none. */
static inline bool sk_index(const rw_core *core, const void *handle, int64_t *idx) {
    uintptr_t at = (uintptr_t)handle - (uintptr_t)core->handles;
    *idx = (int64_t)(at / SK_HANDLE_BYTES);
    return at % SK_HANDLE_BYTES == 0 && *idx < core->max;
}
static inline char *sk_handle(const rw_core *core, int64_t idx) {
    return core->handles + idx * SK_HANDLE_BYTES;
}
static inline bool sk_slot_ok(int64_t slot) {
    return slot >= 0 && slot < SK_SLOTS;
}

/* ---- seekdb_record.c ---- */

/* Count a check of an invariant; when it fails, record it. th: NULL when it is no thread's. Returns ok. */
#define SK_CHECK(core, th, id, ok, ...)                                                                                \
    (at_add(&(core)->checks[SK_##id], 1, relaxed),                                                                     \
     (ok) || sk_broken((core), (th), SK_##id, __LINE__, __FILE__, __VA_ARGS__))
bool sk_broken(rw_core *core, rw_thread *th, sk_invariant id, int line, const char *file, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
int32_t sk_violations(rw_core *core, rw_violation *out, int32_t max);
extern const rw_invariant_desc sk_invariants[SK_COUNT];

/* ---- seekdb_store.c: each returns false with one sentence in err ---- */
bool sk_open_private(rw_core *core, int64_t cache_bytes, int64_t max_handles, char *err, size_t err_len);
bool sk_open_live(rw_core *core, int64_t cache_bytes, char *err, size_t err_len);
void sk_close(rw_core *core); /* a private store is destroyed, a live one left as it was */

/* ---- seekdb_limits.c ---- */
void sk_limits_make(sk_limits *limits, uint64_t tenant, int64_t limit);

/* ---- seekdb_verify.c ---- */
bool sk_verify_store(const rw_core *core, int64_t cache_bytes, char *err, size_t err_len);
bool sk_verify_private(rw_core *core, char *err, size_t err_len);
bool sk_verify_calls(rw_core *core, char *err, size_t err_len);

/* ---- seekdb_ops.c ---- */
extern const rw_op_desc sk_ops[];
extern const int32_t sk_op_cnt;
int64_t sk_run(rw_thread *th, const rw_op *op);
rw_thread *sk_attach(rw_core *core, int32_t tid);
void sk_detach(rw_thread *th);
kv_rc sk_free_mb(rw_thread *th, sk_mb *mb);
void sk_drop_hold(rw_thread *th, sk_hold *hold);

/* ---- seekdb_check.c ---- */
int64_t sk_check(rw_core *core, int32_t when);
void sk_check_supplied(rw_core *core, rw_thread *th);
kv_rc sk_check_handles(rw_core *core, rw_thread *th);

/* ---- seekdb_snapshot.c ---- */
int32_t sk_snapshot(rw_core *core, rw_cell *out, int32_t max);

#endif
