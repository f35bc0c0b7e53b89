/* Full capacity once nothing fails any more (F2): every handle can be had, and every pair put can be got. */
#include "kvcache_ops.h"
#include "kvcache_private.h"

enum { KT_RECOVER_HANDLES = 4096, KT_RECOVER_KEYS = 4, KT_RECOVER_BYTES = 40, KT_RECOVER_TID = 1 << 20 };

static kv_rc run(rw_thread *th, int32_t code, int64_t a, int64_t b, int64_t c) {
    rw_op op = {.code = code, .arg = {a, b, c, 0}};
    int64_t rc = kt_run(th, &op);
    return rc >= 0 ? (kv_rc)rc : KV_RC_COUNT; /* a violation, recorded */
}

/* ---- Handles ---- */

static uint64_t in_use(kv_store *st) {
    uint64_t n = 0, supplied = at_load(&st->cur_mb_num, acquire);
    for (uint64_t i = 0; i < supplied; i++) {
        n += at_load(&ha_at(&st->handles, i)->mem_block, acquire) != NULL;
    }
    return n;
}

/* All handles at once: those in use, and one new block for each of the others. */
static void judge_handles(kt_judge *j) {
    rw_core *core = j->core;
    kv_store *st = &core->cache->store;
    uint64_t most = st->max_handles < KT_RECOVER_HANDLES ? st->max_handles : KT_RECOVER_HANDLES, n = 0;
    uint64_t kept = in_use(st);
    kv_rc rc = KV_OK;
    kv_handle *h;
    while (n < most && (rc = st_alloc_mbhandle(st, j->t, NULL, KV_LRU, 2 * sizeof(kv_mem_block), &h)) == KV_OK) {
        core->nodes_of[n++] = (uint32_t)ha_index(&st->handles, h);
    }
    bool all = n == most || (rc == KV_NO_HANDLE && n + kept == st->max_handles);
    KT_CHECK(j, F2, all, "of %llu handles %llu are in use and only %llu can be had: then it is %s",
             (unsigned long long)st->max_handles, (unsigned long long)kept, (unsigned long long)n, kv_rc_names[rc]);
    while (n > 0) {
        h = ha_at(&st->handles, core->nodes_of[--n]);
        st_set_full(st, h, 0);
        (void)st_retire(st, h);
    }
    (void)st_reclaim(st, j->t);
    st_purge(st);
}

/* ---- Pairs ---- */

/* A block is closed only by the one that takes its place. So on the smallest cores every handle may have a block that
 * is still being filled, and has no room: no wash can help a put then, and NO_HANDLE is its contract. */
static bool all_filling(kv_store *st) {
    uint64_t n = 0, supplied = at_load(&st->cur_mb_num, acquire);
    for (uint64_t i = 0; i < supplied; i++) {
        n += at_load(&ha_at(&st->handles, i)->status, acquire) == KV_USING;
    }
    return n == st->max_handles;
}

static void judge_pairs(rw_thread *th, int64_t instance) {
    for (int64_t key = 0; key < KT_RECOVER_KEYS; key++) {
        kv_rc put = run(th, KT_NO_put, instance, key, KT_RECOVER_BYTES);
        kv_rc got = put == KV_OK ? run(th, KT_NO_get, instance, key, 0) : KV_NOT_FOUND;
        if (put < KV_RC_COUNT && got < KV_RC_COUNT) { /* else the operation has broken another invariant */
            bool full = put == KV_NO_HANDLE && all_filling(&th->judge.core->cache->store);
            KT_CHECK(&th->judge, F2, full || (put == KV_OK && got == KV_OK),
                     "with nobody else about put ended as %s, get as %s", kv_rc_names[put], kv_rc_names[got]);
        }
    }
}

/* A drop that ended early is to be called again; now it has to get to its end. */
static void judge_drop(rw_thread *th, int64_t instance) {
    kv_rc rc = run(th, KT_NO_drop_instance, instance, 0, 0);
    KT_CHECK(&th->judge, F2, rc == KV_OK || rc == KV_NOT_FOUND || rc == KV_RC_COUNT,
             "with nobody else about drop_instance ended as %s", kv_rc_names[rc]);
}

int64_t kt_recover(rw_core *core) {
    if (core->cache == NULL || kt_recorded(core) > 0) { /* what is broken already would only break more */
        return kt_recorded(core);
    }
    kt_judge outside = {.core = core, .tid = -1};
    rw_thread *th = kt_attach(core, KT_RECOVER_TID);
    if (KT_CHECK(&outside, F2, th != NULL, "no thread can be attached any more")) {
        th->judge.tid = -1; /* no program's */
        int64_t tenants = (int64_t)at_load(&core->tenant_max, relaxed) + 1;
        for (int64_t tenant = 0; tenant < tenants; tenant++) {
            judge_drop(th, tenant * KV_MAX_CACHE_NUM);
        }
        (void)run(th, KT_NO_flush, 1, 0, 0);
        judge_handles(&th->judge);
        for (int64_t tenant = 0; tenant < tenants; tenant++) {
            judge_pairs(th, tenant * KV_MAX_CACHE_NUM);
        }
        kt_detach(th);
    }
    kt_fold(&outside);
    return kt_recorded(core);
}
