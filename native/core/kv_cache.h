/* The facade: one kv_cache object owns every part; nothing of the core lives outside its memory source.
 *
 * Each operation is for any number of threads at once, each with its own context. A context is attached and used where
 * the core lives: with an arena as memory source, in any process forked after creation. Creation and destruction are
 * one thread's alone.
 */
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
    void *block;    /* the allocation it lies in: parts of it want cache lines of their own */
    uint32_t parts; /* of creation that are done: what shutdown has to undo */
    prim_lock_t thread_lock; /* guards `threads` and the ids */
    kv_thread *threads;
    uint64_t thread_ids[16]; /* bitmap, 1024 ids */
    kv_thread boot; /* used while creating and destroying */
};

enum { KV_MAX_THREADS = 1024, KV_MIN_MEMORY = 64 << 20 };

/* Fill zeros of cfg with derived figures. KV_INVALID when a figure is out of range (one sentence in err, which may be
 * NULL; cfg may then be partly filled). A resolved configuration stays as it is. */
kv_rc kv_config_resolve(kv_config *cfg, char *err, size_t err_len);
/* A core in `mem`. The label allocator is made first, everything else inside it. On failure every part made is freed
 * (creation that fails at step k destroys exactly k parts; env.report is told, as Q8, of labels that are not 0 then)
 * and *out is NULL. KV_OK, KV_NO_MEMORY, KV_INVALID. cfg is resolved into a copy. `env` (NULL: none) must outlive the
 * core. */
kv_rc kv_create(prim_mem *mem, const kv_env *env, const kv_config *cfg, kv_cache **out);
/* Destroy all parts but the label allocator: wash, map, store (A22), instances. Contexts still attached give their
 * hazard pointers back and stay valid for kv_thread_detach alone. Then every label is 0 but KV_L_CORE: the facade
 * itself and the contexts still attached, one object each (Q8). Again: nothing. */
void kv_shutdown(kv_cache *c);
/* kv_shutdown if not done, then return all memory, contexts included. */
void kv_destroy(kv_cache *c);

kv_thread *kv_thread_attach(kv_cache *c); /* NULL: too many threads, or no memory */
void kv_thread_detach(kv_thread *t);

/* The cache's own operations; (cache, tenant) names the instance, created on first put. Codes: those of the map's
 * operations; KV_INVALID for a cache or tenant out of range (put); to get and erase a missing instance, or one being
 * dropped, has no pairs: KV_NOT_FOUND. */
kv_rc kv_put(kv_thread *t, uint32_t cache, uint32_t tenant, const void *key, uint32_t key_len, const void *value,
             uint32_t value_len, bool overwrite);
kv_rc kv_get(kv_thread *t, uint32_t cache, uint32_t tenant, const void *key, uint32_t key_len, kv_pin *out);
void kv_unpin(kv_thread *t, kv_pin *pin);
kv_rc kv_erase(kv_thread *t, uint32_t cache, uint32_t tenant, const void *key, uint32_t key_len);
/* Mark, close its current blocks (before), erase, sweep. KV_OK: no pair of it is left; the instance itself goes with
 * the last use of it (before: when a wash or flush has taken its blocks), and puts say KV_DELETED until then.
 * KV_NOT_FOUND; else the erase ended early: call again. */
kv_rc kv_drop_instance(kv_thread *t, uint32_t cache, uint32_t tenant);
kv_rc kv_wash_now(kv_thread *t, uint64_t force_bytes, wash_result *out); /* wash_run, then sweep dropped instances */
kv_rc kv_sync_wash(kv_thread *t, uint32_t tenant, uint64_t need);
/* st_flush; `force` excludes washes. The number of blocks that were not FULL. */
uint32_t kv_flush(kv_thread *t, uint32_t tenant, bool force);

#endif
