/* Label allocator: what it holds, by the running counters and recounted from the heap itself. */
#include "la_private.h"

static int64_t tables_of(uint32_t tenant) {
    return tenant == 0 ? (int64_t)la_round(sizeof(la_alloc), PRIM_PAGE) : 0;
}

void la_set_limit(la_alloc *la, uint32_t tenant, uint64_t bytes) {
    at_store(&la->tenants[tenant].limit, bytes, relaxed);
}

uint64_t la_limit(const la_alloc *la, uint32_t tenant) {
    return at_load(&la->tenants[tenant].limit, relaxed);
}

uint64_t la_tenant_hold(const la_alloc *la, uint32_t tenant) {
    return (uint64_t)at_load(&la->tenants[tenant].counted, relaxed);
}

uint64_t la_cache_hold(const la_alloc *la, uint32_t tenant) {
    return (uint64_t)at_load(&la->tenants[tenant].cache_hold, relaxed);
}

/* ---- Running counters ---- */

static void add_account(la_account *sum, const la_account *a) {
    sum->used += a->used;
    sum->hold += a->hold;
    sum->count += a->count;
    sum->peak_used += a->peak_used;
    sum->peak_hold += a->peak_hold;
}

la_account la_account_of(la_alloc *la, uint32_t tenant, la_ctx ctx, kv_label label) {
    la_set *set = &la->sets[tenant][ctx];
    (void)prim_lock(&set->lock);
    la_account a = set->accounts[label];
    prim_unlock(&set->lock);
    return a;
}

la_account la_label_account(la_alloc *la, kv_label label) {
    la_account sum = {0};
    for (uint32_t tenant = 0; tenant < KV_MAX_TENANT_NUM; tenant++) {
        for (uint32_t ctx = 0; ctx < LA_CTX_COUNT; ctx++) {
            la_account a = la_account_of(la, tenant, (la_ctx)ctx, label);
            add_account(&sum, &a);
        }
    }
    return sum;
}

la_totals la_totals_of(la_alloc *la, uint32_t tenant) {
    la_tenant *tn = &la->tenants[tenant];
    la_totals t = {.tables = tables_of(tenant)};
    for (uint32_t ctx = 0; ctx < LA_CTX_COUNT; ctx++) {
        la_set *set = &la->sets[tenant][ctx];
        (void)prim_lock(&set->lock);
        for (uint32_t label = 0; label < KV_LABEL_COUNT; label++) {
            t.label_hold += label != KV_L_CACHE ? set->accounts[label].hold : 0;
        }
        t.free_cells += set->free_cells;
        t.free_blocks += set->free_blocks;
        t.chunk_headers += set->chunk_cnt * LA_CHUNK_HEADER;
        prim_unlock(&set->lock);
    }
    t.washed = at_load(&tn->washed, relaxed);
    t.chunk_bytes = at_load(&tn->counted, relaxed) + t.washed;
    t.cache_hold = at_load(&tn->cache_hold, relaxed);
    t.limit = (int64_t)at_load(&tn->limit, relaxed);
    t.peak_chunk_bytes = at_load(&tn->peak, relaxed);
    return t;
}

la_totals la_totals_all(la_alloc *la) {
    la_totals sum = {0};
    for (uint32_t tenant = 0; tenant < KV_MAX_TENANT_NUM; tenant++) {
        la_totals t = la_totals_of(la, tenant);
        sum.chunk_bytes += t.chunk_bytes;
        sum.label_hold += t.label_hold;
        sum.free_cells += t.free_cells;
        sum.free_blocks += t.free_blocks;
        sum.chunk_headers += t.chunk_headers;
        sum.tables += t.tables;
        sum.cache_hold += t.cache_hold;
        sum.washed += t.washed;
        sum.limit += t.limit;
        sum.peak_chunk_bytes += t.peak_chunk_bytes;
    }
    return sum;
}

/* ---- Recount ---- */

typedef struct recount {
    la_account (*accounts)[KV_LABEL_COUNT]; /* of one tenant, by context */
    la_totals *totals;
} recount;

static LA_RAW void count_object(recount *r, const la_obj *o) {
    la_account *a = &r->accounts[o->ctx][o->label];
    int64_t hold = (int64_t)la_hold(o->n);
    a->used += (int64_t)o->n;
    a->hold += hold;
    a->count++;
    r->totals->label_hold += hold;
}

static LA_RAW void count_cells(recount *r, const char *block) {
    for (size_t at = 0; at < LA_BLOCK;) {
        const la_obj *o = (const la_obj *)(const void *)(block + at);
        if (o->magic == LA_LIVE) {
            count_object(r, o);
        } else {
            r->totals->free_cells += (int64_t)o->units * LA_UNIT;
        }
        at += (size_t)o->units * LA_UNIT;
    }
}

static void count_blocks(recount *r, const la_chunk *c) {
    for (uint32_t i = 0; i < LA_BLOCKS; i += c->runs[i].len) {
        const la_run *run = &c->runs[i];
        const char *block = la_payload(c) + (size_t)i * LA_BLOCK;
        if (run->kind == LA_RUN_OBJECTS) {
            count_cells(r, block);
        } else if (run->kind == LA_RUN_LARGE) {
            count_object(r, (const la_obj *)(const void *)block);
        } else {
            r->totals->free_blocks += (int64_t)run->len * LA_BLOCK;
        }
        for (uint32_t b = 0; b < run->len; b++) {
            r->totals->washed += run->kind == LA_RUN_FREE && run[b].washed ? LA_BLOCK : 0;
        }
    }
}

static void count_chunk(recount *r, const la_chunk *c) {
    r->totals->chunk_bytes += (int64_t)c->bytes;
    r->totals->chunk_headers += LA_CHUNK_HEADER;
    if (c->kind == LA_CHUNK_BLOCKS) {
        count_blocks(r, c);
    } else if (c->kind == LA_CHUNK_OBJECT) {
        count_object(r, (const la_obj *)(const void *)la_payload(c));
    } else {
        int64_t hold = (int64_t)(c->bytes - LA_CHUNK_HEADER);
        la_account *a = &r->accounts[LA_CTX_CACHE][KV_L_CACHE];
        a->used += (int64_t)c->n;
        a->hold += hold;
        a->count++;
        r->totals->cache_hold += hold;
    }
}

void la_recount(la_alloc *la, la_account accounts[KV_MAX_TENANT_NUM][LA_CTX_COUNT][KV_LABEL_COUNT],
                la_totals totals[KV_MAX_TENANT_NUM]) {
    memset(accounts, 0, sizeof(la_account) * KV_MAX_TENANT_NUM * LA_CTX_COUNT * KV_LABEL_COUNT);
    for (uint32_t tenant = 0; tenant < KV_MAX_TENANT_NUM; tenant++) {
        la_totals *t = &totals[tenant];
        *t = (la_totals){.tables = tables_of(tenant), .limit = (int64_t)la_limit(la, tenant)};
        t->chunk_bytes = t->tables;
        recount r = {.accounts = accounts[tenant], .totals = t};
        for (uint32_t ctx = 0; ctx < LA_CTX_COUNT; ctx++) {
            la_set *set = &la->sets[tenant][ctx];
            (void)prim_lock(&set->lock);
            for (la_chunk_kind kind = LA_CHUNK_BLOCKS; kind <= LA_CHUNK_CACHE; kind++) {
                for (const la_chunk *c = set->chunks[kind]; c != NULL; c = c->next) {
                    count_chunk(&r, c);
                }
            }
            prim_unlock(&set->lock);
        }
    }
}
