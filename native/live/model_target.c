/* Our core as a target with seekdb's operations: for the conformance check, so one thread and nothing judged. */
#include <stdio.h>

#include "live.h"
#include "model_private.h"

static const rw_param_desc params_known[] = {
    {"store", "Ignored: a core is always private.", 0, 0, 1},
    {"max_cache_size", "Bytes of the cache, which give the maximum of handles.", INT64_C(1) << 30, 1, INT64_C(1) << 40},
    {"max_handles", "Handles at most; 0: from max_cache_size.", 0, 0, 1 << 20},
    {"blocks_max", "Memory blocks that the thread may have in its hands at once.", 128, 1, 4096},
};
enum { PARAM_CNT = sizeof params_known / sizeof params_known[0], BUCKETS = 8, VERSIONS = 4 };

/* The layout before, with the database's own figures; the map, which takes no part, as small as can be. */
static void configure(kv_config *cfg, int64_t cache_bytes, int64_t max_handles) {
    kv_config_default(cfg);
    cfg->memory_limit = UINT64_C(1) << 40; /* blocks are limited by blocks_max, and no wash is to start by itself */
    cfg->max_cache_size = (uint64_t)cache_bytes;
    cfg->max_handles = (uint32_t)max_handles;
    cfg->buckets = KV_BUCKETS_FRAGMENTED;
    cfg->handles = KV_HANDLES_FLAT;
    cfg->nodes = KV_NODES_PER_INSTANCE;
    cfg->wash = KV_WASH_PREALLOCATED;
    cfg->bucket_num = cfg->bucket_size = BUCKETS;
    cfg->lock_stripes = 1;
    cfg->hv_slots = VERSIONS;
}

static bool open_cache(rw_core *core, const kv_config *cfg, rw_thread *th, char *err, size_t err_len) {
    kv_rc rc = kv_create(prim_mem_private(), NULL, cfg, &core->cache);
    if (rc == KV_OK) {
        th->core = core;
        th->t = kv_thread_attach(core->cache);
        rc = th->t != NULL ? KV_OK : KV_NO_MEMORY;
    }
    for (uint32_t i = 0; i < MD_CACHES && rc == KV_OK; i++) {
        rc = inst_get(&core->cache->insts, th->t, i, 0, &core->inst[i]);
    }
    if (rc == KV_OK) {
        (void)st_try_supply(&core->cache->store, th->t,
                            cfg->supply_num); /* the database's init does; ours leaves it to the first use */
    }
    if (rc != KV_OK) {
        snprintf(err, err_len, "our core can't be created: %s", kv_rc_names[rc]);
    }
    return rc == KV_OK;
}

static rw_core *create(const rw_param *params, int32_t n, int64_t shared_bytes, char *err, int64_t err_len) {
    int64_t values[PARAM_CNT];
    kv_config cfg;
    (void)shared_bytes;
    for (int i = 0; i < PARAM_CNT; i++) {
        values[i] = params_known[i].standard;
        for (int32_t k = 0; k < n; k++) {
            values[i] = strcmp(params[k].name, params_known[i].name) == 0 ? params[k].value : values[i];
        }
    }
    rw_core *core = prim_object_alloc(sizeof *core);
    rw_thread *th = prim_object_alloc(sizeof *th);
    if (core == NULL || th == NULL) {
        snprintf(err, (size_t)err_len, "no memory");
        return NULL;
    }
    memset(core, 0, sizeof *core);
    memset(th, 0, sizeof *th);
    core->thread = th;
    core->blocks_max = values[3];
    configure(&cfg, values[1], values[2]);
    return open_cache(core, &cfg, th, err, (size_t)err_len) ? core : NULL;
}

static void close_core(rw_core *core) {
    if (core->cache != NULL) {
        for (int i = 0; i < MD_CACHES; i++) {
            inst_put(&core->cache->insts, core->inst[i]);
        }
        kv_destroy(core->cache);
        core->cache = NULL;
    }
}

static void destroy(rw_core *core) {
    close_core(core);
    prim_object_free(core);
}

static rw_thread *attach(rw_core *core, int32_t tid) {
    (void)tid;
    return core->thread;
}

RW_EXPORT const rw_target *rw_model_get(void) {
    static const rw_target target = {
        .abi = RW_TARGET_ABI,
        .name = "model",
        .params = params_known,
        .param_cnt = PARAM_CNT,
        .ops = sk_ops,
        .op_cnt = SK_OP_CNT,
        .codes = kv_rc_names,
        .code_cnt = KV_RC_COUNT,
        .create = create,
        .close = close_core,
        .destroy = destroy,
        .attach = attach,
        .detach = md_detach,
        .run = md_run,
    };
    return &target;
}
