/* Wash: the heap, the sizes, scores, both layouts, failures, and all of it against traffic. */
#include "../core/wash_heap.h"
#include "../core/wash_size.h"
#include "core_fixture.h"

#define MB (UINT64_C(1) << 20)
#define GB (UINT64_C(1) << 30)

enum { BLOCK = 1024 };

static kv_handle *full_block(fixture *f, kv_inst *inst, double score) {
    kv_handle *h = NULL;
    assert_int_equal(st_alloc_mbhandle(f->st, f->t, inst, KV_LRU, BLOCK, &h), KV_OK);
    st_set_full(f->st, h, score);
    return h;
}

static double score_of(kv_handle *h) {
    return double_of_bits(at_load(&h->score, relaxed));
}

static bool near(double a, double b) {
    return a - b < 1e-9 && b - a < 1e-9;
}

static int64_t wash_objects(fixture *f) {
    return la_label_account(f->c->la, KV_L_WASH).count;
}

/* ---- Heap ---- */

static void test_heap_keeps_the_lowest(void **state) {
    (void)state;
    kv_config cfg = fx_config(true);
    fixture f;
    wash_heap heap;
    uint64_t places[5], random = 5;
    int64_t seq;
    cfg.max_handles = 64;
    fx_open(&f, &cfg);
    for (int round = 0; round < 50; round++) {
        assert_true(round > 0 || st_try_supply(f.st, f.t, 64));
        wh_init(&heap, &f.st->handles, places, 5);
        int order[64];
        for (int i = 0; i < 64; i++) {
            order[i] = i;
        }
        for (int i = 63; i > 0; i--) {
            int k = (int)(fx_random(&random) % (uint64_t)(i + 1)), x = order[i];
            order[i] = order[k];
            order[k] = x;
        }
        for (int i = 0; i < 64; i++) { /* handle i has the score order[i] */
            kv_handle *h = ha_at(&f.st->handles, (uint64_t)i);
            at_store(&h->score, bits_of_double(order[i]), relaxed);
            wh_offer(&heap, h);
        }
        assert_int_equal(heap.size, 5);
        assert_true(score_of(wh_at(&heap, 0, &seq)) == 4); /* the highest of the lowest five on top */
        wh_shrink(&heap);
        wh_shrink(&heap);
        int sum = 0;
        for (uint32_t i = 0; i < heap.size; i++) {
            sum += (int)score_of(wh_at(&heap, i, &seq));
        }
        assert_int_equal(heap.size, 3);
        assert_int_equal(sum, 0 + 1 + 2);
    }
    for (int i = 0; i < 5; i++) {
        wh_shrink(&heap);
    }
    assert_int_equal(heap.cap + heap.size, 0);
    wh_offer(&heap, ha_at(&f.st->handles, 0)); /* no place: nothing */
    assert_int_equal(heap.size, 0);
    fx_close(&f);
}

/* W5: an entry means an incarnation. */
static void test_heap_forgets_reused_handles(void **state) {
    (void)state;
    kv_config cfg = fx_config(true);
    fixture f;
    wash_heap heap, other;
    uint64_t places[2], others[2];
    int64_t seq;
    fx_open(&f, &cfg);
    kv_handle *a = full_block(&f, NULL, 1), *b = full_block(&f, NULL, 2), *c = full_block(&f, NULL, 9);
    wh_init(&heap, &f.st->handles, places, 2);
    wh_offer(&heap, a);
    wh_offer(&heap, b);
    assert_true(st_retire(f.st, b));
    assert_null(wh_at(&heap, 0, &seq));
    wh_offer(&heap, c); /* takes the place of the one that is gone, though its score is higher */
    assert_int_equal(heap.size, 2);
    assert_ptr_equal(wh_at(&heap, 0, &seq), c);
    assert_ptr_equal(wh_at(&heap, 1, &seq), a);
    wh_init(&other, &f.st->handles, others, 2);
    wh_merge(&other, &heap);
    assert_int_equal(other.size, 2);
    assert_int_equal(heap.size, 0);
    fx_close(&f);
}

/* ---- Sizes ---- */

static void test_sizes(void **state) {
    (void)state;
    assert_int_equal(wsize_reserve(GB / 2, 0), GB / 20);
    assert_int_equal(wsize_reserve(GB, 0), GB / 10);
    uint64_t ten = 10 * GB / 20 + 100 * MB; /* log10(10) = 1 */
    assert_in_range(wsize_reserve(10 * GB, 0), ten - 1, ten + 1);
    uint64_t two = (uint64_t)(0.30102999566398120 * 2 * GB / 20) + 100 * MB;
    assert_in_range(wsize_reserve(2 * GB, 0), two - 1, two + 1);
    assert_int_equal(wsize_reserve(GB / 2, 3 * GB), 3 * GB);
    assert_int_equal(wsize_after(GB, GB / 2, 0), 0);
    assert_int_equal(wsize_after(GB, GB - 10, 0), GB / 10 - 10);
    assert_int_equal(wsize_after(GB, GB + 10, 0), GB / 10 + 10);
    assert_int_equal(wsize_after(0, GB, GB), 0);
    assert_int_equal(wash_compute_size(NULL, GB, GB + 10, 0), GB / 10 + 10);

    assert_int_equal(wsize_system(GB, GB / 2, 0), 0);
    assert_int_equal(wsize_system(GB, GB - 10, 0), GB / 10 - 10);
    assert_int_equal(wsize_system(GB, 2 * GB, 0), GB / 10); /* min(used - limit, 0) */
    assert_int_equal(wsize_tenant_threshold(0), 8 * MB);
    assert_int_equal(wsize_tenant_threshold(16 * GB), 64 * MB);
    assert_int_equal(wsize_tenant_threshold(1024 * GB), 256 * MB);
    assert_int_equal(wsize_global_threshold(0), 8);
    assert_int_equal(wsize_global_threshold(512 * 20), 20);
    assert_int_equal(wsize_global_threshold(UINT64_MAX), 64);
}

static void test_size_bounds(void **state) {
    (void)state;
    wsize_tenant x[4] = {
        {.used = 95, .lower = 50, .upper = 100, .cache = 1000}, /* reserve 10 */
        {.used = 95, .lower = 50, .upper = 100, .cache = 30},
        {.used = 20, .lower = 50, .upper = 100, .cache = 1000},
        {.used = 95, .cache = 1000}, /* no limit */
    };
    wsize_bounds(x, 4);
    assert_int_equal(x[0].min, 5);
    assert_int_equal(x[0].max, 55);
    assert_int_equal(x[1].min, 5);
    assert_int_equal(x[1].max, 30);
    assert_int_equal(x[2].min + x[2].max, 0);
    assert_int_equal(x[3].min + x[3].max, 0);
}

static void test_size_shares(void **state) {
    (void)state;
    wsize_tenant x[2] = {{.min = 10, .max = 30, .cache = 100}, {.min = 20, .max = 80, .cache = 300}};
    assert_int_equal(wsize_share(x, 2, 25), 30); /* minimum each */
    assert_int_equal(x[0].wash, 10);
    assert_int_equal(x[1].wash, 20);
    assert_int_equal(wsize_share(x, 2, 70), 70); /* 40 more, 20 : 60 */
    assert_int_equal(x[0].wash, 20);
    assert_int_equal(x[1].wash, 50);
    assert_int_equal(wsize_share(x, 2, 150), 150); /* 40 above the maxima, 100 : 300 */
    assert_int_equal(x[0].wash, 40);
    assert_int_equal(x[1].wash, 110);
    wsize_tenant none = {0};
    assert_int_equal(wsize_share(&none, 1, 50), 0);
}

/* ---- After ---- */

static void test_wash_takes_the_lowest(void **state) {
    (void)state;
    kv_config cfg = fx_config(true);
    fixture f;
    wash_result r;
    kv_handle *h[8];
    fx_open(&f, &cfg);
    for (int i = 0; i < 8; i++) {
        h[i] = full_block(&f, NULL, i == 2 ? 0 : 10 + i); /* one to go at once */
    }
    at_store(&h[0]->recent_get_cnt, 100, relaxed); /* lowest score, but asked for since */
    assert_int_equal(wash_objects(&f), 1);
    assert_int_equal(wash_run(f.c->wash, f.t, 4 * BLOCK, &r), KV_OK);
    assert_int_equal(wash_objects(&f), 1); /* Q10 */
    assert_int_equal(r.wanted, 4 * BLOCK);
    assert_int_equal(r.heap_size, 4);
    assert_int_equal(r.at_once, 1);
    assert_int_equal(r.retired, 3); /* one place less for the one at once */
    assert_int_equal(r.reclaimed, 4);
    for (int i = 0; i < 8; i++) {
        bool washed = i == 1 || i == 2 || i == 3 || i == 4;
        assert_int_equal(at_load(&h[i]->status, relaxed), washed ? KV_FREE : KV_FULL);
    }
    assert_true(near(score_of(h[0]), 10 * 0.9 + 100));
    assert_int_equal(at_load(&h[0]->recent_get_cnt, relaxed), 0);
    assert_int_equal(wash_washable(f.c->wash, 0), 7 * BLOCK);
    assert_int_equal(rs_size(&f.st->station), 0); /* purged */
    assert_int_equal(fx_check(&f), 4);

    /* W14: a wash of less than a block publishes what it has seen. */
    assert_int_equal(wash_run(f.c->wash, f.t, 1, &r), KV_OK);
    assert_int_equal(r.heap_size + r.at_once + r.retired, 0);
    assert_int_equal(wash_washable(f.c->wash, 0), 4 * BLOCK);
    assert_int_equal(at_load(&f.st->wash_thread, relaxed), f.t->id + 1);
    fx_close(&f);
}

static void test_base_score(void **state) {
    (void)state;
    kv_config cfg = fx_config(true);
    fixture f;
    kv_inst *inst;
    fx_open(&f, &cfg);
    assert_int_equal(inst_get(&f.c->insts, f.t, 0, 0, &inst), KV_OK);
    full_block(&f, NULL, 0);
    full_block(&f, NULL, 0);
    at_store(&inst->hits, 30, relaxed);
    assert_int_equal(wash_refresh_score(f.c->wash, f.t), KV_OK);
    assert_true(near(double_of_bits(at_load(&f.st->base_score, relaxed)), 15));
    assert_int_equal(wash_refresh_score(f.c->wash, f.t), KV_OK); /* no new hits */
    assert_true(near(double_of_bits(at_load(&f.st->base_score, relaxed)), 13.5));
    inst_put(&f.c->insts, inst);
    fx_close(&f);
}

static void test_wash_without_heap(void **state) {
    (void)state;
    kv_config cfg = fx_config(true);
    fixture f;
    wash_result r;
    fx_open(&f, &cfg);
    full_block(&f, NULL, 1);
    assert_true(st_retire(f.st, full_block(&f, NULL, 0)));
    at_store(&f.fail_always, KV_L_WASH + 1, relaxed);
    assert_int_equal(wash_run(f.c->wash, f.t, BLOCK, &r), KV_NO_MEMORY);
    assert_int_equal(r.at_once + r.retired, 0); /* nothing scanned */
    assert_int_equal(r.reclaimed, 1);           /* but what was retired is reclaimed */
    assert_int_equal(wash_objects(&f), 1);
    assert_int_equal(fx_check(&f), 1);
    fx_close(&f);
}

/* W9: no hazard pointer to be had: the wash ends, publishes nothing, and leaves no heap behind. */
static void test_wash_without_hazard_pointers(void **state) {
    (void)state;
    for (int after = 0; after < 2; after++) {
        kv_config cfg = fx_config(after);
        fixture f;
        wash_result r;
        fx_open(&f, &cfg);
        full_block(&f, NULL, 1);
        full_block(&f, NULL, 2);
        int64_t resting = wash_objects(&f);
        kv_thread *other = kv_thread_attach(f.c);
        assert_int_equal(wash_run(f.c->wash, other, after ? 1 : BLOCK, &r), KV_OK);
        int64_t published = wash_washable(f.c->wash, 0);
        assert_int_equal(published, 2 * BLOCK);
        kv_thread_detach(other);
        (void)hp_wash(&f.st->hp);
        at_store(&f.fail_always, KV_L_HAZ_PTR + 1, relaxed);
        assert_int_equal(wash_run(f.c->wash, f.t, BLOCK, &r), KV_NO_HAZARD);
        assert_int_equal(wash_refresh_score(f.c->wash, f.t), KV_NO_HAZARD);
        assert_int_equal(wash_washable(f.c->wash, 0), published);
        assert_int_equal(wash_objects(&f), resting);
        at_store(&f.fail_always, 0, relaxed);
        assert_int_equal(fx_check(&f), 2);
        fx_close(&f);
    }
}

/* ---- Before ---- */

static void test_wash_by_tenant(void **state) {
    (void)state;
    kv_config cfg = fx_config(false);
    fixture f;
    wash_result r;
    kv_inst *inst[2];
    kv_handle *h[2][4];
    fx_open(&f, &cfg);
    int64_t resting = wash_objects(&f);
    for (uint32_t k = 0; k < 2; k++) {
        assert_int_equal(inst_get(&f.c->insts, f.t, 1, k, &inst[k]), KV_OK);
        for (int i = 0; i < 4; i++) {
            h[k][i] = full_block(&f, inst[k], i); /* a score of 0 is not low enough in this layout */
        }
    }
    assert_int_equal(wash_run(f.c->wash, f.t, 0, &r), KV_OK); /* no threshold is met */
    assert_int_equal(r.at_once + r.retired + r.reclaimed, 0);
    assert_true(score_of(h[0][3]) == 3); /* not even refreshed */

    assert_int_equal(wash_run(f.c->wash, f.t, 4 * BLOCK, &r), KV_OK); /* both tenants' caches are equal: two each */
    assert_int_equal(r.heap_size, 4);
    assert_int_equal(r.retired, 4);
    assert_int_equal(r.at_once, 0);
    for (int k = 0; k < 2; k++) {
        assert_int_equal(at_load(&h[k][1]->status, relaxed), KV_FREE);
        assert_int_equal(at_load(&h[k][2]->status, relaxed), KV_FULL);
        assert_int_equal(wash_washable(f.c->wash, (uint32_t)k), 4 * BLOCK);
        assert_int_equal(at_load(&inst[k]->mb_cnt[KV_LRU], relaxed), 2);
        assert_int_equal(at_load(&inst[k]->refs, relaxed), 1); /* the wash's own are given back */
    }
    assert_int_equal(wash_objects(&f), resting);
    assert_int_equal(fx_check(&f), 4);
    inst_put(&f.c->insts, inst[0]);
    inst_put(&f.c->insts, inst[1]);
    fx_close(&f);
}

static void test_hold_size(void **state) {
    (void)state;
    kv_config cfg = fx_config(false);
    fixture f;
    wash_result r;
    kv_inst *inst[2];
    kv_handle *h[2][4];
    fx_open(&f, &cfg);
    /* Two caches of one tenant; cache 0 has the lower scores, but may keep three blocks. */
    for (uint32_t k = 0; k < 2; k++) {
        assert_int_equal(inst_get(&f.c->insts, f.t, k, 0, &inst[k]), KV_OK);
        for (int i = 0; i < 4; i++) {
            h[k][i] = full_block(&f, inst[k], 1 + i + 10 * k);
        }
    }
    wash_set_hold_size(f.c->wash, 0, 3 * BLOCK);
    wash_set_hold_size(f.c->wash, KV_MAX_CACHE_NUM, 1);
    assert_int_equal(wash_run(f.c->wash, f.t, 3 * BLOCK, &r), KV_OK);
    assert_int_equal(r.retired, 3);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(at_load(&h[0][i]->status, relaxed), i < 1 ? KV_FREE : KV_FULL);
        assert_int_equal(at_load(&h[1][i]->status, relaxed), i < 2 ? KV_FREE : KV_FULL);
    }
    inst_put(&f.c->insts, inst[0]);
    inst_put(&f.c->insts, inst[1]);
    fx_close(&f);
}

static void test_priority(void **state) {
    (void)state;
    kv_config cfg = fx_config(false);
    fixture f;
    kv_inst *inst;
    fx_open(&f, &cfg);
    assert_int_equal(inst_get(&f.c->insts, f.t, KV_MAX_CACHE_NUM - 1, 4, &inst), KV_OK);
    kv_handle *h = full_block(&f, inst, 10);
    wash_set_priority(f.c->wash, KV_MAX_CACHE_NUM - 1, 3);
    wash_set_priority(f.c->wash, KV_MAX_CACHE_NUM, 99); /* out of range: nothing */
    at_store(&h->recent_get_cnt, 2, relaxed);
    at_store(&inst->hits, 5, relaxed);
    for (int i = 0; i < 99; i++) { /* rounds without a valid wash: scores are refreshed in the hundredth */
        assert_int_equal(wash_run(f.c->wash, f.t, 0, NULL), KV_OK);
        assert_true(score_of(h) == 10);
    }
    assert_int_equal(wash_run(f.c->wash, f.t, 0, NULL), KV_OK);
    assert_true(near(score_of(h), 9 + 2 * 3));
    assert_true(near(double_of_bits(at_load(&inst->base_score, relaxed)), 5 * 3));
    inst_put(&f.c->insts, inst);
    fx_close(&f);
}

static void test_dropped_blocks_go_at_once(void **state) {
    (void)state;
    kv_config cfg = fx_config(false);
    fixture f;
    wash_result r;
    kv_inst *inst[2];
    fx_open(&f, &cfg);
    for (uint32_t k = 0; k < 2; k++) {
        assert_int_equal(inst_get(&f.c->insts, f.t, k, 0, &inst[k]), KV_OK);
        full_block(&f, inst[k], 50);
        full_block(&f, inst[k], 50);
        inst_put(&f.c->insts, inst[k]);
    }
    assert_int_equal(kv_drop_instance(f.t, 0, 0), KV_OK);
    assert_int_equal(kv_put(f.t, 0, 0, "k", 1, "v", 1, true), KV_DELETED);
    assert_int_equal(kv_wash_now(f.t, 0, &r), KV_OK); /* no threshold is met, no size forced */
    assert_int_equal(r.at_once, 2);
    assert_int_equal(r.retired, 0);
    assert_int_equal(r.reclaimed, 2);
    assert_int_equal(kv_put(f.t, 0, 0, "k", 1, "v", 1, true), KV_OK); /* swept: it can be made again */
    assert_int_equal(at_load(&inst[1]->mb_cnt[KV_LRU], relaxed), 2);
    fx_check(&f);
    fx_close(&f);
}

/* ---- Against traffic ---- */

enum { STEPS = 8000, KEYS = 40 };

static void storm(fx_worker *w) {
    fixture *f = w->f;
    uint64_t random = 3 + (uint64_t)w->index;
    char value[200];
    while (w->index == 0 && at_load(&w->crew->running, acquire) > 0) {
        wash_result r;
        kv_rc rc = wash_run(f->c->wash, w->t, fx_random(&random) % (6 * BLOCK), &r);
        w->result += rc != KV_OK;
        if (fx_random(&random) % 4 == 0) {
            (void)kv_flush(w->t, UINT32_MAX, true);
        }
    }
    for (int i = 0; w->index > 0 && i < STEPS; i++) {
        uint64_t key = fx_random(&random) % KEYS;
        uint32_t cache = (uint32_t)key % 3, tenant = (uint32_t)key % 2;
        kv_pin pin;
        switch (fx_random(&random) % 8) {
        case 0:
            (void)kv_sync_wash(w->t, tenant, 1 + fx_random(&random) % (2 * BLOCK));
            break;
        case 1:
        case 2:
            memset(value, (int)key, sizeof value);
            kv_rc rc = kv_put(w->t, cache, tenant, &key, sizeof key, value, sizeof value, true);
            w->result += rc != KV_OK && rc != KV_NO_HANDLE;
            break;
        default:
            if (kv_get(w->t, cache, tenant, &key, sizeof key, &pin) == KV_OK) {
                for (uint32_t k = 0; k < sizeof value; k++) {
                    w->result += ((char *)pin.pair->value)[k] != (char)key;
                }
                kv_unpin(w->t, &pin);
            }
        }
    }
}

static void test_storm(void **state) {
    (void)state;
    for (int after = 0; after < 2; after++) {
        kv_config cfg = fx_config(after);
        fixture f;
        fx_crew crew;
        cfg.max_handles = 32;
        fx_open(&f, &cfg);
        fx_run(&f, &crew, 4, storm);
        for (int i = 0; i < 4; i++) {
            assert_int_equal(crew.workers[i].result, 0);
        }
        fx_check(&f);
        assert_int_equal(kv_wash_now(f.t, 64 * BLOCK, NULL), KV_OK);
        (void)kv_flush(f.t, UINT32_MAX, true);
        fx_check(&f);
        fx_close(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heap_keeps_the_lowest),
        cmocka_unit_test(test_heap_forgets_reused_handles),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_size_bounds),
        cmocka_unit_test(test_size_shares),
        cmocka_unit_test(test_wash_takes_the_lowest),
        cmocka_unit_test(test_base_score),
        cmocka_unit_test(test_wash_without_heap),
        cmocka_unit_test(test_wash_without_hazard_pointers),
        cmocka_unit_test(test_wash_by_tenant),
        cmocka_unit_test(test_hold_size),
        cmocka_unit_test(test_priority),
        cmocka_unit_test(test_dropped_blocks_go_at_once),
        cmocka_unit_test(test_storm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
