/* The snapshot: figures of every part, as cells group[name].field = value. At quiescence exact, else torn. */
#include <stdio.h>

#include "kvcache_private.h"

typedef struct shot {
    rw_core *core;
    rw_cell *out;
    int32_t n, max; /* n goes on counting beyond max */
} shot;

static void cell(shot *s, const char *group, const char *name, const char *field, int64_t value) {
    if (s->n < s->max) {
        rw_cell *c = &s->out[s->n];
        memset(c, 0, sizeof *c);
        snprintf(c->group, sizeof c->group, "%s", group);
        snprintf(c->name, sizeof c->name, "%s", name);
        snprintf(c->field, sizeof c->field, "%s", field);
        c->value = value;
    }
    s->n++;
}

/* ---- Memory ---- */

static void labels(shot *s) {
    for (int label = 0; label < KV_LABEL_COUNT; label++) {
        la_account a = la_label_account(s->core->cache->la, (kv_label)label);
        const char *name = kv_label_names[label];
        cell(s, "labels", name, "used", a.used);
        cell(s, "labels", name, "hold", a.hold);
        cell(s, "labels", name, "count", a.count);
        cell(s, "labels", name, "peak_used", a.peak_used);
        cell(s, "labels", name, "peak_hold", a.peak_hold);
    }
}

static void total(shot *s, const char *name, const la_totals *t) {
    cell(s, "totals", name, "chunk_bytes", t->chunk_bytes);
    cell(s, "totals", name, "label_hold", t->label_hold);
    cell(s, "totals", name, "free_cells", t->free_cells);
    cell(s, "totals", name, "free_blocks", t->free_blocks);
    cell(s, "totals", name, "chunk_headers", t->chunk_headers);
    cell(s, "totals", name, "tables", t->tables);
    cell(s, "totals", name, "cache_hold", t->cache_hold);
    cell(s, "totals", name, "washed", t->washed);
    cell(s, "totals", name, "limit", t->limit);
    cell(s, "totals", name, "peak_chunk_bytes", t->peak_chunk_bytes);
}

static void totals(shot *s) {
    la_totals all = la_totals_all(s->core->cache->la);
    total(s, "all", &all);
    for (uint32_t tenant = 0; tenant < KV_MAX_TENANT_NUM; tenant++) {
        char name[16];
        la_totals t = la_totals_of(s->core->cache->la, tenant);
        snprintf(name, sizeof name, "tenant%u", tenant);
        total(s, name, &t);
    }
}

/* ---- Store ---- */

static void handles(shot *s) {
    kv_store *st = &s->core->cache->store;
    size_t used = st->pool.cap * sizeof(kv_handle *), hold = used; /* flat: a part of the array's one allocation */
    if (st->pool.la != NULL) {
        la_object_size(st->pool.slots, &used, &hold);
    }
    cell(s, "handles", "array", "supplied", (int64_t)at_load(&st->cur_mb_num, relaxed));
    cell(s, "handles", "array", "max", st->handles.max);
    cell(s, "handles", "array", "published", ha_published(&st->handles));
    cell(s, "handles", "array", "per_block", st->handles.per_block);
    cell(s, "handles", "pool", "length", (int64_t)pool_size(&st->pool));
    cell(s, "handles", "pool", "capacity", (int64_t)st->pool.cap);
    cell(s, "handles", "pool_slots", "used", (int64_t)used);
    cell(s, "handles", "pool_slots", "hold", (int64_t)hold);
}

static void store(shot *s) {
    kv_store *st = &s->core->cache->store;
    int64_t by_status[3] = {0}, pairs = 0;
    uint64_t supplied = at_load(&st->cur_mb_num, acquire);
    for (uint64_t i = 0; i < supplied; i++) {
        kv_handle *h = ha_at(&st->handles, i);
        int64_t status = h != NULL ? at_load(&h->status, relaxed) : KV_FREE;
        if (status == KV_USING || status == KV_FULL) {
            pairs += at_load(&h->kv_cnt, relaxed);
        }
        by_status[status == KV_USING || status == KV_FULL ? status : KV_FREE]++;
    }
    cell(s, "store", "blocks", "bytes", at_load(&st->store_size, relaxed));
    cell(s, "store", "blocks", "lru", at_load(&st->policy_cnt[KV_LRU], relaxed));
    cell(s, "store", "blocks", "lfu", at_load(&st->policy_cnt[KV_LFU], relaxed));
    cell(s, "store", "blocks", "pairs", pairs);
    cell(s, "store", "handles", "free", by_status[KV_FREE]);
    cell(s, "store", "handles", "using", by_status[KV_USING]);
    cell(s, "store", "handles", "full", by_status[KV_FULL]);
    cell(s, "retire", "list", "bytes", at_load(&st->hp.retired_bytes, relaxed));
    cell(s, "retire", "station", "handles", (int64_t)rs_size(&st->station));
    cell(s, "retire", "clock", "now", (int64_t)qc_now(&st->clock));
    cell(s, "retire", "clock", "open", qc_open(&st->clock));
    cell(s, "hazard", "pointers", "set", hp_set_count(&st->hp));
    cell(s, "hazard", "pointers", "blocks", at_load(&st->hp.block_cnt, relaxed));
}

/* ---- Map, instances, wash ---- */

typedef struct chains {
    int64_t nodes, buckets, longest, length;
    uint32_t bucket;
} chains;

static void count_node(void *arg, uint32_t bucket, kv_node *node) {
    chains *c = arg;
    (void)node;
    if (c->nodes++ == 0 || bucket != c->bucket) {
        c->bucket = bucket;
        c->buckets++;
        c->length = 0;
    }
    c->length++;
    c->longest = c->length > c->longest ? c->length : c->longest;
}

static void map(shot *s) {
    bucket_map *m = &s->core->cache->map;
    kv_thread self = {.core = s->core->cache, .id = s->core->cfg.max_threads};
    chains c = {0};
    map_each(m, &self, count_node, &c);
    cell(s, "map", "buckets", "number", m->bucket_num);
    cell(s, "map", "buckets", "used", c.buckets);
    cell(s, "map", "chains", "nodes", c.nodes);
    cell(s, "map", "chains", "longest", c.longest);
    cell(s, "map", "node_blocks", "shared", at_load(&m->nodes.block_cnt, relaxed));
    cell(s, "map", "node_bytes", "shared", at_load(&m->nodes.live_bytes, relaxed));
    cell(s, "hazard", "versions", "held", hv_held(&m->hv));
    cell(s, "hazard", "versions", "waiting", hv_waiting(&m->hv));
}

static void instance(void *arg, kv_inst *inst) {
    shot *s = arg;
    char name[24];
    snprintf(name, sizeof name, "%u/%u", inst->cache, inst->tenant); /* cache / tenant */
    cell(s, "instances", name, "pairs", at_load(&inst->kv_cnt, relaxed));
    cell(s, "instances", name, "bytes", at_load(&inst->store_size, relaxed));
    cell(s, "instances", name, "waiting", at_load(&inst->waiting_nodes, relaxed));
    cell(s, "instances", name, "deleted", at_load(&inst->deleted, relaxed));
    cell(s, "instances", name, "hits", at_load(&inst->hits, relaxed));
    cell(s, "instances", name, "misses", at_load(&inst->misses, relaxed));
}

static void wash(shot *s) {
    for (uint32_t tenant = 0; tenant < KV_MAX_TENANT_NUM; tenant++) {
        char name[16];
        snprintf(name, sizeof name, "tenant%u", tenant);
        cell(s, "wash", name, "washable", wash_washable(s->core->cache->wash, tenant));
    }
}

int32_t kt_snapshot(rw_core *core, rw_cell *out, int32_t max) {
    shot s = {.core = core, .out = out, .max = max};
    if (core->cache != NULL) { /* nothing is left of a core once closed */
        labels(&s);
        totals(&s);
        handles(&s);
        store(&s);
        map(&s);
        inst_each(&core->cache->insts, instance, &s);
        wash(&s);
    }
    return s.n;
}
