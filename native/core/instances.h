/* Instances: (cache, tenant) -> instance, created on first use, reference-counted, dropped while traffic runs (A21).
 *
 * Lookups take no lock (the source takes the read lock, whose word every get of every thread would write): a lookup
 * pins the slot, reads the instance, takes a reference, unpins. Removing clears the slot first and then looks at the
 * pins; both sides sequentially consistent, so one of them sees the other. What keeps an instance alive: references,
 * pins, nodes in chains (kv_cnt), nodes in the hazard station (waiting_nodes, W20) and, before, blocks.
 * Order that users keep: waiting_nodes + 1 before kv_cnt - 1 (release); nothing of the instance is touched after
 * the last of those counts is dropped, each by a release operation.
 */
#ifndef RACEWASH_INSTANCES_H
#define RACEWASH_INSTANCES_H

#include "handle.h"
#include "node_alloc.h"

struct kv_inst {
    uint32_t cache; /* 0 .. KV_MAX_CACHE_NUM - 1 */
    uint32_t tenant; /* 0 .. KV_MAX_TENANT_NUM - 1 */
    uint32_t slot; /* position in the table */
    void *mem; /* the allocation it lies in (aligned inside) */
    _Atomic(int64_t) refs;
    _Atomic(uint32_t) deleted;
    node_alloc *nodes; /* its own (before) or the map's (after) */
    node_alloc own_nodes;
    _Atomic(int64_t) waiting_nodes; /* its nodes in the hazard station: they read the instance when freed */
    _Atomic(kv_handle *) current[KV_POLICY_COUNT]; /* before only */
    _Atomic(int64_t) mb_cnt[KV_POLICY_COUNT]; /* before only: blocks owned */
    _Alignas(64) _Atomic(int64_t) kv_cnt; /* nodes */
    _Atomic(int64_t) store_size; /* before: bytes of blocks owned; after: sum of its pairs' sizes */
    _Alignas(64) _Atomic(int64_t) hits;
    _Atomic(int64_t) misses;
    _Atomic(int64_t) hits_seen; /* hits at the last refresh_score (before: base score is per instance) */
    _Atomic(uint64_t) base_score; /* before only, bits of a double */
};

typedef struct inst_slot { /* one cache line each: lookups of different instances don't meet */
    _Alignas(64) _Atomic(kv_inst *) inst;
    _Atomic(int64_t) pins; /* lookups between reading `inst` and taking their reference */
} inst_slot;

typedef struct inst_table {
    la_alloc *la;
    const kv_env *env;
    pthread_rwlock_t lock; /* readers visit, writers add and remove; cannot be robust: a process that dies holding it
                            * stops the others' creations and removals (lookups go on) */
    bool lock_made;
    uint32_t slot_cnt; /* KV_MAX_CACHE_NUM * KV_MAX_TENANT_NUM */
    inst_slot *slots;
    void *slots_mem; /* the allocation they lie in */
    kv_nodes_layout nodes_layout;
    node_alloc *shared_nodes;
    uint32_t node_block_bytes;
    _Atomic(int64_t) priority[KV_MAX_CACHE_NUM]; /* of a cache, default 1 */
} inst_table;

kv_rc inst_init(inst_table *tab, la_alloc *la, const kv_env *env, kv_thread *t, const kv_config *cfg,
                node_alloc *shared_nodes, bool shared);
/* Frees every instance left, whatever its counts (the caller checked them). Safe after a failed or missing init. */
void inst_destroy(inst_table *tab);
/* Look up or create, and take a reference. A deleted instance that nothing uses any more is replaced. KV_OK,
 * KV_NO_MEMORY, KV_DELETED (being dropped), KV_INVALID. */
kv_rc inst_get(inst_table *tab, kv_thread *t, uint32_t cache, uint32_t tenant, kv_inst **out);
/* Look up only, and take a reference. KV_OK, KV_NOT_FOUND, KV_DELETED. */
kv_rc inst_find(inst_table *tab, uint32_t cache, uint32_t tenant, kv_inst **out);
void inst_put(inst_table *tab, kv_inst *inst); /* drop a reference */
/* Mark deleted: later lookups say KV_DELETED. KV_OK, KV_NOT_FOUND. */
kv_rc inst_mark_deleted(inst_table *tab, uint32_t cache, uint32_t tenant);
/* Destroy every deleted instance that nothing uses: counts, references and waiting nodes all 0. Number destroyed. */
uint32_t inst_sweep(inst_table *tab);
/* Visit every instance, table read-locked. */
void inst_each(inst_table *tab, void (*visit)(void *arg, kv_inst *inst), void *arg);

#endif
