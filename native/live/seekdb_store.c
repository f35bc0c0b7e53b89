/* Opens a store: a private one made with the exported constructor, or the one of the database that is open. */
#include <stdio.h>
#include <stdlib.h>

#include "seekdb_private.h"

enum { SK_PRIORITY = 1, SK_MEMORY_PERCENT = 100, SK_INSTANCES = 64 };

static bool fails(char *err, size_t err_len, const char *what, int ret) {
    if (ret != 0) {
        snprintf(err, err_len, "the database's %s failed with code %d", what, ret);
    }
    return ret != 0;
}

/* ---- What a private store needs of the process, once ---- */

static bool prepare_process(const sk_api *api, char *err, size_t err_len) {
    static prim_lock_t lock = {PTHREAD_MUTEX_INITIALIZER};
    static bool ready;
    prim_lock(&lock);
    if (!ready) {
        ready = !fails(err, err_len, "allocator of a tenant",
                       api->tenant_allocator(api->malloc_allocator(), SK_TENANT_PRIVATE));
    }
    prim_unlock(&lock);
    return ready;
}

static char *room(size_t bytes) {
    char *p = aligned_alloc(64, bytes);
    return p != NULL ? memset(p, 0, bytes) : NULL;
}

static void configure(rw_core *core) {
    for (int i = 0; i < SK_CACHES; i++) {
        char *config = core->configs + i * SK_CFG_BYTES;
        config[SK_CFG_VALID] = 1;
        sk_set(config, SK_CFG_PRIORITY, SK_PRIORITY);
        sk_set(config, SK_CFG_MEMORY_PERCENT, SK_MEMORY_PERCENT);
        snprintf(config + SK_CFG_NAME, SK_CFG_BYTES - SK_CFG_NAME, "racewash%d", i);
        core->cache_id[i] = i;
        core->priority[i] = SK_PRIORITY;
    }
}

static bool take_instances(rw_core *core, char *err, size_t err_len) {
    for (int i = 0; i < SK_CACHES; i++) {
        int64_t key[2] = {core->cache_id[i], (int64_t)core->tenant};
        core->api->inst_handle_make(core->inst_handle[i]);
        if (fails(err, err_len, "cache instance", core->api->inst_get(core->insts, key, core->inst_handle[i]))) {
            return false;
        }
        core->inst[i] = sk_pointer(core->inst_handle[i], SK_INST_HANDLE_INST);
    }
    return true;
}

static void give_instances(rw_core *core) {
    for (int i = 0; i < SK_CACHES; i++) {
        if (core->inst[i] != NULL) {
            core->api->inst_handle_drop(core->inst_handle[i]);
            core->inst[i] = NULL;
        }
    }
}

/* A maximum below the formula's (which has 67,584 handles for grace periods), so that a test meets capacity soon: the
 * store as it was before its first supply, with the lower maximum in the two places that hold it, supplied anew. */
static void trim(rw_core *core, int64_t max_handles) {
    char *slots = sk_pointer(core->store, SK_ST_POOL_SLOTS);
    memset(slots, 0, SK_SUPPLY * SK_SLOT_BYTES);
    sk_set(core->store, SK_ST_POOL_POP, 0);
    sk_set(core->store, SK_ST_POOL_PUSH, 0);
    sk_set(core->store, SK_ST_SUPPLIED, 0);
    sk_set(core->store, SK_ST_MAX, max_handles);
    sk_set(core->store, SK_ST_POOL_CAP, max_handles);
    core->api->supply(core->store, SK_SUPPLY);
    core->max = max_handles;
    core->trimmed = true;
}

static bool start_private(rw_core *core, int64_t cache_bytes, char *err, size_t err_len) {
    const sk_api *api = core->api;
    api->insts_make(core->insts);
    api->store_make(core->store);
    sk_limits_make(&core->limits, core->tenant, cache_bytes);
    return !fails(err, err_len, "table of instances",
                  api->insts_init(core->insts, SK_INSTANCES, core->configs, &core->limits)) &&
           !fails(err, err_len, "store",
                  api->store_init(core->store, core->insts, cache_bytes, SK_BLOCK_SIZE, &core->limits));
}

bool sk_open_private(rw_core *core, int64_t cache_bytes, int64_t max_handles, char *err, size_t err_len) {
    const sk_api *api = core->api;
    if (sk_flag(api->global(), SK_G_INITED)) {
        snprintf(err, err_len,
                 "a private store needs a process in which no database is open: its hazard pointers and "
                 "its table of handles would be the database's");
        return false;
    }
    if (!prepare_process(api, err, err_len)) {
        return false;
    }
    core->tenant = SK_TENANT_PRIVATE;
    core->hold_before = api->cache_hold(api->malloc_allocator(), core->tenant);
    core->store = room(SK_STORE_BYTES * 2);
    core->insts = room(SK_INST_MAP_BYTES);
    core->configs = room((SK_CFG_BYTES * 32 + 63) / 64 * 64);
    if (core->store == NULL || core->insts == NULL || core->configs == NULL) {
        snprintf(err, err_len, "no memory for a private store");
        return false;
    }
    configure(core);
    if (!start_private(core, cache_bytes, err, err_len)) {
        return false;
    }
    core->handles = sk_pointer(core->store, SK_ST_HANDLES);
    core->max = sk_word(core->store, SK_ST_MAX);
    if (!sk_verify_store(core, cache_bytes, err, err_len) || !sk_verify_private(core, err, err_len)) {
        return false;
    }
    if (fails(err, err_len, "table of hazard pointers", api->domain_init(core->domain, core->max))) {
        return false;
    }
    api->domain_reset(core->domain);
    if (max_handles > 0 && max_handles < core->max) {
        trim(core, max_handles);
    }
    return take_instances(core, err, err_len);
}

/* ---- The database's own ---- */

/* The store is a member of the global cache: it begins with the address of its table of virtual functions. */
static char *find_store(const sk_api *api) {
    char *global = api->global();
    int64_t table = (int64_t)(uintptr_t)api->store_vtable + 16;
    for (size_t at = SK_G_STORE_FIRST; at < SK_G_STORE_LAST; at += 64) {
        if (sk_word(global, at) == table) {
            return global + at;
        }
    }
    return NULL;
}

/* Once in a process: the database has room for 32 caches in all, and gives none back. */
static bool register_caches(rw_core *core, char *err, size_t err_len) {
    static prim_lock_t lock = {PTHREAD_MUTEX_INITIALIZER};
    static int64_t registered[SK_CACHES] = {-1, -1};
    bool ok = true;
    prim_lock(&lock);
    for (int i = 0; i < SK_CACHES && ok; i++) {
        if (registered[i] < 0) {
            char name[32];
            snprintf(name, sizeof name, "racewash_%d", i);
            int ret =
                core->api->register_cache(core->api->global(), name, SK_PRIORITY, SK_MEMORY_PERCENT, &registered[i]);
            ok = !fails(err, err_len, "registration of a cache", ret);
        }
        core->cache_id[i] = registered[i];
        core->priority[i] = SK_PRIORITY;
    }
    prim_unlock(&lock);
    return ok;
}

bool sk_open_live(rw_core *core, int64_t cache_bytes, char *err, size_t err_len) {
    core->live = true;
    core->tenant = SK_TENANT_LIVE;
    if (!sk_flag(core->api->global(), SK_G_INITED)) {
        snprintf(err, err_len, "no database is open in this process");
        return false;
    }
    core->store = find_store(core->api);
    if (core->store == NULL) {
        snprintf(err, err_len, "the layout check 'store' failed: the global cache has no store where it is expected");
        return false;
    }
    core->insts = sk_pointer(core->store, SK_ST_INSTS);
    core->handles = sk_pointer(core->store, SK_ST_HANDLES);
    core->max = sk_word(core->store, SK_ST_MAX);
    return sk_verify_store(core, cache_bytes, err, err_len) && register_caches(core, err, err_len) &&
           take_instances(core, err, err_len);
}

/* ---- The end ---- */

static void destroy_private(rw_core *core) {
    const sk_api *api = core->api;
    uint64_t freed = 0;
    if (core->store != NULL && sk_flag(core->store, SK_ST_INITED)) {
        /* What is retired but not reclaimed would leak (W8). */
        (void)api->reclaim(core->domain, core->store, &freed);
        api->purge(core->store);
        give_instances(core);
        api->store_destroy(core->store);
        api->insts_destroy(core->insts);
        api->store_drop(core->store);
        api->insts_drop(core->insts);
        api->domain_reset(core->domain);
        int64_t hold = api->cache_hold(api->malloc_allocator(), core->tenant);
        SK_CHECK(core, NULL, Q8, hold == core->hold_before,
                 "a destroyed store leaves %lld bytes of memory blocks, %lld were there before it was made",
                 (long long)hold, (long long)core->hold_before);
    }
    free(core->store);
    free(core->insts);
    free(core->configs);
}

void sk_close(rw_core *core) {
    if (core->closed) {
        return;
    }
    core->closed = true;
    if (!core->live) {
        destroy_private(core);
        return;
    }
    give_instances(core); /* their blocks go as every other's: when a wash takes them */
}
