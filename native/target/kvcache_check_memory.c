/* What is held and accounted for, at rest and after destruction (I13, Q5, Q6, Q8, Q10). */
#include "kvcache_private.h"

/* ---- I13 ---- */

static bool lock_free(kt_judge *j, prim_lock_t *lock, const char *what, uint32_t index) {
    bool taken = prim_trylock(lock);
    if (taken) {
        prim_unlock(lock);
    }
    return KT_CHECK(j, I13, taken, "%s %u is held although nobody is inside", what, index);
}

bool kt_check_locks(kt_judge *j) {
    kv_cache *c = j->core->cache;
    bool ok = lock_free(j, &c->thread_lock, "lock of the contexts", 0);
    for (uint32_t i = 0; i < c->map.lock_cnt; i++) {
        ok = lock_free(j, &c->map.locks[i], "bucket lock", i) && ok;
    }
    for (uint32_t i = 0; i < c->store.station.slot_cnt; i++) {
        ok = lock_free(j, &c->store.station.slots[i].lock, "lock of retire-station slot", i) && ok;
    }
    ok = lock_free(j, &c->store.hp.wash_lock, "wash lock of the hazard pointers", 0) && ok;
    ok = lock_free(j, &c->store.hp.free_lock, "free lock of the hazard pointers", 0) && ok;
    ok = lock_free(j, &c->store.hp.bitmap_lock, "lock of the reclaim", 0) && ok;
    bool table = pthread_rwlock_trywrlock(&c->insts.lock) == 0;
    if (table) {
        pthread_rwlock_unlock(&c->insts.lock);
    }
    return KT_CHECK(j, I13, table, "the lock of the instances is held although nobody is inside") && ok;
}

/* ---- Q6 ---- */

typedef struct held { /* by the threads attached */
    int64_t pointers, shared, versions, counts; /* hazard pointers; control blocks; versions; protections in all */
} held;

/* Shares are made within one thread. */
static bool counted_before(const rw_thread *th, int slot) {
    for (int i = 0; i < slot; i++) {
        if (th->holds[i].filled && th->holds[i].pin.holder.shared == th->holds[slot].pin.holder.shared) {
            return true;
        }
    }
    return false;
}

static held held_now(const rw_core *core) {
    held sum = {0};
    for (const rw_thread *th = core->threads; th != NULL; th = th->next) {
        sum.versions += th->version_held;
        for (int i = 0; i < KT_SLOTS; i++) {
            if (!th->holds[i].filled) {
                continue;
            }
            sum.counts++;
            if (th->holds[i].pin.holder.shared == NULL) {
                sum.pointers++;
            } else if (!counted_before(th, i)) {
                sum.pointers++;
                sum.shared++;
            }
        }
    }
    return sum;
}

void kt_check_at_rest(kt_judge *j) {
    kv_cache *c = j->core->cache;
    held h = held_now(j->core);
    int64_t expected = j->core->cfg.protect == KV_PROTECT_HAZARD ? h.pointers : h.counts;
    uint32_t set = hp_set_count(&c->store.hp), versions = hv_held(&c->map.hv), sections = qc_open(&c->store.clock);
    KT_CHECK(j, Q6, set == expected, "%u hazard pointers are set, threads hold %lld", set, (long long)expected);
    KT_CHECK(j, Q6, versions == h.versions, "%u hazard versions are acquired, threads hold %lld", versions,
             (long long)h.versions);
    KT_CHECK(j, Q6, sections == 0, "%u QClock sections are open", sections);
    for (int i = 0; i < 2; i++) {
        KT_CHECK(j, Q6, at_load(&c->map.nodes.arena_refs[i], relaxed) == 0, "the shared node arena is referenced");
    }
}

/* ---- Q5: counters against the heap ---- */

static bool same_account(const la_account *a, const la_account *b) {
    return a->used == b->used && a->hold == b->hold && a->count == b->count;
}

static void judge_account(kt_judge *j, uint32_t tenant, la_ctx ctx, kv_label label, const la_account *heap) {
    la_account a = la_account_of(j->core->cache->la, tenant, ctx, label);
    KT_CHECK(j, Q5, same_account(&a, heap) && a.peak_used >= a.used && a.peak_hold >= a.hold,
             "tenant %u, context %d, %s: counted %lld used, %lld hold, %lld objects; in the heap %lld, %lld, %lld",
             tenant, ctx, kv_label_names[label], (long long)a.used, (long long)a.hold, (long long)a.count,
             (long long)heap->used, (long long)heap->hold, (long long)heap->count);
}

static void judge_totals(kt_judge *j, uint32_t tenant, const la_totals *t, const char *by) {
    int64_t sum = t->label_hold + t->free_cells + t->free_blocks + t->chunk_headers + t->tables + t->cache_hold;
    KT_CHECK(j, Q5, t->chunk_bytes == sum,
             "tenant %u, by the %s: %lld bytes in chunks, but %lld labels + %lld cells + %lld blocks + %lld headers + "
             "%lld tables + %lld cache",
             tenant, by, (long long)t->chunk_bytes, (long long)t->label_hold, (long long)t->free_cells,
             (long long)t->free_blocks, (long long)t->chunk_headers, (long long)t->tables, (long long)t->cache_hold);
}

static void judge_heap(kt_judge *j) {
    la_alloc *la = j->core->cache->la;
    la_account accounts[KV_MAX_TENANT_NUM][LA_CTX_COUNT][KV_LABEL_COUNT];
    la_totals heap[KV_MAX_TENANT_NUM];
    la_recount(la, accounts, heap);
    for (uint32_t tenant = 0; tenant < KV_MAX_TENANT_NUM; tenant++) {
        for (int ctx = 0; ctx < LA_CTX_COUNT; ctx++) {
            for (int label = 0; label < KV_LABEL_COUNT; label++) {
                judge_account(j, tenant, (la_ctx)ctx, (kv_label)label, &accounts[tenant][ctx][label]);
            }
        }
        la_totals t = la_totals_of(la, tenant);
        judge_totals(j, tenant, &t, "counters");
        judge_totals(j, tenant, &heap[tenant], "heap");
        KT_CHECK(j, Q5,
                 t.washed == heap[tenant].washed && (uint64_t)(t.chunk_bytes - t.washed) == la_tenant_hold(la, tenant),
                 "tenant %u: %lld bytes counted as given back, %lld are", tenant, (long long)t.washed,
                 (long long)heap[tenant].washed);
    }
}

/* ---- Q5: objects against the parts that own them ---- */

static void count_inst(void *arg, kv_inst *inst) {
    int64_t *counts = arg;
    counts[0]++;
    counts[1] += inst->nodes == &inst->own_nodes ? at_load(&inst->own_nodes.block_cnt, relaxed) : 0;
}

static int64_t contexts(const kv_cache *c) {
    int64_t n = 0;
    for (const kv_thread *t = c->threads; t != NULL; t = t->next) {
        n++;
    }
    return n;
}

static int64_t held_objects(const rw_core *core, int64_t *bytes) {
    int64_t n = 0;
    *bytes = 0;
    for (const rw_thread *th = core->threads; th != NULL; th = th->next) {
        for (int i = 0; i < KT_SLOTS; i++) {
            n += th->objects[i].p != NULL;
            *bytes += th->objects[i].p != NULL ? (int64_t)th->objects[i].bytes : 0;
        }
    }
    return n;
}

static void judge_count(kt_judge *j, kv_label label, int64_t expected) {
    int64_t count = la_label_account(j->core->cache->la, label).count;
    KT_CHECK(j, Q5, count == expected, "%s has %lld live objects, its owners know of %lld", kv_label_names[label],
             (long long)count, (long long)expected);
}

/* A leak inside the core shows at once, not only after destruction: every label's objects are what its owners have. */
static void judge_owners(kt_judge *j) {
    rw_core *core = j->core;
    kv_cache *c = core->cache;
    handle_array *ha = &c->store.handles;
    int64_t insts[2] = {0}, bytes;
    inst_each(&c->insts, count_inst, insts);
    judge_count(j, KV_L_MB_HANDLE, ha->layout == KV_HANDLES_FLAT ? 1 : 2 + (int64_t)ha_published(ha));
    judge_count(j, KV_L_MAP_NODE, insts[1] + at_load(&c->map.nodes.block_cnt, relaxed));
    judge_count(j, KV_L_INST, 1 + insts[0]);
    judge_count(j, KV_L_HAZ_PTR, 1 + at_load(&c->store.hp.block_cnt, relaxed) + held_now(core).shared);
    judge_count(j, KV_L_CORE, 1 + contexts(c));
    judge_count(j, KV_L_USER, held_objects(core, &bytes));
    int64_t used = la_label_account(c->la, KV_L_USER).used;
    KT_CHECK(j, Q5, used == bytes, "%s uses %lld bytes, threads hold %lld", kv_label_names[KV_L_USER], (long long)used,
             (long long)bytes);
    static const kv_label fixed[] = {KV_L_MAP_BKT, KV_L_MAP_LOCK, KV_L_HAZ_VERSION,
                                     KV_L_QCLOCK,  KV_L_STATION,  KV_L_MB_LIST};
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
        la_account a = la_label_account(c->la, fixed[i]);
        KT_CHECK(j, Q5, same_account(&a, &core->at_rest[fixed[i]]), "%s has changed since creation: %lld bytes used",
                 kv_label_names[fixed[i]], (long long)a.used);
    }
}

void kt_check_memory(kt_judge *j) {
    la_account wash = la_label_account(j->core->cache->la, KV_L_WASH);
    const la_account *resident = &j->core->at_rest[KV_L_WASH];
    kt_check_accounts(j);
    judge_heap(j);
    judge_owners(j);
    KT_CHECK(j, Q10, same_account(&wash, resident),
             "at rest the wash uses %lld bytes in %lld objects, its resident part is %lld in %lld",
             (long long)wash.used, (long long)wash.count, (long long)resident->used, (long long)resident->count);
}

/* ---- Q8 ---- */

void kt_check_destroyed(kt_judge *j) {
    kv_cache *c = j->core->cache;
    for (int label = 0; label < KV_LABEL_COUNT; label++) {
        la_account a = la_label_account(c->la, (kv_label)label);
        int64_t expected = label == KV_L_CORE ? 1 + contexts(c) : 0;
        KT_CHECK(j, Q8, a.count == expected && (expected > 0 || (a.used == 0 && a.hold == 0)),
                 "after destruction %s has %lld objects, %lld bytes used, %lld hold", kv_label_names[label],
                 (long long)a.count, (long long)a.used, (long long)a.hold);
    }
    judge_heap(j);
}
