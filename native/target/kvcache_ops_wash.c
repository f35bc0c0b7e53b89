/* Operations that take blocks away: reclaim, purge, washes, flush, and what the wash is told. */
#include "kvcache_private.h"

static kv_store *store_of(rw_thread *th) {
    return &th->judge.core->cache->store;
}

KT_OP(reclaim) {
    (void)arg;
    (void)st_reclaim(store_of(th), th->judge.t);
    return KV_OK;
}

KT_OP(purge) {
    (void)arg;
    st_purge(store_of(th));
    return KV_OK;
}

KT_OP(wash) {
    kt_did_evict(th);
    return arg[0] >= 0 ? kv_wash_now(th->judge.t, (uint64_t)arg[0], NULL) : KV_INVALID;
}

KT_OP(sync_wash) {
    uint32_t tenants = at_load(&th->judge.core->tenant_max, relaxed) + 1;
    kt_did_evict(th);
    return arg[0] >= 0 ? kv_sync_wash(th->judge.t, th->washes++ % tenants, (uint64_t)arg[0]) : KV_INVALID;
}

KT_OP(flush) {
    kt_did_evict(th);
    (void)kv_flush(th->judge.t, UINT32_MAX, arg[0] != 0); /* how many blocks weren't FULL is no failure */
    return KV_OK;
}

KT_OP(refresh_score) {
    (void)arg;
    return wash_refresh_score(th->judge.core->cache->wash, th->judge.t);
}

KT_OP(set_priority) {
    if (arg[0] < 0 || arg[0] >= KV_MAX_CACHE_NUM || arg[1] < 0) {
        return KV_INVALID;
    }
    wash_set_priority(th->judge.core->cache->wash, (uint32_t)arg[0], arg[1]);
    return KV_OK;
}

KT_OP(set_hold_size) {
    if (arg[0] < 0 || arg[0] >= KV_MAX_CACHE_NUM || arg[1] < 0) {
        return KV_INVALID;
    }
    wash_set_hold_size(th->judge.core->cache->wash, (uint32_t)arg[0], (uint64_t)arg[1]);
    return KV_OK;
}

KT_OP(figure) {
    int64_t value;
    if (arg[0] == 0) {
        value = (int64_t)at_load(&store_of(th)->cur_mb_num, acquire);
    } else if (arg[0] == 1) {
        value = wash_washable(th->judge.core->cache->wash, 0);
    } else {
        return KV_INVALID;
    }
    KT_CHECK(&th->judge, C2, value >= arg[1] && value <= arg[2], "%s %lld, must be from %lld to %lld",
             arg[0] == 0 ? "the handles supplied are" : "the bytes said to be washable are", (long long)value,
             (long long)arg[1], (long long)arg[2]);
    return KV_OK;
}
