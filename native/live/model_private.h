/* Our core as the conformance check runs it: the same operations as on seekdb's store, one thread, layout before. */
#ifndef RACEWASH_MODEL_PRIVATE_H
#define RACEWASH_MODEL_PRIVATE_H

#include "../core/kv_cache.h"
#include "../core/store_private.h"
#include "../target/target.h"
#include "observe.h"
#include "seekdb_ops.h"

enum { MD_SLOTS = 4, MD_CACHES = 2 };

typedef struct md_mb {
    kv_handle *handle; /* NULL: the slot is empty */
    int64_t pairs;
} md_mb;

struct rw_core {
    kv_cache *cache;
    kv_inst *inst[MD_CACHES];
    int64_t blocks_max, blocks;
    rw_thread *thread; /* there is one */
};

struct rw_thread {
    rw_core *core;
    kv_thread *t;
    md_mb mbs[MD_SLOTS];
    hp_holder holds[MD_SLOTS];
};

extern const rw_op_desc sk_ops[]; /* the same table: seekdb_ops.c */
int64_t md_run(rw_thread *th, const rw_op *op);
void md_detach(rw_thread *th);

#endif
