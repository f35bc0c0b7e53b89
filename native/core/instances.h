/* Instances: (cache, tenant) -> instance, created on first use, reference-counted, dropped while traffic runs (A21). */
#ifndef RACEWASH_INSTANCES_H
#define RACEWASH_INSTANCES_H

#include "handle.h"
#include "node_alloc.h"

struct kv_inst {
    uint32_t cache;  /* 0 .. KV_MAX_CACHE_NUM - 1 */
    uint32_t tenant; /* 0 .. KV_MAX_TENANT_NUM - 1 */
    uint32_t slot;   /* position in the table */
    _Atomic(int64_t) refs;
    _Atomic(uint32_t) deleted;
    node_alloc *nodes; /* its own (before) or the map's (after) */
    node_alloc own_nodes;
    _Atomic(int64_t) waiting_nodes; /* its nodes in the hazard station: they read the instance when freed */
    _Atomic(kv_handle *) current[KV_POLICY_COUNT]; /* before only */
    _Atomic(int64_t) mb_cnt[KV_POLICY_COUNT];      /* before only: blocks owned */
    _Alignas(64) _Atomic(int64_t) kv_cnt; /* nodes */
    _Atomic(int64_t) store_size;  /* before: bytes of blocks owned; after: sum of its pairs' sizes */
    _Alignas(64) _Atomic(int64_t) hits;
    _Atomic(int64_t) misses;
    _Atomic(int64_t) hits_seen; /* hits at the last refresh_score (before: base score is per instance) */
    _Atomic(uint64_t) base_score; /* before only, bits of a double */
};

typedef struct inst_table {
    la_alloc *la;
    const kv_env *env;
    pthread_rwlock_t lock; /* readers look up, writers add and remove */
    uint32_t slot_cnt;     /* KV_MAX_CACHE_NUM * KV_MAX_TENANT_NUM */
    kv_inst **slots;
    kv_nodes_layout nodes_layout;
    node_alloc *shared_nodes;
    uint32_t node_block_bytes;
    _Atomic(int64_t) priority[KV_MAX_CACHE_NUM]; /* of a cache, default 1 */
} inst_table;

kv_rc inst_init(inst_table *tab, la_alloc *la, const kv_env *env, kv_thread *t, const kv_config *cfg,
                node_alloc *shared_nodes, bool shared);
void inst_destroy(inst_table *tab); /* frees every instance left, whatever its counts (the caller checked them) */
/* Look up or create, and take a reference. KV_OK, KV_NO_MEMORY, KV_DELETED (being dropped), KV_INVALID. */
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
