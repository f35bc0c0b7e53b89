/* Bucket map: hash chains over map nodes; readers without locks, writers under bucket locks (A17 - A19).
 *
 * Bucket b is guarded by lock b % lock_cnt: stripes, where the source has a lock object per group of buckets. Under a
 * bucket lock no allocation starts a sync wash (no_wash is raised), and there is no waiting but for the label
 * allocator's locks. Every link change is one seq_cst store, so a chain is well-formed at any instant, also when its
 * writer dies; the hazard-version header says why seq_cst.
 *
 * Where ours differs from the source, so that get is linearizable: a node that takes the place of another (overwrite,
 * move, fragment copy) takes its very place in the chain; linking at the head and unlinking afterwards would let a
 * reader that has passed the head meet neither. And a miss that met a retired node of the same hash looks again under
 * the lock: a move under way might be about to bring that pair back into an LFU block.
 * Source of the algorithm: OceanBase seekdb, src/share/cache/ob_kvcache_map.cpp.
 */
#ifndef RACEWASH_BUCKET_MAP_H
#define RACEWASH_BUCKET_MAP_H

#include "hazard_version.h"
#include "store.h"

struct kv_node {
    hv_node hv; /* first: the hazard station frees through it */
    kv_inst *inst;
    uint64_t hash; /* hash of the key + cache id */
    _Atomic(kv_node *) next;
    kv_handle *handle;
    int64_t seq; /* incarnation it was made for; -1 matches nothing. 64 bits, unlike the source (W18) */
    kv_pair *pair;
    uint32_t key_len, value_len;
    _Atomic(int64_t) get_cnt;
};

typedef struct kv_bucket {
    _Atomic(kv_node *) *nodes; /* bucket_size heads; fewer in the last (contiguous) */
} kv_bucket;

typedef struct bucket_map {
    la_alloc *la;
    const kv_env *env;
    const kv_config *cfg;
    kv_store *store;
    inst_table *insts;
    hv_station hv;
    node_alloc nodes; /* shared allocator (after) */
    kv_buckets_layout layout;
    uint32_t bucket_num, bucket_size, bucket_cnt; /* heads; heads per Bucket; Buckets */
    kv_bucket *buckets;
    uint32_t lock_cnt;
    prim_lock_t *locks;
    _Atomic(uint64_t) clean_pos, replace_pos; /* where the next round goes on */
} bucket_map;

/* A pair found: valid until map_unpin. */
typedef struct kv_pin {
    hp_holder holder;
    const kv_pair *pair;
    uint32_t key_len, value_len;
} kv_pin;

kv_rc map_init(bucket_map *m, la_alloc *la, const kv_env *env, const kv_config *cfg, kv_thread *t, kv_store *store,
               inst_table *insts, bool shared);
/* Free every node, chained or waiting, then buckets, locks, station and the shared allocator. Nobody else may be
 * inside, so no slot is needed (W15). Safe after a failed or missing init (zeroed map). */
void map_destroy(bucket_map *m, kv_thread *t);

/* A17. KV_OK, KV_EXISTS (only when !overwrite), KV_NO_MEMORY, KV_NO_HANDLE, KV_NO_SLOT, KV_NO_HAZARD, KV_DELETED (the
 * instance was marked deleted meanwhile: nothing is linked, so a drop's erase leaves nothing behind). KV_OK doesn't
 * promise that the pair is still there: a wash may have dropped it already. The caller holds a reference to inst. */
kv_rc map_put(bucket_map *m, kv_thread *t, kv_inst *inst, const void *key, uint32_t key_len, const void *value,
              uint32_t value_len, bool overwrite);
/* A18. KV_OK (out pinned), KV_NOT_FOUND, KV_NO_SLOT, KV_NO_HAZARD. */
kv_rc map_get(bucket_map *m, kv_thread *t, kv_inst *inst, const void *key, uint32_t key_len, kv_pin *out);
void map_unpin(bucket_map *m, kv_thread *t, kv_pin *pin);
/* A19. KV_OK, KV_NO_SLOT, KV_NO_HAZARD (the walk ended early); single erase: KV_NOT_FOUND too. */
kv_rc map_erase(bucket_map *m, kv_thread *t, kv_inst *inst, const void *key, uint32_t key_len);
kv_rc map_erase_all(bucket_map *m, kv_thread *t);
kv_rc map_erase_cache(bucket_map *m, kv_thread *t, uint32_t cache);
kv_rc map_erase_tenant(bucket_map *m, kv_thread *t, uint32_t tenant);
kv_rc map_erase_inst(bucket_map *m, kv_thread *t, kv_inst *inst);
/* One round each over the next part of the buckets. Erased / replaced nodes in *n. KV_OK, KV_NO_SLOT, KV_NO_HAZARD. */
kv_rc map_clean_garbage(bucket_map *m, kv_thread *t, uint32_t *n);
kv_rc map_replace_fragments(bucket_map *m, kv_thread *t, uint32_t *n);
uint64_t map_hash(const void *key, uint32_t key_len);
/* Head of bucket i. */
_Atomic(kv_node *) *map_head(bucket_map *m, uint32_t i);
/* Visit every node of every chain; bucket locks taken one by one. `visit` must not change the chain. */
void map_each(bucket_map *m, kv_thread *t, void (*visit)(void *arg, uint32_t bucket, kv_node *node), void *arg);

#endif
