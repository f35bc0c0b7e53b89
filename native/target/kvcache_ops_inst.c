/* Operations on many pairs, on instances and on hazard versions. */
#include "kvcache_private.h"

static kv_cache *cache_of(rw_thread *th) {
    return th->judge.core->cache;
}

/* ---- Many pairs, instances ---- */

KT_OP(erase_cache) {
    bool ok = arg[0] >= 0 && arg[0] < KV_MAX_CACHE_NUM;
    kv_rc rc = ok ? map_erase_cache(&cache_of(th)->map, th->judge.t, (uint32_t)arg[0]) : KV_INVALID;
    kt_did_clear(th, rc, arg[0], RW_ANY);
    return rc;
}

KT_OP(erase_tenant) {
    bool ok = arg[0] >= 0 && arg[0] < KV_MAX_TENANT_NUM;
    kv_rc rc = ok ? map_erase_tenant(&cache_of(th)->map, th->judge.t, (uint32_t)arg[0]) : KV_INVALID;
    kt_did_clear(th, rc, RW_ANY, arg[0]);
    return rc;
}

KT_OP(erase_all) {
    (void)arg;
    kv_rc rc = map_erase_all(&cache_of(th)->map, th->judge.t);
    kt_did_clear(th, rc, RW_ANY, RW_ANY);
    return rc;
}

KT_OP(create_instance) {
    uint32_t cache, tenant;
    kv_inst *inst;
    if (!kt_instance(th, arg[0], &cache, &tenant)) {
        return KV_INVALID;
    }
    kv_rc rc = inst_get(&cache_of(th)->insts, th->judge.t, cache, tenant, &inst);
    if (rc == KV_OK) {
        inst_put(&cache_of(th)->insts, inst);
    }
    return rc;
}

KT_OP(drop_instance) {
    uint32_t cache, tenant;
    if (!kt_instance(th, arg[0], &cache, &tenant)) {
        return KV_INVALID;
    }
    kv_rc rc = kv_drop_instance(th->judge.t, cache, tenant);
    kt_did_clear(th, rc, cache, tenant);
    return rc;
}

KT_OP(clean_garbage) {
    uint32_t n;
    (void)arg;
    return map_clean_garbage(&cache_of(th)->map, th->judge.t, &n);
}

KT_OP(replace_fragments) {
    uint32_t n;
    (void)arg;
    return map_replace_fragments(&cache_of(th)->map, th->judge.t, &n);
}

/* ---- Hazard versions ---- */

KT_OP(hv_hold) {
    bucket_map *m = &cache_of(th)->map;
    (void)arg;
    if (th->version_held) {
        return KV_BAD_STATE;
    }
    kv_rc rc = hv_acquire(&m->hv, th->judge.t, &th->version);
    if (rc != KV_OK) {
        return rc;
    }
    th->version_held = true;
    th->note_cnt = 0;
    uint32_t n = th->recent_cnt < KT_RECENT ? th->recent_cnt : KT_RECENT;
    for (uint32_t i = 0; i < n; i++) { /* where this thread has just been, nodes are likely */
        unsigned char key[KT_KEY_BYTES];
        kt_make_key(th->recent[i].key, key);
        uint64_t hash = map_hash(key, sizeof key) + (uint64_t)th->recent[i].instance % KV_MAX_CACHE_NUM;
        th->note_cnt = kt_note_chain(&th->judge, (uint32_t)(hash % m->bucket_num), th->notes, th->note_cnt);
    }
    return KV_OK;
}

void kt_drop_version(rw_thread *th) {
    if (th->version_held) {
        kt_check_notes(&th->judge, th->notes, th->note_cnt);
        hv_release(&cache_of(th)->map.hv, th->judge.t, th->version);
        th->version_held = false;
    }
}

KT_OP(hv_drop) {
    (void)arg;
    if (!th->version_held) {
        return KV_BAD_STATE;
    }
    kt_drop_version(th);
    return KV_OK;
}
