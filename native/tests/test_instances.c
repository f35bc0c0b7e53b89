/* Instances: creation, references, what delays removal, failures, and drops that race with traffic. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../core/instances.h"

typedef struct fixture {
    kv_env env;
    la_alloc *la;
    kv_config cfg;
    inst_table tab;
    node_alloc nodes;
    kv_thread t;
    int fail_in; /* the n-th allocation from now fails; 0: none */
} fixture;

static bool fail_alloc(void *ctx, kv_label label, size_t size, const char *file, int line) {
    (void)label, (void)size, (void)file, (void)line;
    fixture *f = ctx;
    return f->fail_in > 0 && --f->fail_in == 0;
}

static int64_t inst_objects(fixture *f) {
    return la_label_account(f->la, KV_L_INST).count;
}

static void open_fixture(fixture *f, kv_nodes_layout layout) {
    memset(f, 0, sizeof *f);
    f->env.ctx = f;
    f->env.fail_alloc = fail_alloc;
    kv_config_default(&f->cfg);
    f->cfg.nodes = layout;
    f->cfg.node_block_size = 1024;
    assert_int_equal(la_create(prim_mem_private(), &f->env, KV_BACKING_MALLOC, &f->la), KV_OK);
    assert_int_equal(na_init(&f->nodes, f->la, &f->env, 0, 1024), KV_OK);
    assert_int_equal(inst_init(&f->tab, f->la, &f->env, &f->t, &f->cfg, &f->nodes, false), KV_OK);
}

static void close_fixture(fixture *f) {
    inst_destroy(&f->tab);
    na_destroy(&f->nodes);
    assert_int_equal(inst_objects(f), 0);
    assert_int_equal(la_label_account(f->la, KV_L_MAP_NODE).count, 0);
    la_destroy(f->la);
}

static void test_init_failure(void **state) {
    (void)state;
    fixture f;
    inst_table other;
    open_fixture(&f, KV_NODES_SHARED);
    f.fail_in = 1;
    assert_int_equal(inst_init(&other, f.la, &f.env, &f.t, &f.cfg, &f.nodes, false), KV_NO_MEMORY);
    inst_destroy(&other); /* safe after the failure */
    assert_int_equal(inst_objects(&f), 1);
    close_fixture(&f);
}

static void test_create_and_find(void **state) {
    (void)state;
    for (int layout = 0; layout < 2; layout++) {
        fixture f;
        kv_inst *a, *b;
        open_fixture(&f, layout);
        assert_int_equal(at_load(&f.tab.priority[31], relaxed), 1);
        assert_int_equal(inst_find(&f.tab, 3, 2, &a), KV_NOT_FOUND);
        assert_int_equal(inst_get(&f.tab, &f.t, 32, 0, &a), KV_INVALID);
        assert_int_equal(inst_get(&f.tab, &f.t, 0, 5, &a), KV_INVALID);
        assert_int_equal(inst_find(&f.tab, 32, 0, &a), KV_NOT_FOUND);
        assert_int_equal(inst_get(&f.tab, &f.t, 3, 2, &a), KV_OK);
        assert_int_equal((uintptr_t)a % 64, 0);
        assert_int_equal(a->cache, 3);
        assert_int_equal(a->tenant, 2);
        assert_ptr_equal(a->nodes, layout == KV_NODES_SHARED ? &f.nodes : &a->own_nodes);
        assert_int_equal(inst_find(&f.tab, 3, 2, &b), KV_OK);
        assert_ptr_equal(a, b);
        assert_int_equal(at_load(&a->refs, relaxed), 2);
        assert_int_equal(inst_get(&f.tab, &f.t, 2, 3, &b), KV_OK);
        assert_ptr_not_equal(a, b);
        assert_int_equal(inst_objects(&f), 3);
        inst_put(&f.tab, a);
        inst_put(&f.tab, a);
        inst_put(&f.tab, b);
        assert_int_equal(inst_sweep(&f.tab), 0); /* nothing is deleted */
        close_fixture(&f);
    }
}

static void test_no_memory(void **state) {
    (void)state;
    fixture f;
    kv_inst *a;
    open_fixture(&f, KV_NODES_PER_INSTANCE);
    f.fail_in = 1;
    assert_int_equal(inst_get(&f.tab, &f.t, 1, 1, &a), KV_NO_MEMORY);
    assert_null(a);
    assert_int_equal(inst_objects(&f), 1);
    assert_int_equal(inst_get(&f.tab, &f.t, 1, 1, &a), KV_OK);
    inst_put(&f.tab, a);
    close_fixture(&f);
}

static void test_what_delays_removal(void **state) {
    (void)state;
    fixture f;
    kv_inst *a, *b;
    open_fixture(&f, KV_NODES_PER_INSTANCE);
    assert_int_equal(inst_mark_deleted(&f.tab, 1, 1), KV_NOT_FOUND);
    assert_int_equal(inst_get(&f.tab, &f.t, 1, 1, &a), KV_OK);
    assert_int_equal(inst_mark_deleted(&f.tab, 1, 1), KV_OK);
    assert_int_equal(inst_find(&f.tab, 1, 1, &b), KV_DELETED);
    assert_int_equal(inst_get(&f.tab, &f.t, 1, 1, &b), KV_DELETED);
    assert_int_equal(inst_sweep(&f.tab), 0); /* the reference */
    _Atomic(int64_t) *const reasons[] = {&a->kv_cnt, &a->waiting_nodes, &a->mb_cnt[KV_LRU], &a->mb_cnt[KV_LFU],
                                         &a->store_size};
    at_store(reasons[0], 1, relaxed);
    inst_put(&f.tab, a);
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) { /* each of them alone */
        at_store(reasons[i], 1, relaxed);
        assert_int_equal(inst_sweep(&f.tab), 0);
        assert_int_equal(inst_get(&f.tab, &f.t, 1, 1, &b), KV_DELETED);
        at_store(reasons[i], 0, release);
    }
    assert_int_equal(inst_sweep(&f.tab), 1);
    assert_int_equal(inst_find(&f.tab, 1, 1, &b), KV_NOT_FOUND);
    assert_int_equal(inst_objects(&f), 1);
    close_fixture(&f);
}

static void test_created_again(void **state) {
    (void)state;
    fixture f;
    kv_inst *a;
    open_fixture(&f, KV_NODES_PER_INSTANCE);
    assert_int_equal(inst_get(&f.tab, &f.t, 1, 1, &a), KV_OK);
    at_store(&a->hits, 7, relaxed);
    inst_put(&f.tab, a);
    assert_int_equal(inst_mark_deleted(&f.tab, 1, 1), KV_OK);
    f.fail_in = 1; /* removed, but no memory for the new one */
    assert_int_equal(inst_get(&f.tab, &f.t, 1, 1, &a), KV_NO_MEMORY);
    assert_int_equal(inst_objects(&f), 1);
    assert_int_equal(inst_get(&f.tab, &f.t, 1, 1, &a), KV_OK); /* without a sweep in between */
    assert_int_equal(at_load(&a->hits, relaxed), 0);
    inst_put(&f.tab, a);
    assert_int_equal(inst_mark_deleted(&f.tab, 1, 1), KV_OK);
    assert_int_equal(inst_get(&f.tab, &f.t, 1, 1, &a), KV_OK); /* in one call */
    assert_int_equal(at_load(&a->deleted, relaxed), 0);
    inst_put(&f.tab, a);
    close_fixture(&f);
}

static void count_inst(void *arg, kv_inst *inst) {
    (void)inst;
    ++*(int *)arg;
}

static void test_each_and_destroy(void **state) {
    (void)state;
    fixture f;
    kv_inst *a;
    int n = 0;
    open_fixture(&f, KV_NODES_PER_INSTANCE);
    for (uint32_t c = 0; c < 13; c++) {
        assert_int_equal(inst_get(&f.tab, &f.t, c, c % 5, &a), KV_OK);
    }
    inst_each(&f.tab, count_inst, &n);
    assert_int_equal(n, 13);
    close_fixture(&f); /* whatever the references say */
}

/* ---- Drops race with traffic ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { ROUNDS = 8000 }; /* a round takes many times as long: asan's malloc gets each chunk from the system anew */
#else
enum { ROUNDS = 40000 };
#endif
enum { THREADS = 3, CACHES = 2 };

typedef struct race {
    fixture f;
    _Atomic(int64_t) bad, swept, used;
    _Atomic(uint32_t) ids, running;
} race;

static void *traffic_main(void *arg) {
    race *r = arg;
    kv_thread t = {.id = at_add(&r->ids, 1, relaxed)};
    for (uint32_t i = 0; i < ROUNDS; i++) {
        kv_inst *inst;
        uint32_t cache = i % CACHES;
        kv_rc rc = i % 3 == 0 ? inst_find(&r->f.tab, cache, 1, &inst) : inst_get(&r->f.tab, &t, cache, 1, &inst);
        if (rc != KV_OK) {
            if (rc != KV_DELETED && rc != KV_NOT_FOUND) {
                at_add(&r->bad, 1, relaxed);
            }
            continue;
        }
        /* What a put and an erase do to it: a node made, counted, waiting, freed. */
        void *node = na_alloc(inst->nodes, &t, 64);
        at_add(&inst->kv_cnt, 1, relaxed);
        if (inst->cache != cache) {
            at_add(&r->bad, 1, relaxed);
        }
        inst_put(&r->f.tab, inst);
        at_add(&inst->waiting_nodes, 1, relaxed);
        at_sub(&inst->kv_cnt, 1, release);
        if (na_free(inst->nodes, node) != KV_OK) {
            at_add(&r->bad, 1, relaxed);
        }
        at_sub(&inst->waiting_nodes, 1, release);
        at_add(&r->used, 1, relaxed);
    }
    at_sub(&r->running, 1, release);
    return NULL;
}

static void test_race(void **state) {
    (void)state;
    static race r;
    pthread_t th[THREADS];
    memset(&r, 0, sizeof r);
    open_fixture(&r.f, KV_NODES_PER_INSTANCE);
    at_store(&r.running, THREADS, relaxed);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&th[i], NULL, traffic_main, &r), 0);
    }
    unsigned spins = 0;
    for (uint32_t i = 0; at_load(&r.running, acquire) > 0; i++) {
        inst_mark_deleted(&r.f.tab, i % CACHES, 1);
        at_add(&r.swept, inst_sweep(&r.f.tab), relaxed);
        cpu_relax(&spins);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(th[i], NULL);
    }
    assert_int_equal(r.bad, 0);
    assert_true(r.used > 0);
    for (uint32_t c = 0; c < CACHES; c++) {
        inst_mark_deleted(&r.f.tab, c, 1);
    }
    inst_sweep(&r.f.tab);
    assert_int_equal(inst_objects(&r.f), 1); /* every instance is gone */
    assert_int_equal(la_label_account(r.f.la, KV_L_MAP_NODE).count, 0); /* Q7 */
    close_fixture(&r.f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init_failure),  cmocka_unit_test(test_create_and_find),
        cmocka_unit_test(test_no_memory),     cmocka_unit_test(test_what_delays_removal),
        cmocka_unit_test(test_created_again), cmocka_unit_test(test_each_and_destroy),
        cmocka_unit_test(test_race),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
