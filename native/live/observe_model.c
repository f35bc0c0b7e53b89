/* Observes our core at rest. */
#include "model_private.h"

static ob_handle *at(rw_core *core, ob_record *out, const kv_handle *h) {
    return &out->handles[ha_index(&core->cache->store.handles, h)];
}

static void handles(rw_core *core, ob_record *out) {
    kv_store *st = &core->cache->store;
    for (uint64_t i = 0; i < st->max_handles; i++) {
        const kv_handle *h = ha_at(&st->handles, i);
        const kv_mem_block *block = at_load(&h->mem_block, acquire);
        out->handles[i] = (ob_handle){
            .status = at_load(&h->status, relaxed),
            .seq = at_load(&h->seq_num, relaxed),
            .policy = at_load(&h->policy, relaxed),
            .gets = at_load(&h->get_cnt, relaxed),
            .recent = at_load(&h->recent_get_cnt, relaxed),
            .score = (int64_t)at_load(&h->score, relaxed),
            .pairs = at_load(&h->kv_cnt, relaxed),
            .has_block = block != NULL,
            .used = block != NULL ? (int64_t)(mb_used(block) | mb_pairs(block) << 32) : 0,
        };
    }
}

typedef struct walk {
    rw_core *core;
    ob_record *out;
    int64_t n;
} walk;

static void in_pool(void *arg, kv_handle *h) {
    walk *w = arg;
    at(w->core, w->out, h)->pool = ++w->n;
}

static void in_list(void *arg, kv_handle *h) {
    walk *w = arg;
    at(w->core, w->out, h)->list = ++w->n;
}

static void in_retire_list(void *arg, kv_handle *h) {
    walk *w = arg;
    at(w->core, w->out, h)->retired = ++w->n;
}

static void waiting(walk *w, kv_handle *h) {
    for (; h != NULL; h = at_load(&h->retire_link, relaxed)) {
        at(w->core, w->out, h)->station = ++w->n;
    }
}

static void instances(rw_core *core, ob_record *out) {
    for (int i = 0; i < MD_CACHES; i++) {
        const kv_inst *inst = core->inst[i];
        out->head.size[i] = at_load(&inst->store_size, relaxed);
        out->head.lru[i] = at_load(&inst->mb_cnt[KV_LRU], relaxed);
        out->head.lfu[i] = at_load(&inst->mb_cnt[KV_LFU], relaxed);
        out->head.base[i] = (int64_t)at_load(&inst->base_score, relaxed);
    }
}

int64_t md_observe(rw_core *core, rw_thread *th, ob_record *out) {
    kv_store *st = &core->cache->store;
    if (st->max_handles > OB_HANDLES_MAX) {
        return -1;
    }
    *out = (ob_record){.head = {.code = out->head.code}};
    out->head.supplied = (int64_t)at_load(&st->cur_mb_num, acquire);
    handles(core, out);
    walk pool = {core, out, 0}, list = {core, out, 0}, retired = {core, out, 0}, station = {core, out, 0};
    pool_each(&st->pool, in_pool, &pool);
    st_each_listed(st, 0, in_list, &list);
    hp_each_retired(&st->hp, in_retire_list, &retired);
    for (uint32_t i = 0; i < st->station.slot_cnt; i++) {
        waiting(&station, st->station.slots[i].retire);
        waiting(&station, st->station.slots[i].prepare);
    }
    out->head.pool = pool.n;
    out->head.listed = list.n;
    out->head.retired = retired.n;
    out->head.retired_bytes = at_load(&st->hp.retired_bytes, relaxed);
    out->head.waiting = station.n;
    instances(core, out);
    for (int i = 0; i < MD_SLOTS; i++) {
        const kv_handle *h = th->holds[i].handle;
        out->head.hold[i] = h != NULL ? 1 + (int64_t)ha_index(&st->handles, h) : 0;
    }
    return (int64_t)st->max_handles;
}
