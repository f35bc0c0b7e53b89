/* Store: supply, blocks, pairs, retirement and reuse, sync wash, flush; failures of each allocation; races. */
#include "core_fixture.h"

enum { BLOCK = 1024, PAYLOAD = BLOCK - 32 };

static kv_handle *make_block(fixture *f, kv_policy policy) {
    kv_handle *h = NULL;
    assert_int_equal(st_alloc_mbhandle(f->st, f->t, NULL, policy, BLOCK, &h), KV_OK);
    return h;
}

static kv_handle *make_full(fixture *f, double score) {
    kv_handle *h = make_block(f, KV_LRU);
    assert_non_null(mb_alloc(at_load(&h->mem_block, relaxed), 8, 400));
    st_set_full(f->st, h, score);
    return h;
}

/* ---- Supply ---- */

static void supply_in(bool after) {
    kv_config cfg = fx_config(after);
    fixture f;
    cfg.max_handles = 11; /* the last block and the last range are short */
    fx_open(&f, &cfg);
    for (uint64_t have = 0; have < 11; have = have + 3 < 11 ? have + 3 : 11) {
        assert_int_equal(at_load(&f.st->cur_mb_num, relaxed), have);
        assert_int_equal(pool_size(&f.st->pool), have);
        assert_true(st_try_supply(f.st, f.t, 3));
    }
    assert_int_equal(at_load(&f.st->cur_mb_num, relaxed), 11);
    assert_false(st_try_supply(f.st, f.t, 3));
    assert_false(st_try_supply(f.st, f.t, UINT64_MAX));
    fx_check(&f);
    fx_close(&f);
}

static void test_supply(void **state) {
    (void)state;
    supply_in(false);
    supply_in(true);
}

static void test_supply_without_memory(void **state) {
    (void)state;
    kv_config cfg = fx_config(true);
    fixture f;
    kv_handle *h;
    fx_open(&f, &cfg);
    at_store(&f.fail_always, KV_L_MB_HANDLE + 1, relaxed);
    assert_false(st_try_supply(f.st, f.t, 3));
    assert_int_equal(st_alloc_mbhandle(f.st, f.t, NULL, KV_LRU, BLOCK, &h), KV_NO_HANDLE);
    assert_null(h);
    assert_int_equal(at_load(&f.st->cur_mb_num, relaxed), 0);
    fx_check(&f);
    at_store(&f.fail_always, 0, relaxed);
    assert_true(st_try_supply(f.st, f.t, UINT64_MAX));
    assert_int_equal(at_load(&f.st->cur_mb_num, relaxed), 12);
    fx_check(&f);
    fx_close(&f);
}

/* Every handle of the store is somebody's: nobody may be told that there is none (W2), and no range is supplied that
 * nobody needs (W3). */
enum { ROUNDS = 200, CREW = 4 };

static void take_share(fx_worker *w) {
    for (uint32_t i = 0; i < w->f->c->cfg.max_handles / CREW; i++) {
        kv_handle *h;
        w->result += st_alloc_mbhandle(w->f->st, w->t, NULL, KV_LRU, 64, &h) != KV_OK;
    }
}

static void take_one(fx_worker *w) {
    kv_handle *h;
    w->result = st_alloc_mbhandle(w->f->st, w->t, NULL, KV_LRU, 64, &h);
}

static void test_supply_race(void **state) {
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        kv_config cfg = fx_config(round % 2 == 0);
        fixture f;
        fx_crew crew;
        cfg.max_handles = 64;
        cfg.supply_num = 16;
        fx_open(&f, &cfg);
        fx_run(&f, &crew, CREW, take_share);
        for (int i = 0; i < CREW; i++) {
            assert_int_equal(crew.workers[i].result, 0);
        }
        assert_int_equal(at_load(&f.st->cur_mb_num, relaxed), 64);
        assert_int_equal(fx_check(&f), 64);
        fx_close(&f);

        cfg.supply_num = CREW;
        fx_open(&f, &cfg);
        fx_run(&f, &crew, CREW, take_one);
        assert_int_equal(at_load(&f.st->cur_mb_num, relaxed), CREW);
        assert_int_equal(fx_check(&f), CREW);
        fx_close(&f);
    }
}

/* ---- Blocks ---- */

static void test_block_fields(void **state) {
    (void)state;
    for (int after = 0; after < 2; after++) {
        kv_config cfg = fx_config(after);
        fixture f;
        fx_open(&f, &cfg);
        kv_handle *h = make_block(&f, KV_LFU);
        assert_int_equal(at_load(&h->status, relaxed), KV_USING);
        assert_int_equal(at_load(&h->policy, relaxed), KV_LFU);
        assert_int_equal(st_block_hold(h), BLOCK);
        assert_int_equal(at_load(&h->mem_block, relaxed)->payload, PAYLOAD);
        assert_int_equal(fx_check(&f), 1);

        assert_false(st_retire(f.st, h)); /* not FULL */
        at_store(&h->kv_cnt, 7, relaxed);
        at_store(&h->get_cnt, 7, relaxed);
        at_store(&h->recent_get_cnt, 7, relaxed);
        st_set_full(f.st, h, 1.5);
        st_set_full(f.st, h, 1.5); /* nothing */
        assert_true(double_of_bits(at_load(&h->score, relaxed)) == 1.5);
        assert_true(st_retire(f.st, h));
        assert_false(st_retire(f.st, h));
        assert_int_equal(at_load(&h->seq_num, relaxed), 1);
        assert_int_equal(fx_check(&f), 1); /* retired, still listed and counted */
        assert_int_equal(st_reclaim(f.st, f.t), 1);
        assert_int_equal(fx_check(&f), 0);
        st_purge(f.st);
        assert_int_equal(rs_size(&f.st->station), 0);
        assert_int_equal(pool_size(&f.st->pool), 3);
        assert_int_equal(at_load(&h->seq_num, relaxed), 1); /* never reset (I8) */
        assert_int_equal(at_load(&h->kv_cnt, relaxed) + at_load(&h->get_cnt, relaxed), 0);
        assert_int_equal(at_load(&h->recent_get_cnt, relaxed) + at_load(&h->policy, relaxed), 0);
        assert_int_equal(at_load(&h->score, relaxed), 0);
        assert_int_equal(at_load(&h->link.next, relaxed), 0);
        fx_close(&f);
    }
}

static void test_block_failures(void **state) {
    (void)state;
    kv_config cfg = fx_config(true);
    fixture f;
    kv_handle *h;
    fx_open(&f, &cfg);
    at_store(&f.fail_always, KV_L_CACHE + 1, relaxed);
    assert_int_equal(st_alloc_mbhandle(f.st, f.t, NULL, KV_LRU, BLOCK, &h), KV_NO_MEMORY);
    fx_check(&f);
    at_store(&f.fail_always, 0, relaxed);
    for (int i = 0; i < 12; i++) {
        make_block(&f, KV_LRU);
    }
    assert_int_equal(st_alloc_mbhandle(f.st, f.t, NULL, KV_LRU, BLOCK, &h), KV_NO_HANDLE);
    assert_int_equal(at_load(&f.st->cur_mb_num, relaxed), 12);
    assert_int_equal(fx_check(&f), 12);
    fx_close(&f);
}

/* A supplier that died between winning the count and its last push: waited for by the clock, then counted as lost. */
static void test_dead_supplier(void **state) {
    (void)state;
    kv_config cfg = fx_config(true);
    fixture f;
    kv_handle *h;
    fx_open(&f, &cfg);
    for (uint32_t i = 0; i < cfg.max_handles; i++) {
        assert_int_equal(st_alloc_mbhandle(f.st, f.t, NULL, KV_LRU, 64, &h), KV_OK);
    }
    at_add(&f.st->supplying, 1, relaxed);
    f.tick = 400 * 1000;
    uint64_t before = at_load(&f.now, relaxed);
    assert_int_equal(st_alloc_mbhandle(f.st, f.t, NULL, KV_LRU, 64, &h), KV_NO_HANDLE);
    assert_in_range(at_load(&f.now, relaxed) - before, 1000 * 1000, 3 * 1000 * 1000);
    at_sub(&f.st->supplying, 1, relaxed);
    fx_check(&f);
    fx_close(&f);
}

/* Everything supplied, everything retired or in the station: an allocation gets it back (W2, W12). */
static void test_recovery(void **state) {
    (void)state;
    kv_config cfg = fx_config(true);
    fixture f;
    kv_handle *h[12];
    fx_open(&f, &cfg);
    for (int i = 0; i < 12; i++) {
        h[i] = make_full(&f, 0);
    }
    assert_true(st_retire(f.st, h[5])); /* on the retire list only */
    assert_ptr_equal(make_block(&f, KV_LRU), h[5]);
    st_set_full(f.st, h[5], 0);
    assert_true(st_retire(f.st, h[7]));
    assert_int_equal(st_reclaim(f.st, f.t), 1); /* in the station only */
    assert_int_equal(rs_size(&f.st->station), 1);
    assert_ptr_equal(make_block(&f, KV_LRU), h[7]);
    assert_int_equal(fx_check(&f), 12);
    fx_close(&f); /* 10 FULL, one USING, none forgotten */
}

/* W8: blocks retired but not reclaimed go at shutdown too. */
static void test_destroy_frees_retired(void **state) {
    (void)state;
    for (int after = 0; after < 2; after++) {
        kv_config cfg = fx_config(after);
        fixture f;
        fx_open(&f, &cfg);
        for (int i = 0; i < 5; i++) {
            kv_handle *h = make_full(&f, 0);
            assert_true(i == 4 || st_retire(f.st, h));
        }
        assert_int_equal(hp_retired_count(&f.st->hp), 4);
        fx_close(&f);
    }
}

/* ---- Pairs ---- */

static kv_rc pair(fixture *f, kv_inst *inst, uint32_t value_len, kv_handle **h, hp_holder *holder) {
    kv_pair *p;
    kv_rc rc = st_alloc_kvpair(f->st, f->t, inst, KV_LRU, 8, value_len, h, &p, holder);
    if (rc == KV_OK) {
        assert_ptr_equal(holder->handle, *h);
        memset(p->key, 1, 8);
        memset(p->value, 2, value_len);
    }
    return rc;
}

static void pairs_in(bool after) {
    kv_config cfg = fx_config(after);
    fixture f;
    kv_inst *inst = NULL;
    kv_handle *h[4];
    hp_holder holder[4];
    fx_open(&f, &cfg);
    if (!after) {
        assert_int_equal(inst_get(&f.c->insts, f.t, 2, 3, &inst), KV_OK);
        at_store(&inst->base_score, bits_of_double(2.5), relaxed);
    } else {
        at_store(&f.st->base_score, bits_of_double(2.5), relaxed);
    }
    for (int i = 0; i < 3; i++) { /* two fit into a block */
        assert_int_equal(pair(&f, inst, 440, &h[i], &holder[i]), KV_OK);
    }
    assert_ptr_equal(h[0], h[1]);
    assert_ptr_not_equal(h[1], h[2]);
    assert_int_equal(at_load(&h[0]->status, relaxed), KV_FULL);
    assert_true(double_of_bits(at_load(&h[0]->score, relaxed)) == 2.5);
    assert_int_equal(at_load(&h[2]->status, relaxed), KV_USING);
    assert_ptr_equal(at_load(&h[2]->inst, relaxed), inst);

    assert_int_equal(pair(&f, inst, 5000, &h[3], &holder[3]), KV_OK); /* a block of its own */
    assert_int_equal(at_load(&h[3]->status, relaxed), KV_FULL);
    assert_int_equal(st_block_hold(h[3]), mb_pair_bytes(8, 5000) + 32);
    assert_int_equal(mb_used(at_load(&h[3]->mem_block, relaxed)), mb_pair_bytes(8, 5000));
    if (!after) {
        assert_int_equal(at_load(&inst->mb_cnt[KV_LRU], relaxed), 3);
        assert_int_equal(at_load(&inst->store_size, relaxed), at_load(&f.st->store_size, relaxed));
    }
    kv_pair *p;
    kv_handle *none;
    hp_holder empty;
    assert_int_equal(st_alloc_kvpair(f.st, f.t, inst, KV_LRU, UINT32_MAX, UINT32_MAX, &none, &p, &empty), KV_INVALID);
    for (int i = 0; i < 4; i++) {
        hp_release(&f.st->hp, f.t, &holder[i]);
    }
    st_close_current(f.st, f.t, inst);
    assert_int_equal(at_load(&h[2]->status, relaxed), KV_FULL);
    assert_int_equal(fx_check(&f), 3);
    assert_int_equal(st_flush(f.st, f.t, UINT32_MAX, true), 0);
    assert_int_equal(fx_check(&f), 0);
    if (!after) {
        assert_int_equal(at_load(&inst->mb_cnt[KV_LRU], relaxed) + at_load(&inst->store_size, relaxed), 0);
        inst_put(&f.c->insts, inst);
    }
    fx_close(&f);
}

static void test_pairs(void **state) {
    (void)state;
    pairs_in(true);
    pairs_in(false);
}

/* A put that races with a drop may install a block after the drop has closed the current ones. */
static void test_dropped_instance_has_no_current_block(void **state) {
    (void)state;
    kv_config cfg = fx_config(false);
    fixture f;
    kv_inst *inst;
    kv_handle *h;
    hp_holder holder;
    fx_open(&f, &cfg);
    assert_int_equal(inst_get(&f.c->insts, f.t, 0, 0, &inst), KV_OK);
    assert_int_equal(inst_mark_deleted(&f.c->insts, 0, 0), KV_OK);
    assert_int_equal(pair(&f, inst, 100, &h, &holder), KV_OK);
    assert_null(at_load(&inst->current[KV_LRU], relaxed));
    assert_int_equal(at_load(&h->status, relaxed), KV_FULL);
    hp_release(&f.st->hp, f.t, &holder);
    inst_put(&f.c->insts, inst);
    fx_close(&f);
}

static void test_pair_failures(void **state) {
    (void)state;
    static const kv_label labels[] = {KV_L_CACHE, KV_L_MB_HANDLE, KV_L_HAZ_PTR};
    static const kv_rc codes[] = {KV_NO_MEMORY, KV_NO_HANDLE, KV_NO_HAZARD};
    for (int i = 0; i < 3; i++) {
        for (int large = 0; large < 2; large++) {
            kv_config cfg = fx_config(true);
            fixture f;
            kv_handle *h;
            hp_holder holder;
            fx_open(&f, &cfg);
            at_store(&f.fail_always, labels[i] + 1, relaxed);
            assert_int_equal(pair(&f, NULL, large ? 3000 : 100, &h, &holder), codes[i]);
            assert_null(holder.handle);
            at_store(&f.fail_always, 0, relaxed);
            assert_int_equal(st_flush(f.st, f.t, 0, true), 0); /* what a failure left is FULL and empty */
            assert_int_equal(fx_check(&f), 0);
            assert_int_equal(pair(&f, NULL, 100, &h, &holder), KV_OK);
            hp_release(&f.st->hp, f.t, &holder);
            assert_int_equal(fx_check(&f), 1);
            fx_close(&f);
        }
    }
}

/* ---- Sync wash, flush ---- */

static void test_sync_wash(void **state) {
    (void)state;
    kv_config cfg = fx_config(true);
    fixture f;
    kv_handle *h[6];
    fx_open(&f, &cfg);
    for (int i = 0; i < 6; i++) {
        h[i] = make_full(&f, i);
    }
    assert_int_equal(st_sync_wash(f.st, f.t, 0, 0), KV_OK);
    assert_int_equal(fx_check(&f), 6);
    /* From the head, measured by bump positions (432 each): three blocks to win two. */
    assert_int_equal(st_sync_wash(f.st, f.t, 0, 1200), KV_OK);
    assert_int_equal(fx_check(&f), 3);
    assert_int_equal(at_load(&h[0]->status, relaxed), KV_FREE);
    assert_int_equal(at_load(&h[3]->status, relaxed), KV_FULL);
    assert_int_equal(st_sync_wash(f.st, f.t, 0, 4 * BLOCK), KV_NOT_ENOUGH);
    assert_int_equal(fx_check(&f), 0);
    assert_int_equal(f.t->no_wash, 0);
    fx_close(&f);
}

/* W12: retired under a protection that has gone since, a block is worth its bytes to the next wash. */
static void test_sync_wash_takes_retired_blocks(void **state) {
    (void)state;
    kv_config cfg = fx_config(true);
    fixture f;
    hp_holder holder = {0};
    fx_open(&f, &cfg);
    kv_handle *h = make_full(&f, 0);
    assert_int_equal(hp_protect(&f.st->hp, f.t, h, &holder), KV_OK);
    assert_int_equal(st_sync_wash(f.st, f.t, 0, BLOCK), KV_NOT_ENOUGH);
    assert_int_equal(at_load(&h->status, relaxed), KV_FREE);
    assert_non_null(at_load(&h->mem_block, relaxed));
    hp_release(&f.st->hp, f.t, &holder);
    kv_handle *innocent = make_full(&f, 0);
    assert_int_equal(st_sync_wash(f.st, f.t, 0, BLOCK), KV_OK);
    assert_int_equal(at_load(&innocent->status, relaxed), KV_FULL); /* what was retired already was enough */
    assert_int_equal(fx_check(&f), 1);
    fx_close(&f);
}

static void test_sync_wash_timeout(void **state) {
    (void)state;
    kv_config cfg = fx_config(true);
    fixture f;
    cfg.sync_wash_steps = 2;
    cfg.sync_wash_timeout_us = 100;
    fx_open(&f, &cfg);
    for (int i = 0; i < 6; i++) {
        make_full(&f, 0);
    }
    f.tick = 60; /* noted at 0, looked at after 2 steps (60) and after 4 (120) */
    assert_int_equal(st_sync_wash(f.st, f.t, 0, 6 * BLOCK), KV_TIMEOUT);
    assert_int_equal(hp_retired_count(&f.st->hp), 3); /* no reclaim */
    assert_int_equal(st_flush(f.st, f.t, 0, true), 0); /* no time-out */
    assert_int_equal(fx_check(&f), 0);
    fx_close(&f);
}

static void test_sync_wash_without_hazard_pointers(void **state) {
    (void)state;
    kv_config cfg = fx_config(true);
    fixture f;
    fx_open(&f, &cfg);
    make_full(&f, 0);
    at_store(&f.fail_always, KV_L_HAZ_PTR + 1, relaxed);
    assert_int_equal(st_sync_wash(f.st, f.t, 0, BLOCK), KV_NOT_ENOUGH);
    assert_int_equal(st_flush(f.st, f.t, 0, true), 0); /* gives up, doesn't hang (W9) */
    kv_mb_info info;
    assert_int_equal(st_mb_info(f.st, f.t, &info), KV_NO_HAZARD);
    at_store(&f.fail_always, 0, relaxed);
    assert_int_equal(st_sync_wash(f.st, f.t, 0, BLOCK), KV_OK);
    fx_close(&f);
}

static void test_flush_by_tenant(void **state) {
    (void)state;
    kv_config cfg = fx_config(false);
    fixture f;
    kv_inst *inst[2];
    kv_handle *h;
    fx_open(&f, &cfg);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(inst_get(&f.c->insts, f.t, 0, i, &inst[i]), KV_OK);
        for (int k = 0; k < 3; k++) {
            assert_int_equal(st_alloc_mbhandle(f.st, f.t, inst[i], KV_LRU, BLOCK, &h), KV_OK);
            if (k > 0) {
                st_set_full(f.st, h, 0);
            }
        }
    }
    assert_int_equal(fx_check(&f), 6);
    assert_int_equal(st_flush(f.st, f.t, 1, true), 1); /* the one that isn't FULL */
    assert_int_equal(fx_check(&f), 4);
    assert_int_equal(at_load(&inst[0]->mb_cnt[KV_LRU], relaxed), 3);
    assert_int_equal(at_load(&inst[1]->mb_cnt[KV_LRU], relaxed), 1);
    assert_int_equal(st_flush(f.st, f.t, UINT32_MAX, false), 2);
    assert_int_equal(fx_check(&f), 2);
    kv_mb_info info;
    assert_int_equal(st_mb_info(f.st, f.t, &info), KV_OK);
    assert_int_equal(info.using_, 2);
    assert_int_equal(info.full, 0);
    assert_int_equal(info.lru, 2);
    assert_int_equal(info.hold, 2 * BLOCK);
    assert_int_equal(info.supplied, info.free + info.using_ + info.full);
    inst_put(&f.c->insts, inst[0]);
    inst_put(&f.c->insts, inst[1]);
    fx_close(&f);
}

/* ---- Everything at once ---- */

enum { PAIRS = 1200 };

/* Worker 0 washes, worker 1 flushes and looks; the others fill pairs and look whether they stay as long as held (I6,
 * I7). */
static void storm(fx_worker *w) {
    kv_store *st = w->f->st;
    uint64_t random = 77 + (uint64_t)w->index;
    if (w->index == 0) {
        while (at_load(&w->crew->running, acquire) > 0) {
            (void)st_sync_wash(st, w->t, 0, 1 + fx_random(&random) % (3 * BLOCK));
        }
        return;
    }
    if (w->index == 1) {
        for (int i = 0; i < PAIRS / 4; i++) {
            kv_mb_info info;
            (void)st_flush(st, w->t, UINT32_MAX, i % 2 == 0);
            w->result += st_mb_info(st, w->t, &info) != KV_OK;
        }
        return;
    }
    for (int i = 0; i < PAIRS; i++) {
        uint32_t len = fx_random(&random) % 16 == 0 ? 1500 : 40 + (uint32_t)(fx_random(&random) % 300);
        kv_handle *h;
        kv_pair *p;
        hp_holder holder;
        kv_rc rc = st_alloc_kvpair(st, w->t, NULL, i % 4 == 0 ? KV_LFU : KV_LRU, 8, len, &h, &p, &holder);
        if (rc != KV_OK) {
            w->result += rc != KV_NO_HANDLE; /* every other block in use or protected: allowed */
            continue;
        }
        memset(p->key, w->index, 8);
        memset(p->value, w->index, len);
        if (i % 8 == 0) {
            sched_yield();
        }
        for (uint32_t k = 0; k < len; k++) {
            w->result += ((char *)p->value)[k] != w->index;
        }
        hp_release(&st->hp, w->t, &holder);
    }
}

static void test_storm(void **state) {
    (void)state;
    for (int round = 0; round < 4; round++) {
        kv_config cfg = fx_config(round % 2 == 0);
        fixture f;
        fx_crew crew;
        cfg.protect = round < 2 ? KV_PROTECT_HAZARD : KV_PROTECT_REFCNT;
        cfg.max_handles = 24;
        fx_open(&f, &cfg);
        fx_run(&f, &crew, 5, storm);
        for (int i = 0; i < 5; i++) {
            assert_int_equal(crew.workers[i].result, 0);
        }
        fx_check(&f);
        (void)st_flush(f.st, f.t, UINT32_MAX, true);
        assert_true(fx_check(&f) <= KV_POLICY_COUNT); /* the current blocks */
        fx_close(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_supply),
        cmocka_unit_test(test_supply_without_memory),
        cmocka_unit_test(test_supply_race),
        cmocka_unit_test(test_block_fields),
        cmocka_unit_test(test_block_failures),
        cmocka_unit_test(test_dead_supplier),
        cmocka_unit_test(test_recovery),
        cmocka_unit_test(test_destroy_frees_retired),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_dropped_instance_has_no_current_block),
        cmocka_unit_test(test_pair_failures),
        cmocka_unit_test(test_sync_wash),
        cmocka_unit_test(test_sync_wash_takes_retired_blocks),
        cmocka_unit_test(test_sync_wash_timeout),
        cmocka_unit_test(test_sync_wash_without_hazard_pointers),
        cmocka_unit_test(test_flush_by_tenant),
        cmocka_unit_test(test_storm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
