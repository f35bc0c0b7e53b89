/* The facade: one kv_cache object owns every part; nothing of the core lives outside it. */
#ifndef RACEWASH_KV_CACHE_H
#define RACEWASH_KV_CACHE_H

#include "bucket_map.h"
#include "wash.h"

struct kv_cache {
    kv_env env;
    kv_config cfg; /* resolved */
    prim_mem *mem;
    la_alloc *la;
    bool shared;
    inst_table insts;
    kv_store store;
    bucket_map map;
    kv_wash *wash;
    prim_lock_t thread_lock; /* guards `threads` and the ids */
    kv_thread *threads;
    uint64_t thread_ids[16]; /* bitmap, 1024 ids */
    kv_thread boot; /* used while creating and destroying */
};

/* Fill zeros of cfg with derived figures. KV_INVALID when a figure is out of range (message in err). */
kv_rc kv_config_resolve(kv_config *cfg, char *err, size_t err_len);
/* A core in `mem`. The label allocator is made first, everything else inside it. On failure every part made is freed
 * (creation that fails at step k destroys exactly k parts) and *out is NULL. */
kv_rc kv_create(prim_mem *mem, const kv_env *env, const kv_config *cfg, kv_cache **out);
/* Destroy all parts but the label allocator: map, store (A22), instances, wash; every label must then be 0 (Q8). */
void kv_shutdown(kv_cache *c);
/* kv_shutdown if not done, then return all memory. */
void kv_destroy(kv_cache *c);

kv_thread *kv_thread_attach(kv_cache *c); /* NULL: too many threads, or no memory */
void kv_thread_detach(kv_thread *t);

/* The cache's own operations; (cache, tenant) names the instance, created on first put. */
kv_rc kv_put(kv_thread *t, uint32_t cache, uint32_t tenant, const void *key, uint32_t key_len, const void *value,
             uint32_t value_len, bool overwrite);
kv_rc kv_get(kv_thread *t, uint32_t cache, uint32_t tenant, const void *key, uint32_t key_len, kv_pin *out);
void kv_unpin(kv_thread *t, kv_pin *pin);
kv_rc kv_erase(kv_thread *t, uint32_t cache, uint32_t tenant, const void *key, uint32_t key_len);
kv_rc kv_drop_instance(kv_thread *t, uint32_t cache, uint32_t tenant); /* mark, close blocks, erase, sweep */
kv_rc kv_wash_now(kv_thread *t, uint64_t force_bytes, wash_result *out);
kv_rc kv_sync_wash(kv_thread *t, uint32_t tenant, uint64_t need);
uint32_t kv_flush(kv_thread *t, uint32_t tenant, bool force);

#endif
