/* Wash: creation, refresh of scores, the scan, and the round of the layout after (A13, A14). */
#include "wash_private.h"

/* ---- Creation, lock ---- */

kv_rc wash_init(kv_wash **out, kv_store *st, inst_table *insts, const kv_config *cfg, kv_thread *t, bool shared) {
    *out = NULL;
    kv_wash *w = la_zalloc(st->la, t, 0, LA_CTX_DEFAULT, KV_L_WASH, sizeof *w);
    if (w == NULL) {
        return KV_NO_MEMORY;
    }
    w->la = st->la;
    w->st = st;
    w->insts = insts;
    w->cfg = cfg;
    prim_lock_init(&w->lock, shared);
    if (cfg->wash == KV_WASH_PREALLOCATED && wb_make(w, t) != KV_OK) {
        wash_destroy(w); /* W7 */
        return KV_NO_MEMORY;
    }
    *out = w;
    return KV_OK;
}

static void free_places(kv_wash *w) {
    uint64_t *places = w->places;
    w->places = NULL;
    la_free(w->la, places);
}

void wash_destroy(kv_wash *w) {
    if (w != NULL) {
        wb_free(w);
        free_places(w);
        prim_lock_destroy(&w->lock);
        la_free(w->la, w);
    }
}

void wash_lock(kv_wash *w, kv_thread *t) {
    if (!prim_lock(&w->lock)) { /* the process of the last round died in it: what it held is given up first */
        wb_abandon(w);
        free_places(w);
    }
    t->held[KV_H_WASH]++;
}

void wash_unlock(kv_wash *w, kv_thread *t) {
    prim_unlock(&w->lock);
    t->held[KV_H_WASH]--;
}

/* ---- Small ones ---- */

void wash_set_priority(kv_wash *w, uint32_t cache, int64_t priority) {
    if (cache < KV_MAX_CACHE_NUM) {
        at_store(&w->insts->priority[cache], priority, relaxed);
    }
}

void wash_set_hold_size(kv_wash *w, uint32_t cache, uint64_t bytes) {
    if (cache < KV_MAX_CACHE_NUM) {
        at_store(&w->hold_size[cache], bytes, relaxed);
    }
}

int64_t wash_washable(kv_wash *w, uint32_t tenant) {
    uint32_t i = w->before != NULL && tenant < KV_MAX_TENANT_NUM ? tenant : 0;
    return at_load(&w->washable[i], relaxed);
}

uint64_t wash_compute_size(kv_wash *w, uint64_t limit, uint64_t used, uint64_t reserved) {
    (void)w;
    return wsize_after(limit, used, reserved);
}

/* ---- A13 ---- */

typedef struct refresh {
    kv_wash *w;
    bool before;
    double hits; /* after: of all instances since the last round */
    int64_t priority[KV_MAX_CACHE_NUM];
} refresh;

static void decay_base(_Atomic(uint64_t) *base, double hits, int64_t blocks) {
    double b = double_of_bits(at_load(base, relaxed)) * 0.9 + (blocks > 0 ? hits / (double)blocks : 0);
    at_store(base, bits_of_double(b), relaxed); /* one writer, by the wash lock; readers take what they meet */
}

static void refresh_inst(void *arg, kv_inst *inst) {
    refresh *r = arg;
    int64_t hits = at_load(&inst->hits, relaxed);
    double fresh = (double)(hits - at_load(&inst->hits_seen, relaxed));
    at_store(&inst->hits_seen, hits, relaxed);
    r->hits += fresh;
    if (r->before) {
        int64_t blocks = at_load(&inst->mb_cnt[KV_LRU], relaxed) + at_load(&inst->mb_cnt[KV_LFU], relaxed);
        decay_base(&inst->base_score, fresh * (double)r->priority[inst->cache], blocks);
    }
}

/* Protected. A compare-exchange, since the closing of the block may add to the score just now. */
static void refresh_handle(const refresh *r, kv_handle *h) {
    double recent = (double)at_xchg(&h->recent_get_cnt, 0, relaxed);
    const kv_inst *inst = at_load(&h->inst, relaxed);
    if (r->before && inst != NULL) {
        recent *= (double)r->priority[inst->cache];
    }
    uint64_t old = at_load(&h->score, relaxed);
    while (!at_cas_weak(&h->score, &old, bits_of_double(double_of_bits(old) * 0.9 + recent), relaxed, relaxed)) {
    }
}

kv_rc ws_refresh_score(kv_wash *w, kv_thread *t) {
    kv_store *st = w->st;
    refresh r = {.w = w, .before = w->before != NULL};
    for (uint32_t c = 0; c < KV_MAX_CACHE_NUM; c++) {
        r.priority[c] = at_load(&w->insts->priority[c], relaxed);
    }
    inst_each(w->insts, refresh_inst, &r);
    if (!r.before) {
        int64_t blocks = at_load(&st->policy_cnt[KV_LRU], relaxed) + at_load(&st->policy_cnt[KV_LFU], relaxed);
        decay_base(&st->base_score, r.hits, blocks);
    }
    uint64_t supplied = at_load(&st->cur_mb_num, acquire); /* acquire: the blocks below it exist */
    for (uint64_t i = 0; i < supplied; i++) {
        hp_holder holder = {0};
        kv_rc rc = hp_protect(&st->hp, t, ha_at(&st->handles, i), &holder);
        if (rc == KV_NO_HAZARD) {
            return rc;
        }
        if (rc == KV_OK) {
            refresh_handle(&r, holder.handle);
            hp_release(&st->hp, t, &holder);
        }
    }
    return KV_OK;
}

kv_rc wash_refresh_score(kv_wash *w, kv_thread *t) {
    wash_lock(w, t);
    kv_rc rc = ws_refresh_score(w, t);
    wash_unlock(w, t);
    return rc;
}

/* ---- The scan and the retirement ---- */

kv_rc ws_scan(kv_wash *w, kv_thread *t, wash_visit visit, void *arg) {
    kv_store *st = w->st;
    uint64_t supplied = at_load(&st->cur_mb_num, acquire); /* acquire: the blocks below it exist */
    for (uint64_t i = 0; i < supplied; i++) {
        kv_handle *h = ha_at(&st->handles, i);
        hp_holder holder;
        kv_rc rc = st_protect(st, t, h, &holder);
        if (rc == KV_NO_HAZARD) {
            return rc;
        }
        if (rc != KV_OK) {
            continue;
        }
        if (at_load(&h->status, acquire) == KV_FULL) {
            visit(arg, h, double_of_bits(at_load(&h->score, relaxed)), st_block_hold(h));
        }
        hp_release(&st->hp, t, &holder);
    }
    return KV_OK;
}

/* W5: one by one, each under the protection of the incarnation chosen, where upstream retires bare handles as one
 * batch: a handle reused since would be retired whatever it holds now. Every release goes before the reclaim, so our
 * own protection keeps nothing back. */
uint32_t ws_retire(kv_wash *w, kv_thread *t, const wash_heap *heap) {
    kv_store *st = w->st;
    uint32_t retired = 0;
    for (uint32_t i = 0; i < heap->size; i++) {
        int64_t seq;
        kv_handle *h = wh_at(heap, i, &seq);
        hp_holder holder = {0};
        if (h == NULL || st_protect(st, t, h, &holder) != KV_OK) {
            continue;
        }
        if (at_load(&h->seq_num, relaxed) == seq) { /* protected, so it stays so */
            retired += st_retire(st, h);
        }
        hp_release(&st->hp, t, &holder);
    }
    return retired;
}

/* ---- The round after ---- */

typedef struct look {
    kv_wash *w;
    wash_heap heap;
    uint32_t at_once;
    int64_t washable;
} look;

static void look_at(void *arg, kv_handle *h, double score, uint64_t hold) {
    look *l = arg;
    if (score * 1000 <= (double)l->w->cfg->zero_score_millis) {
        if (st_retire(l->w->st, h)) {
            l->at_once++;
            wh_shrink(&l->heap);
        }
        return;
    }
    l->washable += (int64_t)hold;
    wh_offer(&l->heap, h);
}

/* Refresh, choose, retire. The heap is freed on every path (Q10). */
static kv_rc run_after(kv_wash *w, kv_thread *t, uint64_t force_bytes, wash_result *out) {
    kv_store *st = w->st;
    out->wanted = force_bytes > 0 ? force_bytes : wsize_after(la_limit(w->la, 0), la_tenant_hold(w->la, 0), 0);
    (void)ws_refresh_score(w, t); /* ended early: the scores are older, that is all */
    uint64_t cap = out->wanted / w->cfg->block_size, supplied = at_load(&st->cur_mb_num, relaxed);
    cap = cap < supplied ? cap : supplied; /* more places than handles are of no use */
    if (cap > 0) {
        w->places = la_malloc(w->la, t, 0, LA_CTX_DEFAULT, KV_L_WASH, cap * sizeof *w->places);
        if (w->places == NULL) {
            return KV_NO_MEMORY;
        }
    }
    out->heap_size = (uint32_t)cap;
    look l = {.w = w};
    wh_init(&l.heap, &st->handles, w->places, (uint32_t)cap);
    kv_rc rc = ws_scan(w, t, look_at, &l);
    if (rc == KV_OK) { /* W14: upstream publishes also what an empty or broken-off look has not seen */
        at_store(&w->washable[0], l.washable, relaxed);
    }
    out->at_once = l.at_once;
    out->retired = ws_retire(w, t, &l.heap);
    free_places(w);
    return rc;
}

kv_rc wash_run(kv_wash *w, kv_thread *t, uint64_t force_bytes, wash_result *out) {
    wash_result result = {0};
    kv_rc rc = KV_OK;
    bool ran = true;
    uint32_t nobody = 0;
    wash_lock(w, t);
    /* The thread of the first wash gets the long retire limit from now on. */
    at_cas(&w->st->wash_thread, &nobody, t->id + 1, relaxed, relaxed);
    if (w->before != NULL) {
        ran = wb_run(w, t, force_bytes, &result, &rc);
    } else {
        rc = run_after(w, t, force_bytes, &result);
    }
    if (ran) {
        result.reclaimed = st_reclaim(w->st, t);
        st_purge(w->st);
    }
    wash_unlock(w, t);
    if (out != NULL) {
        *out = result;
    }
    return rc;
}
