/* Bucket map: put, get, erase, moves, cleaning, layouts, and failures at every allocation. */
#include "map_fixture.h"

/* ---- One thread ---- */

static void test_put_get_erase(bool after) {
    fixture f;
    kv_config cfg = fx_config(after);
    fx_open(&f, &cfg);
    kv_inst *a = inst_of(&f, 1, 0), *b = inst_of(&f, 2, 0);
    assert_int_equal(get(&f, a, 1), 0);
    assert_int_equal(put(&f, a, 1, 10, false), KV_OK);
    assert_int_equal(put(&f, b, 1, 20, false), KV_OK); /* the same key of another cache */
    assert_int_equal(get(&f, a, 1), 10);
    assert_int_equal(get(&f, b, 1), 20);
    assert_int_equal(put(&f, a, 1, 11, false), KV_EXISTS);
    assert_int_equal(get(&f, a, 1), 10);
    assert_int_equal(put(&f, a, 1, 11, true), KV_OK);
    assert_int_equal(get(&f, a, 1), 11);
    assert_int_equal(at_load(&a->kv_cnt, relaxed), 1);
    assert_int_equal(at_load(&a->hits, relaxed), 3);
    assert_int_equal(at_load(&a->misses, relaxed), 1);
    assert_int_equal(check_map(&f), 2);
    assert_int_equal(erase(&f, a, 1), KV_OK);
    assert_int_equal(erase(&f, a, 1), KV_NOT_FOUND);
    assert_int_equal(get(&f, a, 1), 0);
    assert_int_equal(get(&f, b, 1), 20);
    assert_int_equal(check_map(&f), 1);
    fx_close(&f);
}

static void test_layouts(bool after) {
    fixture f;
    kv_config cfg = fx_config(after);
    fx_open(&f, &cfg);
    bucket_map *m = &f.c->map;
    la_account bkt = la_label_account(f.c->la, KV_L_MAP_BKT);
    assert_int_equal(m->bucket_cnt, 2);
    assert_int_equal(bkt.count, after ? 2 : 3);
    assert_int_equal(bkt.used, 2 * sizeof(kv_bucket) + (after ? 7 : 8) * sizeof(void *));
    for (uint32_t i = 0; i < 7; i++) {
        assert_ptr_equal(map_head(m, i), &m->buckets[i / 4].nodes[i & 3]);
        assert_true(!after || map_head(m, i) == m->buckets[0].nodes + i);
    }
    fx_close(&f);
}

static void test_init_fails_at_each_allocation(bool after) {
    fixture f;
    kv_config cfg = fx_config(after);
    static bucket_map other; /* cache-line aligned */
    fx_open(&f, &cfg);
    for (int64_t k = 0;; k++) {
        int64_t before[KV_LABEL_COUNT];
        for (int l = 0; l < KV_LABEL_COUNT; l++) {
            before[l] = la_label_account(f.c->la, (kv_label)l).used;
        }
        at_store(&f.fail_after, k, relaxed);
        kv_rc rc = map_init(&other, f.c->la, &f.env, &f.c->cfg, f.t, f.st, &f.c->insts, false);
        at_store(&f.fail_after, -1, relaxed);
        if (rc == KV_OK) {
            assert_int_equal(k, after ? 4 : 5); /* slots, locks, Bucket[], 1 or 2 arrays */
            map_destroy(&other, f.t);
        } else {
            assert_int_equal(rc, KV_NO_MEMORY);
        }
        for (int l = 0; l < KV_LABEL_COUNT; l++) {
            assert_int_equal(la_label_account(f.c->la, (kv_label)l).used, before[l]);
        }
        if (rc == KV_OK) {
            break;
        }
    }
    fx_close(&f);
}

static void test_put_fails_at_each_allocation(bool after) {
    int failures = 0;
    for (int64_t k = 0;; k++) {
        fixture f;
        kv_config cfg = fx_config(after);
        fx_open(&f, &cfg);
        kv_inst *a = inst_of(&f, 1, 1);
        at_store(&f.fail_after, k, relaxed);
        kv_rc rc = put(&f, a, 5, 1, true);
        bool reached = at_load(&f.fail_after, relaxed) < 0;
        at_store(&f.fail_after, -1, relaxed);
        if (rc != KV_OK) {
            failures++;
            assert_int_equal(check_map(&f), 0);
            assert_int_equal(at_load(&f.c->map.nodes.live_bytes, relaxed), 0);
            assert_int_equal(put(&f, a, 5, 2, true), KV_OK); /* nothing is half-changed */
            assert_int_equal(get(&f, a, 5), 2);
        }
        assert_int_equal(check_map(&f), 1);
        fx_close(&f);
        if (!reached) {
            break;
        }
    }
    assert_true(failures >= 2); /* the memory block and the node block at least */
}

static void test_garbage_is_cleaned(bool after) {
    fixture f;
    kv_config cfg = fx_config(after);
    cfg.max_handles = 4; /* all in use before, and again after the flush */
    fx_open(&f, &cfg);
    kv_inst *a = inst_of(&f, 1, 1);
    for (uint64_t k = 0; k < 60; k++) {
        assert_int_equal(put(&f, a, k, 1, true), KV_OK);
    }
    flush_all(&f, a);
    assert_int_equal(at_load(&a->kv_cnt, relaxed), 60); /* nodes stay behind */
    assert_int_equal(check_map(&f), 0);
    assert_int_equal(get(&f, a, 3), 0);
    /* The handles serve again: old nodes must not count in their new incarnations. */
    for (uint64_t k = 100; k < 130; k++) {
        assert_int_equal(put(&f, a, k, 2, true), KV_OK);
    }
    assert_int_equal(check_map(&f), 30);
    uint32_t n, cleaned = 0;
    for (uint32_t i = 0; i < f.c->map.bucket_num; i++) {
        assert_int_equal(map_clean_garbage(&f.c->map, f.t, &n), KV_OK);
        cleaned += n;
    }
    assert_int_equal(check_map(&f), 30);
    assert_int_equal(at_load(&a->kv_cnt, relaxed), 30); /* what puts had not cleaned on their way, the rounds did */
    assert_int_equal(hv_waiting(&f.c->map.hv), 0);
    assert_true(cleaned <= 60);
    for (uint64_t k = 100; k < 130; k++) {
        assert_int_equal(get(&f, a, k), 2);
    }
    fx_close(&f);
}

static void test_erase_of_garbage_leaves_next_incarnation_alone(bool after) {
    fixture f;
    kv_config cfg = fx_config(after);
    cfg.supply_num = cfg.max_handles = 1; /* the next incarnation follows at once */
    fx_open(&f, &cfg);
    kv_inst *a = inst_of(&f, 1, 0);
    for (uint64_t round = 1; round < 10; round++) {
        assert_int_equal(put(&f, a, 7, round, true), KV_OK);
        flush_all(&f, a);
        assert_int_equal(put(&f, a, 8, round, true), KV_OK);
        assert_int_equal(erase(&f, a, 7), KV_NOT_FOUND);
        assert_int_equal(get(&f, a, 8), round);
        assert_int_equal(check_map(&f), 1);
    }
    fx_close(&f);
}

static kv_policy policy_of_only(fixture *f);

static void test_hot_pair_moves(bool after) {
    fixture f;
    kv_config cfg = fx_config(after);
    fx_open(&f, &cfg);
    kv_inst *a = inst_of(&f, 1, 0);
    assert_int_equal(put(&f, a, 1, 5, true), KV_OK);
    for (int i = 0; i < 4; i++) { /* node 4 > handle 4 / 2 + 2? no */
        assert_int_equal(get(&f, a, 1), 5);
    }
    assert_int_equal(policy_of_only(&f), KV_LRU);
    at_store(&f.fail_always, KV_L_CACHE + 1, relaxed); /* no block for it: stays, and starts to count again */
    assert_int_equal(get(&f, a, 1), 5);
    at_store(&f.fail_always, 0, relaxed);
    assert_int_equal(policy_of_only(&f), KV_LRU);
    assert_int_equal(check_map(&f), 1);
    for (int i = 0; i < 12; i++) {
        assert_int_equal(get(&f, a, 1), 5);
    }
    assert_int_equal(policy_of_only(&f), KV_LFU);
    assert_int_equal(check_map(&f), 1);
    assert_int_equal(at_load(&a->kv_cnt, relaxed), 1);
    assert_int_equal(get(&f, a, 1), 5);
    fx_close(&f);
}

static void note_policy(void *arg, uint32_t bucket, kv_node *node) {
    (void)bucket;
    *(kv_policy *)arg = (kv_policy)at_load(&node->handle->policy, relaxed);
}

static kv_policy policy_of_only(fixture *f) {
    kv_policy p = KV_POLICY_COUNT;
    map_each(&f->c->map, f->t, note_policy, &p);
    return p;
}

static void test_pin_keeps_the_pair(bool after) {
    fixture f;
    kv_config cfg = fx_config(after);
    fx_open(&f, &cfg);
    kv_inst *a = inst_of(&f, 1, 0);
    uint64_t key = 9;
    kv_pin pin;
    assert_int_equal(put(&f, a, key, 1, true), KV_OK);
    assert_int_equal(map_get(&f.c->map, f.t, a, &key, sizeof key, &pin), KV_OK);
    assert_int_equal(put(&f, a, key, 2, true), KV_OK);
    flush_all(&f, a);
    for (uint64_t k = 100; k < 140; k++) {
        (void)put(&f, a, k, 1, true);
    }
    body b = body_of(key, 1);
    assert_memory_equal(pin.pair->value, &b, sizeof b);
    assert_int_equal(hp_set_count(&f.st->hp), 1);
    map_unpin(&f.c->map, f.t, &pin);
    flush_all(&f, a);
    assert_int_equal(check_map(&f), 0);
    fx_close(&f);
}

static void test_replacement_keeps_the_place(bool after) {
    fixture f;
    kv_config cfg = fx_config(after);
    cfg.bucket_num = 1;
    fx_open(&f, &cfg);
    kv_inst *a = inst_of(&f, 1, 0);
    for (uint64_t k = 1; k <= 3; k++) {
        assert_int_equal(put(&f, a, k, 1, true), KV_OK);
    }
    assert_int_equal(put(&f, a, 1, 2, true), KV_OK);
    assert_int_equal(put(&f, a, 2, 2, true), KV_OK);
    kv_node *node = at_load(map_head(&f.c->map, 0), relaxed);
    for (uint64_t k = 3; k >= 1; k--, node = at_load(&node->next, relaxed)) { /* a reader past the head meets them */
        assert_memory_equal(node->pair->key, &k, sizeof k);
    }
    assert_null(node);
    fx_close(&f);
}

static void test_erase_many(bool after) {
    fixture f;
    kv_config cfg = fx_config(after);
    fx_open(&f, &cfg);
    kv_inst *inst[2][2];
    for (uint32_t c = 0; c < 2; c++) {
        for (uint32_t t = 0; t < 2; t++) {
            inst[c][t] = inst_of(&f, c, t);
            for (uint64_t k = 0; k < 10; k++) {
                assert_int_equal(put(&f, inst[c][t], k, 1, true), KV_OK);
            }
        }
    }
    assert_int_equal(check_map(&f), 40);
    assert_int_equal(map_erase_inst(&f.c->map, f.t, inst[0][0]), KV_OK);
    assert_int_equal(check_map(&f), 30);
    assert_int_equal(at_load(&inst[0][0]->kv_cnt, relaxed), 0);
    assert_int_equal(at_load(&inst[0][0]->waiting_nodes, relaxed), 0); /* retired at once: nobody reads */
    assert_int_equal(map_erase_tenant(&f.c->map, f.t, 1), KV_OK);
    assert_int_equal(check_map(&f), 10);
    assert_int_equal(get(&f, inst[1][0], 4), 1);
    assert_int_equal(put(&f, inst[0][1], 4, 3, true), KV_OK);
    assert_int_equal(map_erase_cache(&f.c->map, f.t, 1), KV_OK);
    assert_int_equal(check_map(&f), 1);
    assert_int_equal(get(&f, inst[0][1], 4), 3);
    assert_int_equal(map_erase_all(&f.c->map, f.t), KV_OK);
    assert_int_equal(check_map(&f), 0);
    assert_int_equal(la_label_account(f.c->la, KV_L_MAP_NODE).count, 0); /* Q7 */
    fx_close(&f);
}

/* W1: erasing by force must not free under a reader. */
static void test_erase_waits_for_readers(bool after) {
    fixture f;
    kv_config cfg = fx_config(after);
    fx_open(&f, &cfg);
    kv_inst *a = inst_of(&f, 1, 0);
    uint32_t reader;
    assert_int_equal(put(&f, a, 1, 1, true), KV_OK);
    assert_int_equal(hv_acquire(&f.c->map.hv, f.t, &reader), KV_OK);
    kv_node *node = NULL;
    for (uint32_t b = 0; b < f.c->map.bucket_num && node == NULL; b++) {
        node = at_load(map_head(&f.c->map, b), seq_cst);
    }
    assert_int_equal(map_erase_tenant(&f.c->map, f.t, 0), KV_OK);
    assert_int_equal(at_load(&a->waiting_nodes, relaxed), 1);
    assert_ptr_equal(node->inst, a); /* still there */
    assert_int_equal(inst_mark_deleted(&f.c->insts, 1, 0), KV_OK);
    assert_int_equal(inst_sweep(&f.c->insts), 0); /* W20 */
    hv_release(&f.c->map.hv, f.t, reader);
    hv_retire_all(&f.c->map.hv, f.t);
    flush_all(&f, a); /* before: its block keeps it too */
    assert_int_equal(inst_sweep(&f.c->insts), 1);
    check_map(&f);
    fx_close(&f);
}

static void test_no_slot(bool after) {
    fixture f;
    kv_config cfg = fx_config(after);
    cfg.hv_slots = 2;
    fx_open(&f, &cfg);
    kv_inst *a = inst_of(&f, 1, 0);
    uint32_t s1, s2, n;
    uint64_t key = 1;
    kv_pin pin;
    assert_int_equal(put(&f, a, 1, 1, true), KV_OK);
    assert_int_equal(erase(&f, a, 1), KV_OK); /* one node waits */
    assert_int_equal(put(&f, a, 1, 1, true), KV_OK);
    assert_int_equal(hv_acquire(&f.c->map.hv, f.t, &s1), KV_OK);
    assert_int_equal(hv_acquire(&f.c->map.hv, f.t, &s2), KV_OK);
    assert_int_equal(put(&f, a, 1, 2, true), KV_NO_SLOT);
    assert_int_equal(put(&f, a, 2, 2, true), KV_NO_SLOT);
    assert_int_equal(map_get(&f.c->map, f.t, a, &key, sizeof key, &pin), KV_NO_SLOT);
    assert_int_equal(erase(&f, a, 1), KV_NO_SLOT);
    assert_int_equal(map_erase_all(&f.c->map, f.t), KV_NO_SLOT);
    kv_rc rc = KV_OK;
    for (uint32_t i = 0; i < f.c->map.bucket_num && rc == KV_OK; i++) {
        rc = map_clean_garbage(&f.c->map, f.t, &n);
    }
    assert_int_equal(rc, KV_NO_SLOT);
    assert_int_equal(hv_held(&f.c->map.hv), 2);
    hv_release(&f.c->map.hv, f.t, s1);
    hv_release(&f.c->map.hv, f.t, s2);
    assert_int_equal(check_map(&f), 1);
    assert_int_equal(hv_acquire(&f.c->map.hv, f.t, &s1), KV_OK);
    assert_int_equal(hv_acquire(&f.c->map.hv, f.t, &s2), KV_OK);
    fx_close(&f); /* W15: the table is full, and nothing leaks */
}

/* W9: no hazard pointer: an error soon, no lock kept, nothing lost. */
static void test_no_hazard(bool after) {
    fixture f;
    kv_config cfg = fx_config(after);
    cfg.protect = KV_PROTECT_HAZARD;
    fx_open(&f, &cfg);
    kv_inst *a = inst_of(&f, 1, 0);
    uint64_t key = 1;
    kv_pin pin;
    uint32_t n;
    assert_int_equal(put(&f, a, 1, 1, true), KV_OK);
    hp_thread_release(&f.st->hp, f.t);
    hp_wash(&f.st->hp);
    at_store(&f.fail_always, KV_L_HAZ_PTR + 1, relaxed);
    assert_int_equal(map_get(&f.c->map, f.t, a, &key, sizeof key, &pin), KV_NO_HAZARD);
    assert_null(pin.pair);
    assert_int_not_equal(put(&f, a, 1, 2, true), KV_OK);
    assert_int_equal(erase(&f, a, 1), KV_NO_HAZARD);
    assert_int_equal(map_erase_all(&f.c->map, f.t), KV_NO_HAZARD);
    kv_rc rc = KV_OK;
    for (uint32_t i = 0; i < f.c->map.bucket_num && rc == KV_OK; i++) {
        rc = map_clean_garbage(&f.c->map, f.t, &n);
    }
    assert_int_equal(rc, KV_NO_HAZARD);
    at_store(&f.fail_always, 0, relaxed);
    assert_int_equal(get(&f, a, 1), 1);
    assert_int_equal(check_map(&f), 1);
    fx_close(&f);
}

static void test_put_into_deleted_instance(bool after) {
    fixture f;
    kv_config cfg = fx_config(after);
    fx_open(&f, &cfg);
    kv_inst *a;
    assert_int_equal(inst_get(&f.c->insts, f.t, 1, 0, &a), KV_OK);
    assert_int_equal(put(&f, a, 1, 1, true), KV_OK);
    assert_int_equal(inst_mark_deleted(&f.c->insts, 1, 0), KV_OK);
    assert_int_equal(put(&f, a, 1, 2, true), KV_DELETED);
    assert_int_equal(put(&f, a, 2, 2, true), KV_DELETED);
    assert_int_equal(get(&f, a, 1), 1);
    inst_put(&f.c->insts, a);
    assert_int_equal(check_map(&f), 1);
    fx_close(&f);
}

static void test_hash(void **state) {
    (void)state;
    unsigned char bytes[40] = {0};
    uint64_t seen[41];
    for (uint32_t n = 0; n <= 40; n++) {
        seen[n] = map_hash(bytes, n);
        for (uint32_t k = 0; k < n; k++) {
            assert_int_not_equal(seen[k], seen[n]);
            bytes[k] = 1;
            assert_int_not_equal(map_hash(bytes, n), seen[n]); /* every byte counts */
            bytes[k] = 0;
        }
    }
    assert_int_equal(map_hash(bytes + 1, 17), map_hash(bytes, 17)); /* whatever the alignment */
}

#define EACH(X)                                                                                                        \
    X(test_put_get_erase)                                                                                              \
    X(test_layouts)                                                                                                    \
    X(test_init_fails_at_each_allocation)                                                                              \
    X(test_put_fails_at_each_allocation)                                                                               \
    X(test_garbage_is_cleaned)                                                                                         \
    X(test_erase_of_garbage_leaves_next_incarnation_alone)                                                             \
    X(test_hot_pair_moves)                                                                                             \
    X(test_pin_keeps_the_pair)                                                                                         \
    X(test_replacement_keeps_the_place)                                                                                \
    X(test_erase_many)                                                                                                 \
    X(test_erase_waits_for_readers)                                                                                    \
    X(test_no_slot)                                                                                                    \
    X(test_no_hazard)                                                                                                  \
    X(test_put_into_deleted_instance)

EACH(BOTH)

int main(void) {
    const struct CMUnitTest tests[] = {EACH(LISTED) cmocka_unit_test(test_hash)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
