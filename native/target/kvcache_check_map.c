/* The map at rest: chains, pairs, counts of instances and handles, node allocators (I8, I10, I12, Q3 - Q7, Q9). */
#include "kvcache_private.h"

enum {
    KT_INSTS = KV_MAX_CACHE_NUM * KV_MAX_TENANT_NUM,
    KT_ITEM = ((sizeof(kv_node) + NA_ITEM_HEADER + 15) / 16) * 16 /* bytes of a node in its allocator */
};

typedef struct tally { /* of one instance */
    kv_inst *inst;
    int64_t nodes, bytes, waiting;
} tally;

typedef struct census {
    kt_judge *j;
    bucket_map *m;
    tally insts[KT_INSTS];
    uint32_t inst_cnt;
    int64_t nodes, waiting;
    bool broken; /* a chain could not be followed to its end: the sums say nothing */
} census;

static void enter_inst(void *arg, kv_inst *inst) {
    census *c = arg;
    c->insts[c->inst_cnt++].inst = inst;
}

static tally *tally_of(census *c, const kv_inst *inst) {
    for (uint32_t i = 0; i < c->inst_cnt; i++) {
        if (c->insts[i].inst == inst) {
            return &c->insts[i];
        }
    }
    return NULL;
}

/* ---- Chains ---- */

/* A node that matches its handle's incarnation: its pair is there, and is the key's. */
static void judge_living(census *c, const kv_node *node) {
    kt_judge *j = c->j;
    uint64_t idx;
    const kv_mem_block *mb = at_load(&node->handle->mem_block, relaxed);
    if (!KT_CHECK(j, I8, kt_index(j->core, node->handle, &idx) && mb != NULL,
                  "a node matches a handle without a block")) {
        return;
    }
    j->core->nodes_of[idx]++;
    const char *at = (const char *)node->pair, *first = (const char *)(mb + 1), *end = first + mb_used(mb);
    bool own = at >= first && at < end && node->pair->magic == KV_PAIR_MAGIC &&
               node->pair->size == mb_pair_bytes(node->key_len, node->value_len) &&
               map_hash(node->pair->key, node->key_len) + node->inst->cache == node->hash;
    KT_CHECK(j, I8, own, "a node matches an incarnation whose block has no pair of its key");
}

static bool alive(const kv_node *node) {
    return node->seq >= 0 && at_load(&node->handle->seq_num, relaxed) == node->seq &&
           at_load(&node->handle->status, relaxed) != KV_FREE;
}

/* Nodes are followed only while they are whole: an instance that is there, a hash of this bucket. */
static void count_chain(census *c, uint32_t bucket) {
    kt_judge *j = c->j;
    const kv_node *mark = NULL;
    uint64_t steps = 0, power = 1, idx;
    for (kv_node *node = at_load(map_head(c->m, bucket), relaxed); node != NULL; node = at_load(&node->next, relaxed)) {
        tally *of = tally_of(c, node->inst);
        bool whole = of != NULL && node->hash % c->m->bucket_num == bucket && kt_index(j->core, node->handle, &idx);
        if (!KT_CHECK(j, I10, whole, "the chain of bucket %u leads to a node that was freed, or whose instance was",
                      bucket) ||
            !KT_CHECK(j, I12, node != mark, "the chain of bucket %u has a cycle", bucket)) {
            c->broken = true;
            return;
        }
        if (++steps == power) {
            mark = node;
            power *= 2;
            steps = 0;
        }
        of->nodes++;
        of->bytes += (int64_t)mb_pair_bytes(node->key_len, node->value_len);
        c->nodes++;
        if (alive(node)) {
            judge_living(c, node);
        }
    }
}

static void count_waiting(void *arg, hv_node *hv) {
    census *c = arg;
    tally *of = tally_of(c, ((kv_node *)hv)->inst);
    c->waiting++;
    if (KT_CHECK(c->j, Q9, of != NULL, "a node waits whose instance was destroyed")) {
        of->waiting++;
    }
}

/* ---- Sums ---- */

/* Bytes of the shared allocator that threads hold in their slots. */
static int64_t held_items(rw_core *core) {
    int64_t bytes = 0;
    for (const rw_thread *th = core->threads; th != NULL; th = th->next) {
        for (int i = 0; i < KT_SLOTS; i++) {
            bytes += th->nodes[i].p != NULL ? (int64_t)((th->nodes[i].bytes + NA_ITEM_HEADER + 15) / 16 * 16) : 0;
        }
    }
    return bytes;
}

static void judge_allocator(kt_judge *j, node_alloc *na, int64_t expected, const char *whose) {
    int64_t live = at_load(&na->live_bytes, relaxed), blocks = at_load(&na->block_cnt, relaxed);
    KT_CHECK(j, Q7, live == expected, "the node allocator %s counts %lld bytes, its nodes take %lld", whose,
             (long long)live, (long long)expected);
    KT_CHECK(j, Q7, expected > 0 || blocks == 0, "the node allocator %s has no nodes but %lld blocks", whose,
             (long long)blocks);
}

static void judge_inst(census *c, const tally *of) {
    kt_judge *j = c->j;
    kv_inst *inst = of->inst;
    KT_CHECK(j, Q3, at_load(&inst->kv_cnt, relaxed) == of->nodes,
             "instance %u of tenant %u counts %lld pairs, has %lld nodes", inst->cache, inst->tenant,
             (long long)at_load(&inst->kv_cnt, relaxed), (long long)of->nodes);
    if (j->core->cfg.wash == KV_WASH_TEMPORARY) {
        KT_CHECK(j, Q3, at_load(&inst->store_size, relaxed) == of->bytes,
                 "instance %u of tenant %u counts %lld bytes, its pairs take %lld", inst->cache, inst->tenant,
                 (long long)at_load(&inst->store_size, relaxed), (long long)of->bytes);
    }
    KT_CHECK(j, Q9, at_load(&inst->waiting_nodes, relaxed) == of->waiting,
             "instance %u of tenant %u counts %lld waiting nodes, %lld wait", inst->cache, inst->tenant,
             (long long)at_load(&inst->waiting_nodes, relaxed), (long long)of->waiting);
    KT_CHECK(j, Q6, at_load(&inst->refs, relaxed) == 0 && at_load(&c->m->insts->slots[inst->slot].pins, relaxed) == 0,
             "instance %u of tenant %u is referenced by nobody, but counts %lld references", inst->cache, inst->tenant,
             (long long)at_load(&inst->refs, relaxed));
    if (j->core->cfg.nodes == KV_NODES_PER_INSTANCE) {
        judge_allocator(j, &inst->own_nodes, (of->nodes + of->waiting) * KT_ITEM, "of an instance");
    }
}

static void judge_handles(kt_judge *j) {
    handle_array *ha = &j->core->cache->store.handles;
    uint64_t supplied = at_load(&j->core->cache->store.cur_mb_num, acquire);
    for (uint64_t i = 0; i < supplied; i++) {
        kv_handle *h = ha_at(ha, i);
        if (h == NULL || at_load(&h->status, relaxed) == KV_FREE) {
            continue; /* a retired incarnation's count is stale until the handle is reset */
        }
        KT_CHECK(j, Q4, at_load(&h->kv_cnt, relaxed) == (int64_t)j->core->nodes_of[i],
                 "handle %llu counts %lld pairs, %u nodes match it", (unsigned long long)i,
                 (long long)at_load(&h->kv_cnt, relaxed), j->core->nodes_of[i]);
    }
}

static void judge_waiting_counts(kt_judge *j) {
    hv_station *hv = &j->core->cache->map.hv;
    for (uint32_t i = 0; i < hv->slot_cnt; i++) {
        int64_t listed = 0;
        for (hv_node *node = at_load(&hv->slots[i].waiting, acquire); node != NULL; node = node->next) {
            listed++;
        }
        KT_CHECK(j, Q9, at_load(&hv->slots[i].waiting_cnt, relaxed) == listed,
                 "hazard-version slot %u counts %lld waiting nodes, %lld wait", i,
                 (long long)at_load(&hv->slots[i].waiting_cnt, relaxed), (long long)listed);
    }
}

/* ---- Drops ---- */

/* Q7 of dropped instances. What waits in the station waits for a version to be given up; nobody holds one, so all of it
 * can go: then an instance whose pairs were all erased has no node left. (A drop that ended early says so; its caller
 * was to call again.) */
static void judge_drops(census *c) {
    kt_judge *j = c->j;
    bool dropped = false;
    for (uint32_t i = 0; i < c->inst_cnt; i++) {
        dropped = dropped || at_load(&c->insts[i].inst->deleted, relaxed) != 0;
    }
    if (!dropped || hv_held(&c->m->hv) > 0) {
        return;
    }
    hv_retire_all(&c->m->hv, j->t);
    for (uint32_t i = 0; i < c->inst_cnt; i++) {
        kv_inst *inst = c->insts[i].inst;
        if (at_load(&inst->deleted, relaxed) != 0 && c->insts[i].nodes == 0) {
            int64_t waiting = at_load(&inst->waiting_nodes, relaxed);
            int64_t bytes = inst->nodes == &inst->own_nodes ? at_load(&inst->own_nodes.live_bytes, relaxed) : 0;
            KT_CHECK(j, Q7, waiting == 0 && bytes == 0,
                     "the dropped instance %u of tenant %u has %lld nodes, %lld bytes", inst->cache, inst->tenant,
                     (long long)waiting, (long long)bytes);
        }
    }
}

void kt_check_map(kt_judge *j) {
    kv_cache *cache = j->core->cache;
    census c = {.j = j, .m = &cache->map};
    memset(j->core->nodes_of, 0, j->core->cfg.max_handles * sizeof *j->core->nodes_of);
    inst_each(&cache->insts, enter_inst, &c);
    for (uint32_t b = 0; b < c.m->bucket_num; b++) {
        count_chain(&c, b);
    }
    hv_each_waiting(&c.m->hv, count_waiting, &c);
    judge_waiting_counts(j);
    if (c.broken) {
        return;
    }
    for (uint32_t i = 0; i < c.inst_cnt; i++) {
        judge_inst(&c, &c.insts[i]);
    }
    int64_t shared = cache->cfg.nodes == KV_NODES_SHARED ? (c.nodes + c.waiting) * KT_ITEM : 0;
    judge_allocator(j, &c.m->nodes, shared + held_items(j->core), "shared by all");
    judge_handles(j);
    kt_check_chains(j, 0, c.m->bucket_num); /* no key twice; and once more under a version, as readers go */
    judge_drops(&c);
}
