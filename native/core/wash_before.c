/* Wash: the layout before, all of whose structures are allocated at creation and kept (A14).
 *
 * Tenants are the dense numbers 0 .. 4 here, so the source's hash map from tenant ids is a table of as many entries.
 */
#include "wash_private.h"

enum { TENANT_HEAPS = KV_MAX_CACHE_NUM + 1, INST_MAX = KV_MAX_CACHE_NUM * KV_MAX_TENANT_NUM };

typedef struct tenant_wash { /* the source's TenantWashInfo: 33 heaps */
    uint64_t tenant;
    uint64_t wash;
    int64_t washable;
    bool own_heap[KV_MAX_CACHE_NUM]; /* caches with a hold size */
    wash_heap heap;
    wash_heap cache_heap[KV_MAX_CACHE_NUM];
} tenant_wash;

struct wash_before {
    uint64_t *tenant_ids;  /* with a living instance */
    kv_inst **insts;       /* with a reference each while a round runs */
    tenant_wash *infos;    /* one per tenant */
    tenant_wash **by_tenant; /* NULL: no living instance */
    uint64_t *pool;        /* 2 * max places for all heaps */
    uint32_t tenant_cnt, inst_cnt;
    uint32_t pool_used;
    bool deleted_seen; /* an instance waits for its blocks to go */
    uint32_t skipped;  /* rounds since the last refresh of scores */
};

/* ---- Creation ---- */

/* A macro, so that each structure is a place of its own. */
#define keep(w, t, bytes) la_zalloc((w)->la, (t), 0, LA_CTX_DEFAULT, KV_L_WASH, (bytes))

kv_rc wb_make(kv_wash *w, kv_thread *t) {
    wash_before *b = w->before = keep(w, t, sizeof *b);
    if (b == NULL) {
        return KV_NO_MEMORY;
    }
    b->tenant_ids = keep(w, t, KV_MAX_TENANT_NUM * sizeof *b->tenant_ids);
    b->insts = keep(w, t, INST_MAX * sizeof *b->insts);
    b->infos = keep(w, t, KV_MAX_TENANT_NUM * sizeof *b->infos);
    b->by_tenant = keep(w, t, KV_MAX_TENANT_NUM * sizeof *b->by_tenant);
    b->pool = keep(w, t, 2 * w->st->max_handles * sizeof *b->pool);
    bool all = b->tenant_ids != NULL && b->insts != NULL && b->infos != NULL && b->by_tenant != NULL && b->pool != NULL;
    return all ? KV_OK : KV_NO_MEMORY; /* what was made is found by wb_free */
}

void wb_free(kv_wash *w) {
    wash_before *b = w->before;
    if (b != NULL) {
        la_free(w->la, b->tenant_ids);
        la_free(w->la, b->insts);
        la_free(w->la, b->infos);
        la_free(w->la, b->by_tenant);
        la_free(w->la, b->pool);
        la_free(w->la, b);
        w->before = NULL;
    }
}

void wb_abandon(kv_wash *w) {
    wash_before *b = w->before;
    while (b != NULL && b->inst_cnt > 0) {
        inst_put(w->insts, b->insts[--b->inst_cnt]);
    }
}

/* ---- Who is there, and how much is to go ---- */

static void meet_inst(void *arg, kv_inst *inst) {
    wash_before *b = arg;
    if (at_load(&inst->deleted, relaxed)) {
        b->deleted_seen = true;
        return;
    }
    if (b->by_tenant[inst->tenant] == NULL) {
        b->by_tenant[inst->tenant] = &b->infos[inst->tenant];
        b->tenant_ids[b->tenant_cnt++] = inst->tenant;
    }
    at_add(&inst->refs, 1, relaxed); /* removers are excluded by the table's lock, which our caller holds for reading */
    b->insts[b->inst_cnt++] = inst;
}

static void meet_all(kv_wash *w) {
    wash_before *b = w->before;
    b->tenant_cnt = b->inst_cnt = b->pool_used = 0;
    b->deleted_seen = false;
    memset(b->infos, 0, KV_MAX_TENANT_NUM * sizeof *b->infos);
    memset(b->by_tenant, 0, KV_MAX_TENANT_NUM * sizeof *b->by_tenant);
    inst_each(w->insts, meet_inst, b);
    for (uint32_t i = 0; i < KV_MAX_TENANT_NUM; i++) {
        b->infos[i].tenant = i;
    }
}

/* Fills each tenant's wash size; true when a threshold is met (or a size was forced). */
static bool share_out(kv_wash *w, uint64_t force_bytes, uint64_t *wanted) {
    wash_before *b = w->before;
    wsize_tenant sizes[KV_MAX_TENANT_NUM] = {0};
    uint64_t used = 0, cache = 0, total = force_bytes;
    for (uint32_t i = 0; i < b->tenant_cnt; i++) {
        uint32_t tenant = (uint32_t)b->tenant_ids[i];
        sizes[i].used = la_tenant_hold(w->la, tenant);
        sizes[i].cache = (uint64_t)la_cache_hold(w->la, tenant);
        sizes[i].lower = sizes[i].upper = la_limit(w->la, tenant); /* one limit a tenant in this model */
        cache += sizes[i].cache;
    }
    if (force_bytes == 0) {
        for (uint32_t i = 0; i < KV_MAX_TENANT_NUM; i++) {
            used += la_tenant_hold(w->la, i);
        }
        wsize_bounds(sizes, b->tenant_cnt);
        total = wsize_system(w->cfg->memory_limit, used, 0);
    }
    *wanted = wsize_share(sizes, b->tenant_cnt, total);
    uint64_t block = w->cfg->block_size;
    bool valid = force_bytes > 0 || *wanted / block >= wsize_global_threshold(cache / block);
    for (uint32_t i = 0; i < b->tenant_cnt; i++) {
        b->infos[b->tenant_ids[i]].wash = sizes[i].wash;
        valid = valid || sizes[i].wash >= wsize_tenant_threshold(sizes[i].cache);
    }
    return valid;
}

/* ---- Heaps ---- */

/* A heap of bytes / block_size places from the pool's next part, of which `room` places may be given. */
static void open_heap(kv_wash *w, wash_heap *heap, uint64_t bytes, uint64_t room) {
    wash_before *b = w->before;
    uint64_t cap = bytes / w->cfg->block_size, supplied = at_load(&w->st->cur_mb_num, relaxed);
    cap = cap < supplied ? cap : supplied;
    cap = cap < room - b->pool_used ? cap : room - b->pool_used;
    wh_init(heap, &w->st->handles, b->pool + b->pool_used, (uint32_t)cap);
    b->pool_used += (uint32_t)cap;
}

static uint32_t open_heaps(kv_wash *w) {
    wash_before *b = w->before;
    for (uint32_t i = 0; i < b->tenant_cnt; i++) { /* the tenants' heaps share one half of the pool */
        tenant_wash *info = &b->infos[b->tenant_ids[i]];
        open_heap(w, &info->heap, info->wash, w->st->max_handles);
    }
    uint32_t places = b->pool_used;
    for (uint32_t i = 0; i < b->inst_cnt; i++) { /* the caches' the rest */
        const kv_inst *inst = b->insts[i];
        tenant_wash *info = &b->infos[inst->tenant];
        uint64_t hold = at_load(&w->hold_size[inst->cache], relaxed);
        if (hold > 0) {
            int64_t size = at_load(&inst->store_size, relaxed);
            uint64_t above = size > 0 && (uint64_t)size > hold ? (uint64_t)size - hold : 0;
            info->own_heap[inst->cache] = true;
            open_heap(w, &info->cache_heap[inst->cache], above < info->wash ? above : info->wash,
                      2 * w->st->max_handles);
        }
    }
    return places;
}

/* ---- The round ---- */

typedef struct look {
    kv_wash *w;
    uint32_t at_once;
} look;

static void look_at(void *arg, kv_handle *h, double score, uint64_t hold) {
    look *l = arg;
    const kv_inst *inst = at_load(&h->inst, relaxed); /* alive as long as one of its blocks is held */
    (void)score; /* no score is low enough to go at once in this layout */
    /* Nobody can find these pairs any more. The source asks whether the tenant is in its table, so that an instance
     * dropped from a living tenant waits for its blocks to lose their scores, and a tenant that came after the table
     * was made loses its blocks; the mark of the instance says it exactly. */
    if (inst != NULL && at_load(&inst->deleted, relaxed)) {
        l->at_once += st_retire(l->w->st, h);
        return;
    }
    tenant_wash *info = &l->w->before->infos[inst != NULL ? inst->tenant : 0];
    info->washable += (int64_t)hold;
    wh_offer(inst != NULL && info->own_heap[inst->cache] ? &info->cache_heap[inst->cache] : &info->heap, h);
}

static uint32_t merge_and_retire(kv_wash *w, kv_thread *t) {
    wash_before *b = w->before;
    uint32_t retired = 0;
    for (uint32_t i = 0; i < b->tenant_cnt; i++) {
        tenant_wash *info = &b->infos[b->tenant_ids[i]];
        for (uint32_t c = 0; c < KV_MAX_CACHE_NUM; c++) {
            wh_merge(&info->heap, &info->cache_heap[c]);
        }
        retired += ws_retire(w, t, &info->heap);
    }
    return retired;
}

bool wb_run(kv_wash *w, kv_thread *t, uint64_t force_bytes, wash_result *out, kv_rc *rc) {
    wash_before *b = w->before;
    meet_all(w);
    bool valid = share_out(w, force_bytes, &out->wanted);
    if (!valid && !b->deleted_seen) {
        wb_abandon(w);
        if (++b->skipped >= WASH_SKIPPED_MAX) {
            b->skipped = 0;
            *rc = ws_refresh_score(w, t);
        }
        return false;
    }
    b->skipped = 0;
    (void)ws_refresh_score(w, t);
    if (valid) {
        out->heap_size = open_heaps(w); /* else every heap has no place: only what is gone goes */
    }
    look l = {.w = w};
    *rc = ws_scan(w, t, look_at, &l);
    for (uint32_t i = 0; *rc == KV_OK && i < KV_MAX_TENANT_NUM; i++) { /* W14: only what a whole scan has seen */
        at_store(&w->washable[i], b->infos[i].washable, relaxed);
    }
    out->at_once = l.at_once;
    out->retired = merge_and_retire(w, t);
    wb_abandon(w);
    return true;
}
