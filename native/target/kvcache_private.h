/* Inside the KV cache's adapter: what its files share. Private to kvcache_*.c.
 *
 * Whoever judges invariants is a *judge*: a thread of a program, or the checker. It counts its judgements in itself, so
 * that threads don't meet at a counter; the core receives the sums at detach. Violations go to a table in the core
 * at once. In the shared mode the core, its threads and the table lie in the arena; of what a process can't share
 * (a buffer of its own heap) only its own thread makes use.
 */
#ifndef RACEWASH_KVCACHE_PRIVATE_H
#define RACEWASH_KVCACHE_PRIVATE_H

#include "../core/kv_cache.h"
#include "target.h"

/* ---- Invariants: the table of docs/invariants.md, by the specification's names; L1, C1, F1, F2, B1 and H1 are ours ---- */

/* clang-format off */
#define KT_INVARIANTS(X)                                                                                               \
    X(I1, RW_INSTANT | RW_QUIESCENT,                                                                                   \
      "Every handle block below the supplied count exists, and each handle carries its own index.")                    \
    X(I2, RW_INSTANT | RW_QUIESCENT, "A published block pointer never changes until the core is destroyed.")           \
    X(I3, RW_INSTANT | RW_QUIESCENT, "The supplied count never falls and never exceeds the maximum.")                  \
    X(I4, RW_INSTANT | RW_QUIESCENT,                                                                                   \
      "A handle is in at most one of pool, block list and retire station, and in at most one thread's hands.")         \
    X(I5, RW_INSTANT | RW_QUIESCENT, "A handle that is not FREE has a memory block.")                                  \
    X(I6, RW_INSTANT, "The block of a protected incarnation is not freed, and its pairs don't change.")                \
    X(I7, RW_INSTANT | RW_QUIESCENT,                                                                                   \
      "A block's bump position stays within its payload, and its pairs don't overlap.")                                \
    X(I8, RW_INSTANT | RW_QUIESCENT,                                                                                   \
      "An incarnation's number never falls, and a node never matches an incarnation it wasn't made for.")              \
    X(I9, RW_INSTANT | RW_QUIESCENT,                                                                                   \
      "No label's used or hold is negative, and hold covers used and the objects' overhead.")                          \
    X(I10, RW_INSTANT | RW_QUIESCENT, "A node that is reachable under a hazard version isn't freed.")                  \
    X(I11, RW_INSTANT,                                                                                                 \
      "A handle deleted from the list isn't reused while a QClock section that could have seen it is open.")           \
    X(I12, RW_INSTANT | RW_QUIESCENT, "A bucket chain has no cycle and, while its lock is free, no key twice.")        \
    X(I13, RW_INSTANT | RW_QUIESCENT, "No lock is held when an operation returns.")                                    \
    X(Q1, RW_QUIESCENT,                                                                                                \
      "Pool, block list and retire station add up to the supplied count, no handle twice; retired ones are listed.")   \
    X(Q2, RW_QUIESCENT,                                                                                                \
      "The store size is the sum of the blocks held, and the policy counts are the blocks by policy.")                 \
    X(Q3, RW_QUIESCENT, "An instance's pair count is its nodes; after, its store size is the sum of their pairs.")     \
    X(Q4, RW_QUIESCENT,                                                                                                \
      "A living handle's pair count is the nodes that match its incarnation; a pooled one is reset.")                  \
    X(Q5, RW_QUIESCENT,                                                                                                \
      "Each label's used and hold are those of its live objects, and the chunks' bytes are all accounted for.")        \
    X(Q6, RW_QUIESCENT,                                                                                                \
      "No hazard pointer is set, no slot acquired and no reference taken but by what threads hold.")                   \
    X(Q7, RW_QUIESCENT, "A node allocator's bytes are its nodes; without nodes, as after a drop, it has no block.")    \
    X(Q8, RW_DESTROYED, "After destruction every label is 0 but for the facade and the contexts still attached.")      \
    X(Q9, RW_QUIESCENT, "Counts of what waits are the lengths of the lists it waits in.")                              \
    X(Q10, RW_QUIESCENT, "The wash label at rest is its resident part.")                                               \
    X(L1, RW_INSTANT,                                                                                                  \
      "While memory was never short, a supply fails only at the maximum, an allocation only when none is left.")       \
    X(C1, RW_INSTANT, "An operation ends with one of the codes that its contract names.")                              \
    X(F1, RW_INSTANT, "An operation in which an allocation has failed says so, unless a declared scope forgives it.")  \
    X(F2, RW_QUIESCENT,                                                                                                \
      "Once no allocation fails any more, every handle can be had, and every pair put can be got.")                    \
    X(B1, RW_QUIESCENT,                                                                                                \
      "Beside a dead thread no more stays than it protects: blocks by hazard pointers, nodes by their versions.")      \
    X(C2, RW_INSTANT, "What a program says must be so is so: an operation succeeds, a figure keeps its bounds.")       \
    X(H1, RW_INSTANT, "What is freed is a live object, and nobody else has written to it or to its ends.")
/* clang-format on */

#define KT_ENUM(id, when, claim) KT_##id,
typedef enum kt_invariant { KT_INVARIANTS(KT_ENUM) KT_COUNT } kt_invariant;
#undef KT_ENUM

extern const rw_invariant_desc kt_invariants[KT_COUNT];

/* ---- Core ---- */

enum {
    KT_VIOLATIONS = 128, /* different places of code */
    KT_SLOTS = 8,        /* of each kind a thread can fill */
    KT_NOTES = 32,       /* nodes watched at a time */
    KT_RECENT = 4,
    KT_KEY_BYTES = 16
};

typedef struct kt_violation {
    _Atomic(uint64_t) key; /* hash of id, file and line; 0: empty */
    _Atomic(uint32_t) ready; /* the rest is written */
    _Atomic(int64_t) count;
    rw_violation first;
} kt_violation;

struct rw_core {
    prim_mem *mem; /* the arena, or the private source */
    bool shared;
    size_t bytes; /* of this object, arrays included */
    kv_env env;   /* what the core asks for: here, so that it lives as long */
    const rw_hook *hook; /* NULL: no allocation fails by plan */
    kv_config cfg;
    kv_cache *cache; /* NULL once closed */
    prim_lock_t lock; /* guards `threads`; judges of a core at rest, who share the scratch, go one by one */
    rw_thread *threads;
    la_account at_rest[KV_LABEL_COUNT]; /* of a core just created */
    _Atomic(uint32_t) tenant_max;       /* largest tenant that a program has named */
    _Atomic(int64_t) checks[KT_COUNT];
    _Atomic(int64_t) lost; /* violations that found the table full */
    kt_violation violations[KT_VIOLATIONS];
    /* What has been seen so far: only ever raised, or set once. */
    _Atomic(uint64_t) supplied_seen;
    _Atomic(uint64_t) next_bucket; /* where the next instant check of chains goes on */
    _Atomic(uintptr_t) *block_seen; /* by block */
    _Atomic(int64_t) *seq_seen;     /* by handle */
    _Atomic(int32_t) *owner;        /* by handle: 2 + thread whose slot has it */
    _Atomic(uint64_t) wanted;       /* handles that operations may have asked for, at most */
    /* Scratch at quiescence, under the lock. */
    uint32_t *nodes_of; /* by handle */
    uint8_t *place;     /* by handle */
};

/* ---- Judges ---- */

typedef struct kt_judge {
    rw_core *core;
    kv_thread *t;
    int32_t tid; /* -1: the checker */
    int64_t found; /* violations recorded by this judge */
    int64_t checks[KT_COUNT];
} kt_judge;

typedef struct kt_note { /* a node as it was when it could be reached */
    const kv_node *node;
    const kv_inst *inst;
    const kv_pair *pair;
    uint64_t hash;
} kt_note;

/* A judgement. True when it holds; else the text says what was met and what was expected. */
#define KT_CHECK(j, id, ok, ...)                                                                                       \
    kt_so(kt_judged((j), KT_##id, (ok)) || kt_broken((j), KT_##id, __FILE__, __LINE__, __VA_ARGS__))

static inline bool kt_judged(kt_judge *j, kt_invariant id, bool ok) {
    j->checks[id]++;
    return __builtin_expect(ok, 1);
}

static inline bool kt_so(bool holds) { /* a call's value may be left unused, an expression's may not */
    return holds;
}

/* kvcache_record.c */
bool kt_broken(kt_judge *j, kt_invariant id, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 5, 6))); /* false */
void kt_report(void *core, const char *id, const char *what, const char *file, int line); /* kv_env's */
int64_t kt_recorded(rw_core *core); /* violations in all */
int32_t kt_violations(rw_core *core, rw_violation *out, int32_t max);
void kt_fold(kt_judge *j); /* add the judge's counts to the core's */

/* kvcache_value.c: keys and values that tell whose they are. `name` stands for (instance, key). */
uint64_t kt_name(int64_t instance, int64_t key);
void kt_make_key(int64_t key, unsigned char out[KT_KEY_BYTES]);
void kt_make_value(void *out, uint32_t len, uint64_t name, uint64_t stamp);
/* Is it a value that was made for `name`, whole? *stamp: the one it was made with (short values keep a part of it). */
bool kt_value_is(const void *value, uint32_t len, uint64_t name, uint64_t *stamp);
/* One number for a value by its stamp and length: what a value read from the cache shows of them. */
int64_t kt_value_number(uint32_t len, uint64_t stamp);
/* Fill any memory, and look whether it is still so filled. Of more than 64 KB only a part is touched. */
void kt_fill(void *p, size_t n, uint64_t seed);
bool kt_filled(const void *p, size_t n, uint64_t seed);

/* kvcache_check.c: while threads run */
uint64_t kt_check_supplied(kt_judge *j);      /* I1, I3; the count that was read */
void kt_check_pointers(kt_judge *j);          /* I2 */
kv_rc kt_check_handles(kt_judge *j);          /* I5, I7, I8, I11. KV_OK, KV_NO_HAZARD (ended early) */
void kt_look_at_seq(kt_judge *j, kv_handle *h, uint64_t idx); /* I8, and remembers the incarnation */
void kt_check_accounts(kt_judge *j);          /* I9 */
void kt_check_instant(kt_judge *j);           /* all of them, and a part of the chains */
int64_t kt_check(rw_core *core, int32_t when);
/* Index of a handle by its address alone; false when it is none. */
bool kt_index(rw_core *core, const kv_handle *h, uint64_t *idx);

/* kvcache_check_chains.c */
void kt_check_chains(kt_judge *j, uint32_t from, uint32_t buckets); /* I8, I10, I12 */
/* Note what a reader of the bucket meets. A hazard version is held. Number of notes in all. */
uint32_t kt_note_chain(kt_judge *j, uint32_t bucket, kt_note *notes, uint32_t n);
void kt_check_notes(kt_judge *j, const kt_note *notes, uint32_t n); /* I10; the version is still held */

/* kvcache_check_store.c, kvcache_check_map.c, kvcache_check_memory.c: at quiescence, the core's lock held */
bool kt_check_locks(kt_judge *j);  /* I13; false: judging on would wait for ever */
void kt_check_places(kt_judge *j); /* I4, I5, I7, Q1, Q2, Q4, Q9 */
void kt_check_map(kt_judge *j);    /* I8, I10, I12, Q3, Q4, Q6, Q7, Q9 */
void kt_check_at_rest(kt_judge *j); /* Q6 */
void kt_check_memory(kt_judge *j); /* I9, Q5, Q10 */
void kt_check_destroyed(kt_judge *j); /* Q5, Q8; after kv_shutdown */

/* kvcache_faults.c */
const rw_site *kt_sites(int32_t *cnt);
extern const rw_benign kt_benign[];
extern const int32_t kt_benign_cnt;
bool kt_fail_alloc(void *core, kv_label label, size_t size, const char *file, int line); /* kv_env's */
/* Around an operation: forget what failed before, then judge F1. */
void kt_fault_begin(kt_judge *j);
void kt_fault_end(kt_judge *j, const char *op, kv_rc rc);
/* kvcache_deaths.c */
void kt_adopt(rw_thread *th); /* of a process that has died between two operations */
void kt_abandon(rw_core *core);
/* What survives any half-done operation that holds no lock: every step of the algorithms leaves it true. Not accounts and
 * counts, which several steps bring in line (I9, Q1 - Q10), nor what handles in dead hands change (I4, L1, C2, F2). */
#define KT_BIT(id) (UINT64_C(1) << KT_##id)
#define KT_UNHURT                                                                                                      \
    (KT_BIT(I1) | KT_BIT(I2) | KT_BIT(I3) | KT_BIT(I5) | KT_BIT(I6) | KT_BIT(I7) | KT_BIT(I8) | KT_BIT(I10) |          \
     KT_BIT(I11) | KT_BIT(I12) | KT_BIT(I13) | KT_BIT(C1) | KT_BIT(F1) | KT_BIT(H1))

/* kvcache_recover.c */
int64_t kt_recover(rw_core *core); /* F2 */

/* kvcache_outlive.c */
extern const char *const *const kt_holds;
const int32_t *kt_holding(rw_thread *th);
int64_t kt_outlive(rw_core *core); /* B1 */

/* kvcache_snapshot.c */
int32_t kt_snapshot(rw_core *core, rw_cell *out, int32_t max);

/* ---- Threads ---- */

typedef struct kt_hold { /* a pair found and pinned */
    kv_pin pin;
    bool filled;
    int64_t instance, key;
    uint64_t stamp;
    kv_mem_block *block;
    int64_t seq; /* of its handle when it was pinned */
} kt_hold;

typedef struct kt_mb { /* a USING block whose only user this thread is */
    kv_handle *handle; /* NULL: empty */
    bool owned;        /* entered in the core's table of owners */
    uint64_t first_stamp;
    uint32_t pairs;
    int64_t seq; /* its incarnation */
} kt_mb;

typedef struct kt_object { /* of the node allocator or the label allocator */
    void *p; /* NULL: empty */
    size_t bytes;
    uint64_t seed;
} kt_object;

struct rw_thread {
    kt_judge judge; /* judge.core, judge.t, judge.tid are the thread's */
    uint64_t stamp; /* of the last value made */
    rw_deed deed; /* of the last operation: see kvcache_deed.c */
    uint32_t washes; /* sync washes: they take the tenants in turn */
    uint32_t recent_cnt;
    struct {
        int64_t instance, key;
    } recent[KT_RECENT]; /* what a held version watches */
    kt_hold holds[KT_SLOTS];
    kt_mb mbs[KT_SLOTS];
    kt_object nodes[KT_SLOTS], objects[KT_SLOTS];
    bool must; /* the next operation has to succeed (C2) */
    bool version_held;
    uint32_t version; /* its slot */
    uint32_t note_cnt;
    kt_note notes[KT_NOTES];
    void *buffer; /* of this process's heap: where values are made */
    size_t buffer_bytes;
    rw_thread *next; /* attached to the same core */
};

typedef kv_rc (*kt_op_fn)(rw_thread *th, const int64_t *arg);

/* kvcache_thread.c */
rw_thread *kt_attach(rw_core *core, int32_t tid);
void kt_detach(rw_thread *th);

/* kvcache_ops.c */
int64_t kt_run(rw_thread *th, const rw_op *op);
const rw_deed *kt_deed(rw_thread *th);
/* Say what an operation did to a key; `value` tells the value by its stamp and length. */
void kt_did_key(rw_thread *th, int32_t action, int64_t instance, int64_t key, int64_t value);
/* It erased every pair of a cache and tenant (RW_ANY: of all) when it ended well; else it may have erased some. */
void kt_did_clear(rw_thread *th, kv_rc rc, int64_t cache, int64_t tenant);
void kt_did_evict(rw_thread *th);
void kt_did_handle(rw_thread *th, int32_t action, uint64_t handle);
void kt_did_count(rw_thread *th, int64_t supplied);
void kt_judge_end(kt_judge *j, int32_t op, kv_rc rc, bool must); /* C1, C2, I13 */
/* (cache, tenant) of an instance's number; false: it is none. */
bool kt_instance(rw_thread *th, int64_t instance, uint32_t *cache, uint32_t *tenant);
static inline bool kt_slot_ok(int64_t slot) {
    return slot >= 0 && slot < KT_SLOTS;
}

/* kvcache_ops_map.c, kvcache_ops_inst.c, kvcache_ops_store.c, kvcache_ops_memory.c: what detach needs of them */
void kt_drop_hold(rw_thread *th, kt_hold *hold);
void kt_drop_version(rw_thread *th);
kv_rc kt_free_mb(rw_thread *th, kt_mb *mb);
void kt_free_node(rw_thread *th, kt_object *node);
void kt_free_object(rw_thread *th, kt_object *object);

/* One function for each operation, `kt_op_<name>`, described by the table in kvcache_ops.c. */
#define KT_OP(name) kv_rc kt_op_##name(rw_thread *th, const int64_t *arg)

#endif
