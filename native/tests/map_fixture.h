/* What the map's tests share: puts and gets of values that can be checked, and the recount of a map at rest. */
#ifndef RACEWASH_MAP_FIXTURE_H
#define RACEWASH_MAP_FIXTURE_H

#include "core_fixture.h"

typedef struct body { /* a value that can be checked against its key */
    uint64_t key, version, sum;
} body;

static inline body body_of(uint64_t key, uint64_t version) {
    return (body){key, version, key * UINT64_C(0x9E3779B97F4A7C15) + version};
}

static inline kv_inst *inst_of(fixture *f, uint32_t cache, uint32_t tenant) {
    kv_inst *inst;
    assert_int_equal(inst_get(&f->c->insts, f->t, cache, tenant, &inst), KV_OK);
    inst_put(&f->c->insts, inst); /* single-threaded tests: it stays */
    return inst;
}

static inline kv_rc put(fixture *f, kv_inst *inst, uint64_t key, uint64_t version, bool overwrite) {
    body b = body_of(key, version);
    return map_put(&f->c->map, f->t, inst, &key, sizeof key, &b, sizeof b, overwrite);
}

/* Version of the pair found, or 0; asserts that the value is the key's. */
static inline uint64_t get(fixture *f, kv_inst *inst, uint64_t key) {
    kv_pin pin;
    kv_rc rc = map_get(&f->c->map, f->t, inst, &key, sizeof key, &pin);
    if (rc != KV_OK) {
        assert_int_equal(rc, KV_NOT_FOUND);
        return 0;
    }
    body b;
    assert_int_equal(pin.key_len, sizeof key);
    assert_int_equal(pin.value_len, sizeof b);
    assert_memory_equal(pin.pair->key, &key, sizeof key);
    memcpy(&b, pin.pair->value, sizeof b);
    assert_int_equal(b.key, key);
    assert_int_equal(b.sum, body_of(key, b.version).sum);
    map_unpin(&f->c->map, f->t, &pin);
    return b.version;
}

static inline kv_rc erase(fixture *f, kv_inst *inst, uint64_t key) {
    return map_erase(&f->c->map, f->t, inst, &key, sizeof key);
}

/* Drop every pair by washing: all blocks retired, reclaimed and handed out for reuse. */
static inline void flush_all(fixture *f, kv_inst *inst) {
    st_close_current(f->st, f->t, inst);
    st_close_current(f->st, f->t, NULL);
    for (uint32_t tenant = 0; tenant < KV_MAX_TENANT_NUM; tenant++) {
        st_flush(f->st, f->t, tenant, true);
    }
    st_purge(f->st);
}

typedef struct recount {
    fixture *f;
    int64_t nodes[KV_MAX_CACHE_NUM * KV_MAX_TENANT_NUM], bytes[KV_MAX_CACHE_NUM * KV_MAX_TENANT_NUM];
    int64_t *by_handle;
    int64_t total, live;
} recount;

static inline bool is_live(const kv_node *node) {
    return node->seq >= 0 && at_load(&node->handle->seq_num, relaxed) == node->seq &&
           at_load(&node->handle->status, relaxed) != KV_FREE;
}

static inline void recount_node(void *arg, uint32_t bucket, kv_node *node) {
    recount *r = arg;
    r->nodes[node->inst->slot]++;
    r->bytes[node->inst->slot] += (int64_t)mb_pair_bytes(node->key_len, node->value_len);
    r->total++;
    assert_int_equal(node->hash % r->f->c->map.bucket_num, bucket);
    if (!is_live(node)) {
        return;
    }
    r->live++;
    r->by_handle[ha_index(&r->f->st->handles, node->handle)]++;
    for (kv_node *o = at_load(&node->next, relaxed); o != NULL; o = at_load(&o->next, relaxed)) { /* I12 */
        assert_false(is_live(o) && o->inst == node->inst && o->key_len == node->key_len &&
                     memcmp(o->pair->key, node->pair->key, node->key_len) == 0);
    }
}

static inline void recount_inst(void *arg, kv_inst *inst) {
    recount *r = arg;
    assert_int_equal(at_load(&inst->kv_cnt, relaxed), r->nodes[inst->slot]); /* Q3 */
    if (r->f->c->cfg.wash == KV_WASH_TEMPORARY) {
        assert_int_equal(at_load(&inst->store_size, relaxed), r->bytes[inst->slot]);
    }
    assert_int_equal(at_load(&inst->refs, relaxed), 0);
}

/* Q3, Q4, Q6, Q9, I12, I13 of a map at rest; number of live nodes. */
static inline int64_t check_map(fixture *f) {
    static recount r;
    bucket_map *m = &f->c->map;
    uint64_t handles = at_load(&f->st->cur_mb_num, relaxed);
    memset(&r, 0, sizeof r);
    r.f = f;
    r.by_handle = calloc(handles + 1, sizeof *r.by_handle);
    for (uint32_t i = 0; i < m->lock_cnt; i++) { /* I13 */
        assert_true(prim_trylock(&m->locks[i]));
        prim_unlock(&m->locks[i]);
    }
    map_each(m, f->t, recount_node, &r);
    inst_each(&f->c->insts, recount_inst, &r);
    for (uint64_t i = 0; i < handles; i++) {
        kv_handle *h = ha_at(&f->st->handles, i);
        if (at_load(&h->status, relaxed) != KV_FREE) {
            assert_int_equal(at_load(&h->kv_cnt, relaxed), r.by_handle[i]); /* Q4 */
        }
    }
    free(r.by_handle);
    assert_int_equal(hv_waiting(&m->hv), hv_waiting_listed(&m->hv)); /* Q9 */
    assert_int_equal(f->t->no_wash, 0);
    fx_check(f);
    return r.live;
}

static inline int64_t node_blocks(fixture *f) {
    return la_label_account(f->c->la, KV_L_MAP_NODE).count;
}

/* Every test in both layouts: EACH lists the tests' names. */
#define BOTH(name)                                                                                                     \
    static void name##_before(void **state) {                                                                          \
        (void)state;                                                                                                   \
        name(false);                                                                                                   \
    }                                                                                                                  \
    static void name##_after(void **state) {                                                                           \
        (void)state;                                                                                                   \
        name(true);                                                                                                    \
    }
#define LISTED(name) cmocka_unit_test(name##_before), cmocka_unit_test(name##_after),

#endif
