/* The facade: configuration, cold-start figures, creation that fails at every step, contexts, operations, drops. */
#include "core_fixture.h"

#define MB (UINT64_C(1) << 20)
#define GB (UINT64_C(1) << 30)

enum { BLOCK = 1024 };

/* ---- Configuration ---- */

static kv_config standard(bool after) {
    kv_config cfg, small = fx_config(after);
    kv_config_default(&cfg);
    cfg.memory_limit = cfg.max_cache_size = 2 * GB;
    cfg.bucket_num = 0;
    cfg.buckets = small.buckets;
    cfg.handles = small.handles;
    cfg.nodes = small.nodes;
    cfg.wash = small.wash;
    return cfg;
}

static void test_derived_figures(void **state) {
    (void)state;
    kv_config cfg = standard(true), again;
    char err[128];
    assert_int_equal(kv_config_resolve(&cfg, err, sizeof err), KV_OK);
    assert_int_equal(cfg.qclock_slots, 4096);
    assert_int_equal(cfg.station_slots, 2048);
    assert_int_equal(cfg.max_handles, 68616); /* 1032 + 2 * (1024 + 8 * 4096) */
    assert_int_equal(cfg.handles_per_block, 62);
    assert_int_equal(cfg.hp_per_block, 329);
    assert_int_equal(cfg.bucket_num, 196613);
    again = cfg;
    assert_int_equal(kv_config_resolve(&again, NULL, 0), KV_OK);
    assert_memory_equal(&again, &cfg, sizeof cfg);
    cfg = standard(false);
    assert_int_equal(kv_config_resolve(&cfg, err, sizeof err), KV_OK);
    assert_int_equal(cfg.bucket_num, 786433);
    cfg = standard(false);
    cfg.memory_limit = 64 * MB;
    cfg.max_cache_size = 0;
    assert_int_equal(kv_config_resolve(&cfg, err, sizeof err), KV_OK);
    assert_int_equal(cfg.max_cache_size, 64 * MB);
}

static void refused(const kv_config *cfg, const char *name) {
    kv_config copy = *cfg;
    kv_cache *c = (kv_cache *)&copy;
    char err[160] = "";
    assert_int_equal(kv_config_resolve(&copy, err, sizeof err), KV_INVALID);
    assert_non_null(strstr(err, name));
    assert_int_equal(err[strlen(err) - 1], '.');
    copy = *cfg;
    assert_int_equal(kv_config_resolve(&copy, NULL, 0), KV_INVALID);
    assert_int_equal(kv_create(prim_mem_private(), NULL, cfg, &c), KV_INVALID);
    assert_null(c);
}

static void test_ranges(void **state) {
    (void)state;
#define REFUSED(field, value)                                                                                          \
    do {                                                                                                               \
        kv_config cfg = standard(true);                                                                                \
        cfg.field = (value);                                                                                           \
        refused(&cfg, #field);                                                                                         \
    } while (0)
    REFUSED(block_size, 0);
    REFUSED(block_size, 4097);
    REFUSED(max_cpu, 0);
    REFUSED(supply_num, 0);
    REFUSED(retire_limit, 0);
    REFUSED(bucket_size, 0);
    REFUSED(lock_stripes, 0);
    REFUSED(hv_slots, 0);
    REFUSED(hp_batch, 0);
    REFUSED(node_block_size, 8);
    REFUSED(sync_wash_steps, 0);
    REFUSED(max_threads, KV_MAX_THREADS + 1);
    REFUSED(memory_limit, 64 * MB - 1);
#undef REFUSED
    kv_config cfg = standard(true);
    cfg.wash = (kv_wash_layout)2;
    refused(&cfg, "layout");
    cfg = fx_config(true); /* small blocks: little memory will do */
    cfg.memory_limit = MB;
    assert_int_equal(kv_config_resolve(&cfg, NULL, 0), KV_OK);
}

/* ---- Cold start (chapter 4) ---- */

static void test_cold_start(void **state) {
    (void)state;
    for (int after = 0; after < 2; after++) {
        kv_config cfg = standard(after);
        fixture f;
        fx_open(&f, &cfg);
        la_alloc *la = f.c->la;
        la_account handles = la_label_account(la, KV_L_MB_HANDLE), wash = la_label_account(la, KV_L_WASH);
        if (after) {
            assert_int_equal(handles.used, 1107 * 8 + 68616 * 8);
            assert_int_equal(handles.count, 2);
            assert_true(wash.hold <= 8000); /* Q10 */
        } else {
            assert_int_equal(handles.used, 68616 * 128);
            assert_int_equal(handles.count, 1);
            assert_true(wash.used > 2 * 68616 * 8 && wash.used < 2 * 68616 * 8 + 32768);
        }
        for (uint32_t cache = 0; cache < 13; cache++) {
            assert_int_equal(kv_put(f.t, cache, 0, "key", 3, "value", 5, true), KV_OK);
        }
        la_account nodes = la_label_account(la, KV_L_MAP_NODE);
        assert_int_equal(nodes.count, after ? 1 : 13);
        assert_int_equal(nodes.used, (after ? 1 : 13) * (int64_t)cfg.node_block_size);
        assert_int_equal(at_load(&f.st->cur_mb_num, relaxed), 128);
        la_account grown = la_label_account(la, KV_L_MB_HANDLE);
        assert_int_equal(grown.count - handles.count, after ? 3 : 0);
        assert_int_equal(grown.used - handles.used, after ? 3 * 7936 : 0);
        assert_int_equal(la_label_account(la, KV_L_WASH).used, wash.used);
        fx_check(&f);
        fx_close(&f);
    }
}

/* ---- Creation that fails (W7) ---- */

static void test_creation_fails_at_every_step(void **state) {
    (void)state;
    for (int after = 0; after < 2; after++) {
        kv_config cfg = fx_config(after);
        int64_t step = 0;
        for (;; step++) {
            fixture f;
            kv_rc rc;
            fx_prepare(&f);
            at_store(&f.fail_after, step, relaxed);
            rc = kv_create(prim_mem_private(), &f.env, &cfg, &f.c);
            assert_int_equal(at_load(&f.reports, relaxed), 0);
            if (rc == KV_OK) {
                kv_destroy(f.c); /* without a shutdown before */
                break;
            }
            assert_int_equal(rc, KV_NO_MEMORY); /* what it leaks is the leak sanitizer's to see */
            assert_null(f.c);
        }
        assert_true(step > 10);
    }
}

/* Every allocation of a run fails once: codes, never damage. */
static void test_operations_with_failures(void **state) {
    (void)state;
    for (int after = 0; after < 2; after++) {
        kv_config cfg = fx_config(after);
        fixture f;
        fx_open(&f, &cfg);
        char value[300];
        memset(value, 7, sizeof value);
        for (int64_t step = 1; step < 60; step++) {
            at_store(&f.fail_after, step % 12, relaxed);
            for (uint32_t key = 0; key < 10; key++) {
                uint32_t len = key == 9 ? 2000 : 300;
                char large[2000] = {0};
                kv_pin pin;
                kv_rc rc = kv_put(f.t, key % 3, 0, &key, sizeof key, key == 9 ? large : value, len, true);
                assert_true(rc == KV_OK || rc == KV_NO_MEMORY || rc == KV_NO_HANDLE || rc == KV_NO_HAZARD);
                rc = kv_get(f.t, key % 3, 0, &key, sizeof key, &pin);
                assert_true(rc == KV_OK || rc == KV_NOT_FOUND || rc == KV_NO_HAZARD);
                if (rc == KV_OK) {
                    assert_int_equal(pin.value_len, len);
                    kv_unpin(f.t, &pin);
                }
            }
            (void)kv_wash_now(f.t, 3 * BLOCK, NULL);
            (void)kv_drop_instance(f.t, (uint32_t)step % 3, 0);
            (void)kv_wash_now(f.t, BLOCK, NULL);
            at_store(&f.fail_after, -1, relaxed);
            fx_check(&f);
        }
        fx_close(&f);
    }
}

/* ---- Contexts ---- */

static void test_contexts(void **state) {
    (void)state;
    kv_config cfg = fx_config(true);
    fixture f;
    kv_thread *t[4];
    cfg.max_threads = 4;
    fx_open(&f, &cfg); /* has one */
    for (uint32_t i = 1; i < 4; i++) {
        t[i] = kv_thread_attach(f.c);
        assert_int_equal(t[i]->id, i);
    }
    assert_null(kv_thread_attach(f.c));
    kv_thread_detach(t[2]);
    at_store(&f.fail_always, KV_L_CORE + 1, relaxed);
    assert_null(kv_thread_attach(f.c)); /* gives the id back */
    at_store(&f.fail_always, 0, relaxed);
    t[2] = kv_thread_attach(f.c);
    assert_int_equal(t[2]->id, 2);
    assert_int_equal(kv_put(t[2], 0, 0, "k", 1, "v", 1, true), KV_OK);
    assert_true(t[2]->hp_count > 0);
    assert_int_equal(la_label_account(f.c->la, KV_L_CORE).count, 5);
    int64_t hazard_blocks = at_load(&f.st->hp.block_cnt, relaxed);
    for (int i = 0; i < 20; i++) { /* each gives its hazard pointers back */
        kv_thread_detach(t[2]);
        t[2] = kv_thread_attach(f.c);
        assert_int_equal(kv_put(t[2], 0, 0, "k", 1, "v", 1, true), KV_OK);
    }
    assert_int_equal(at_load(&f.st->hp.block_cnt, relaxed), hazard_blocks);
    fx_close(&f); /* contexts still attached */
}

/* ---- Operations ---- */

static void test_operations(void **state) {
    (void)state;
    for (unsigned mix = 0; mix < 16; mix++) { /* each part of the layout is chosen alone */
        bool after = mix & 1;
        kv_config cfg = fx_config(after);
        cfg.handles = (kv_handles_layout)(mix >> 1 & 1);
        cfg.nodes = (kv_nodes_layout)(mix >> 2 & 1);
        cfg.buckets = (kv_buckets_layout)(mix >> 3);
        fixture f;
        kv_pin pin;
        fx_open(&f, &cfg);
        assert_int_equal(kv_get(f.t, 0, 0, "key", 3, &pin), KV_NOT_FOUND);
        assert_int_equal(kv_erase(f.t, 0, 0, "key", 3), KV_NOT_FOUND);
        assert_int_equal(kv_drop_instance(f.t, 0, 0), KV_NOT_FOUND);
        assert_int_equal(kv_put(f.t, KV_MAX_CACHE_NUM, 0, "key", 3, "v", 1, true), KV_INVALID);
        assert_int_equal(kv_put(f.t, 0, 0, "key", 3, "one", 3, false), KV_OK);
        assert_int_equal(kv_put(f.t, 0, 0, "key", 3, "two", 3, false), KV_EXISTS);
        assert_int_equal(kv_put(f.t, 0, 0, "key", 3, "two", 3, true), KV_OK);
        assert_int_equal(kv_put(f.t, 0, 1, "key", 3, "other", 5, true), KV_OK);
        assert_int_equal(kv_get(f.t, 0, 0, "key", 3, &pin), KV_OK);
        assert_int_equal(pin.value_len, 3);
        assert_memory_equal(pin.pair->value, "two", 3);
        /* Pinned, the pair outlives its block's retirement. */
        if (!after) {
            kv_inst *inst;
            assert_int_equal(inst_find(&f.c->insts, 0, 0, &inst), KV_OK);
            st_close_current(f.st, f.t, inst);
            inst_put(&f.c->insts, inst);
        } else {
            st_close_current(f.st, f.t, NULL);
        }
        (void)kv_flush(f.t, UINT32_MAX, true);
        assert_memory_equal(pin.pair->value, "two", 3);
        kv_unpin(f.t, &pin);
        assert_int_equal(kv_get(f.t, 0, 0, "key", 3, &pin), KV_NOT_FOUND);
        assert_int_equal(kv_put(f.t, 0, 1, "key", 3, "other", 5, true), KV_OK);
        assert_int_equal(kv_erase(f.t, 0, 1, "key", 3), KV_OK);
        assert_int_equal(kv_erase(f.t, 0, 1, "key", 3), KV_NOT_FOUND);
        fx_check(&f);
        fx_close(&f);
    }
}

/* The limit is far below what is put: sync washes from inside the allocations make room. */
static void test_limit_makes_room(void **state) {
    (void)state;
    for (int after = 0; after < 2; after++) {
        kv_config cfg = standard(after);
        fixture f;
        cfg.memory_limit = cfg.max_cache_size = 64 * MB;
        cfg.bucket_num = 1009;
        cfg.max_cpu = 2;
        fx_open(&f, &cfg);
        static char value[200000];
        kv_pin pin;
        for (uint32_t key = 0; key < 1000; key++) { /* 200 MB */
            memcpy(value, &key, sizeof key);
            assert_int_equal(kv_put(f.t, 0, 0, &key, sizeof key, value, sizeof value, true), KV_OK);
            assert_true(la_tenant_hold(f.c->la, 0) <= 64 * MB);
        }
        uint32_t last = 999;
        assert_int_equal(kv_get(f.t, 0, 0, &last, sizeof last, &pin), KV_OK);
        assert_memory_equal(pin.pair->value, &last, sizeof last);
        kv_unpin(f.t, &pin);
        fx_check(&f);
        fx_close(&f);
    }
}

/* ---- Drops against traffic ---- */

enum { STEPS = 3000 };

static void traffic(fx_worker *w) {
    fixture *f = w->f;
    uint64_t random = 9 + (uint64_t)w->index;
    char value[120];
    for (int i = 0; i < STEPS; i++) {
        uint64_t key = fx_random(&random) % 16;
        kv_pin pin;
        kv_rc rc;
        switch (fx_random(&random) % 16) {
        case 0:
            rc = kv_drop_instance(w->t, key % 2, 0);
            w->result += rc != KV_OK && rc != KV_NOT_FOUND;
            break;
        case 1:
            w->result += kv_wash_now(w->t, 4 * BLOCK, NULL) != KV_OK;
            break;
        case 2:
            rc = kv_erase(w->t, key % 2, 0, &key, sizeof key);
            w->result += rc != KV_OK && rc != KV_NOT_FOUND;
            break;
        case 3: { /* contexts come and go */
            kv_thread *t = kv_thread_attach(f->c);
            w->result += t == NULL;
            if (t != NULL) {
                (void)kv_get(t, 0, 0, &key, sizeof key, &pin);
                kv_unpin(t, &pin);
                kv_thread_detach(t);
            }
            break;
        }
        case 4:
        case 5:
        case 6:
        case 7:
            memset(value, (int)key, sizeof value);
            rc = kv_put(w->t, key % 2, 0, &key, sizeof key, value, sizeof value, true);
            w->result += rc != KV_OK && rc != KV_DELETED && rc != KV_NO_HANDLE;
            break;
        default:
            rc = kv_get(w->t, key % 2, 0, &key, sizeof key, &pin);
            w->result += rc != KV_OK && rc != KV_NOT_FOUND;
            if (rc == KV_OK) {
                w->result += ((char *)pin.pair->value)[sizeof value - 1] != (char)key;
                kv_unpin(w->t, &pin);
            }
        }
    }
}

static void test_drops_against_traffic(void **state) {
    (void)state;
    for (int after = 0; after < 2; after++) {
        kv_config cfg = fx_config(after);
        fixture f;
        fx_crew crew;
        cfg.max_handles = 40;
        fx_open(&f, &cfg);
        fx_run(&f, &crew, 4, traffic);
        for (int i = 0; i < 4; i++) {
            assert_int_equal(crew.workers[i].result, 0);
        }
        fx_check(&f);
        for (uint32_t cache = 0; cache < 2; cache++) {
            kv_rc rc = kv_drop_instance(f.t, cache, 0);
            assert_true(rc == KV_OK || rc == KV_NOT_FOUND);
        }
        assert_int_equal(kv_wash_now(f.t, 0, NULL), KV_OK);
        assert_int_equal(la_label_account(f.c->la, KV_L_MAP_NODE).count, 0); /* Q7 */
        for (uint32_t cache = 0; cache < 2; cache++) {
            kv_inst *inst;
            assert_int_equal(inst_find(&f.c->insts, cache, 0, &inst), KV_NOT_FOUND); /* swept */
        }
        fx_check(&f);
        fx_close(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_derived_figures),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_cold_start),
        cmocka_unit_test(test_creation_fails_at_every_step),
        cmocka_unit_test(test_operations_with_failures),
        cmocka_unit_test(test_contexts),
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_limit_makes_room),
        cmocka_unit_test(test_drops_against_traffic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
