/* The target ABI, version 4: what code under test must provide so that the harness can drive it.
 *
 * A target is one table of functions, found by the exported symbol rw_target_get. The harness knows nothing else of it: it
 * creates a core from named integer parameters, attaches one context per thread, runs operations by number with up to
 * four integer arguments, asks for invariant checks and snapshots, and destroys the core. Any code can be a target; the
 * KV cache (kvcache_target.c) is the first.
 *
 * Contract of concurrency: `create`, `destroy`, `load` and quiescent checks are called while no other thread is inside the
 * core. Everything else may be called by any number of threads at once, each with its own rw_thread. In the shared mode
 * `create` runs before the fork, threads attach after it.
 *
 * The part between the two cffi markers is read by the Python side: plain C declarations only.
 */
#ifndef RACEWASH_TARGET_H
#define RACEWASH_TARGET_H

#include <stdint.h>

/* cffi: begin */
enum { RW_TARGET_ABI = 4, RW_MAX_ARGS = 4, RW_ID_LEN = 8, RW_TEXT_LEN = 256, RW_FILE_LEN = 64 };
enum { RW_MAX_SITES = 64, RW_MAX_BENIGN = 32, RW_MAX_HOLDS = 8 };

/* When an invariant can be judged. */
enum { RW_INSTANT = 1, RW_QUIESCENT = 2, RW_DESTROYED = 4 };

/* How an operation ends: a negative return value means "violation recorded", else the target's own return code. */

typedef struct rw_param { /* creation parameter */
    const char *name;
    int64_t value;
} rw_param;

typedef struct rw_param_desc {
    const char *name;
    const char *purpose;
    int64_t standard; /* value when not given; 0 often means "derived" */
    int64_t min, max;
} rw_param_desc;

typedef struct rw_op_desc {
    const char *name;
    const char *purpose; /* one sentence */
    int32_t arg_cnt;
    const char *args[4]; /* names of the arguments */
} rw_op_desc;

typedef struct rw_op { /* one step of a thread's program */
    int32_t code;      /* index into the table of operations */
    int32_t reserved;
    int64_t arg[4];
} rw_op;

typedef struct rw_invariant_desc {
    const char *id; /* "I1", "Q5", ... as in docs/invariants.md */
    const char *claim;
    int32_t when; /* RW_INSTANT | RW_QUIESCENT | RW_DESTROYED */
} rw_invariant_desc;

typedef struct rw_violation {
    char id[8];
    char text[256]; /* what was met and what was expected */
    char file[64];  /* of the check or of the code that noticed */
    int32_t line;
    int32_t thread; /* -1: not one thread's */
    int64_t count;  /* times met; only the first text is kept */
} rw_violation;

typedef struct rw_cell { /* one figure of a snapshot: group[name].field = value */
    char group[24];
    char name[40];
    char field[24];
    int64_t value;
} rw_cell;

/* Sequential models that what operations did is held against: see docs/linearizability.md. */
enum { RW_M_NONE = 0, RW_M_CACHE = 1, RW_M_POOL = 2, RW_M_COUNT = 3, RW_M_QUEUE = 4, RW_MODELS = 5 };

/* What an operation did to its model. `object` and `value` mean:
 * CACHE  a map that may forget: object the key's three parts; value that of the pair put, or found.
 * POOL   handles, each in one hand at a time: object[0] the handle; no value.
 * COUNT  a counter that only grows: object whatever names it; value as read while the operation ran.
 * QUEUE  a bounded first-in first-out queue: object[0] names it, object[1] is its capacity; value what went in or out. */
enum {
    RW_D_PUT = 1,    /* CACHE: put in place of whatever was there */
    RW_D_ADD = 2,    /* CACHE: put, since nothing was there */
    RW_D_EXISTS = 3, /* CACHE: not put, since something was there */
    RW_D_HIT = 4,    /* CACHE: found */
    RW_D_MISS = 5,   /* CACHE: nothing found */
    RW_D_ERASE = 6,  /* CACHE: erased what was there */
    RW_D_ABSENT = 7, /* CACHE: nothing there to erase */
    RW_D_CLEAR = 8,  /* CACHE: erased whatever was there; each part of the key may be RW_ANY */
    RW_D_TAKE = 9,   /* POOL */
    RW_D_GIVE = 10,  /* POOL */
    RW_D_READ = 11,  /* COUNT */
    RW_D_PUSH = 12,  /* QUEUE */
    RW_D_FULL = 13,  /* QUEUE: not pushed, since it was full */
    RW_D_POP = 14,   /* QUEUE */
    RW_D_EMPTY = 15, /* QUEUE: not popped, since it was empty */
    RW_DEEDS = 16
};
typedef struct rw_deed { /* what the operation that ended last did */
    int32_t model;     /* RW_M_NONE: nothing that a model knows */
    int32_t action;    /* RW_D_... */
    int64_t object[3];
    int64_t value;
    int64_t evicts;    /* not 0: while it ran it may have dropped any pair of a cache */
} rw_deed;
typedef struct rw_site { /* a place in the code under test whose allocation can be made to fail */
    const char *file;
    const char *function;
    int64_t line;
} rw_site;

typedef struct rw_benign { /* a scope in which an operation may go on as if nothing had happened */
    const char *op;    /* the operation's name; empty: any */
    const char *function; /* in which the allocation stands that may fail unsaid */
    const char *reason; /* one sentence */
} rw_benign;

/* What a driver offers a target whose allocations fail by plan. Any thread, any process of the execution. */
typedef struct rw_hook {
    void *ctx;
    int32_t (*alloc)(void *ctx, int32_t site, const char *label); /* not 0: this allocation fails */
    /* What has failed in the calling thread since it asked last: bit i stands for site i. */
    uint64_t (*taken)(void *ctx);
    void (*forgive)(void *ctx, int32_t benign); /* a declared scope has swallowed a failure */
} rw_hook;

typedef struct rw_core rw_core;     /* the target's own */
typedef struct rw_thread rw_thread; /* the target's own: one thread's context */

typedef struct rw_target {
    int32_t abi; /* RW_TARGET_ABI */
    const char *name;
    const rw_param_desc *params;
    int32_t param_cnt;
    const rw_op_desc *ops;
    int32_t op_cnt;
    const rw_invariant_desc *invariants;
    int32_t invariant_cnt;
    const char *const *codes; /* names of non-negative return codes */
    int32_t code_cnt;

    /* A core, or NULL with one sentence in err. shared_bytes > 0: everything lives in one mapping of that size that
     * forked processes share. Unknown parameter names are an error. */
    rw_core *(*create)(const rw_param *params, int32_t n, int64_t shared_bytes, char *err, int64_t err_len);
    /* Destroy the core's parts, judge what must hold afterwards (RW_DESTROYED), keep only the violations. */
    void (*close)(rw_core *core);
    /* Free everything, the violations too. Closes first if needed. */
    void (*destroy)(rw_core *core);

    rw_thread *(*attach)(rw_core *core, int32_t tid); /* NULL: no room. tid: index of the program it runs */
    void (*detach)(rw_thread *thread);                /* gives back whatever the thread still holds */
    int64_t (*run)(rw_thread *thread, const rw_op *op);

    /* Judge the invariants of `when`; returns the number of violations recorded so far in all. */
    int64_t (*check)(rw_core *core, int32_t when);
    /* Number of checks made for invariant i since create. */
    int64_t (*checks)(rw_core *core, int32_t invariant);
    int32_t (*violations)(rw_core *core, rw_violation *out, int32_t max); /* number written */
    /* Number of cells a snapshot has; writes at most max of them. Quiescent, or torn but race-free. */
    int32_t (*snapshot)(rw_core *core, rw_cell *out, int32_t max);
    /* NULL: the target keeps none. Else where a thread keeps what its last operation did: `run` writes it before it
     * returns, and nobody else may. Called once after attach; it stays valid until detach. */
    const rw_deed *(*deed)(rw_thread *thread);

    /* For plans with faults; a target without them leaves all of it out. Sites beyond RW_MAX_SITES and scopes beyond
     * RW_MAX_BENIGN are not told apart from the last. */
    const rw_site *sites;
    int32_t site_cnt;
    const rw_benign *benign;
    int32_t benign_cnt;
    /* As `create`, with failures by the hook, which lives as long as the core. Where one of them is why there is no core
     * the result is not NULL: attach then gives no context, and what creation has left undone is a violation. */
    rw_core *(*create_failing)(const rw_param *params, int32_t n, int64_t shared_bytes, const rw_hook *hook, char *err,
                               int64_t err_len);
    /* Judge, at quiescence and once nothing fails any more, that the core can do all that it could before. */
    int64_t (*recover)(rw_core *core);

    /* For plans that stop threads; a target without them leaves all of it out. What a thread can hold that others wait
     * for, or that keeps memory from being given back: the names, and where a thread keeps how many it has of each (a
     * pointer as `deed` gives one: hold_cnt figures, at most RW_MAX_HOLDS). */
    const char *const *holds;
    int32_t hold_cnt;
    const int32_t *(*holding)(rw_thread *thread);
    /* Judge, after all others have ended, what must hold beside threads that were stopped for ever in the middle of an
     * operation. It may wait for what they hold: then nothing more is judged. NULL: nothing but RW_INSTANT. */
    int64_t (*outlive)(rw_core *core);
    /* For plans that kill processes of a shared core; a target without them has NULL here.
     * The thread's process died between two operations: from now on the context is the caller's, to be detached. */
    void (*adopt)(rw_thread *thread);
    /* Let go of a shared core that a death has torn, and of nothing else: no part of it is looked at. */
    void (*abandon)(rw_core *core);
    /* Bit i: what operations find of invariant i counts, although a process died in the middle of one (no lock held). */
    uint64_t unhurt;
} rw_target;

const rw_target *rw_target_get(void);
/* cffi: end */

#define RW_ANY INT64_MIN /* a part of a key: all of them */

#if defined(__GNUC__)
#define RW_EXPORT __attribute__((visibility("default")))
#else
#define RW_EXPORT
#endif

#endif
