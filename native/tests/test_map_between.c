/* Bucket map: other threads that come in the middle of an operation, staged one by one; fragments. */
#include "map_fixture.h"

/* ---- In the middle of an operation: an allocation's fault seam is where another thread comes in ---- */

static struct hook {
    kv_label label;
    void (*fn)(fixture *f);
    kv_thread *other; /* the context that the hook uses */
    kv_inst *inst;
    uint64_t key;
    int calls;
} hook;

static bool hook_alloc(void *ctx, kv_label label, size_t size, const char *file, int line) {
    (void)size, (void)file, (void)line;
    if (hook.fn != NULL && label == hook.label) {
        void (*fn)(fixture *f) = hook.fn;
        hook.fn = NULL; /* once */
        hook.calls++;
        fn(ctx);
    }
    return false;
}

static void open_hooked(fixture *f, const kv_config *cfg) {
    memset(&hook, 0, sizeof hook);
    fx_prepare(f);
    f->env.fail_alloc = hook_alloc;
    assert_int_equal(kv_create(prim_mem_private(), &f->env, cfg, &f->c), KV_OK);
    f->st = &f->c->store;
    f->t = kv_thread_attach(f->c);
    hook.other = kv_thread_attach(f->c);
    assert_non_null(hook.other);
}

/* Retire everything from another thread's context; what the outer operation holds is not reclaimed. */
static void retire_in_between(fixture *f) {
    kv_thread *outer = f->t;
    f->t = hook.other;
    st_close_current(f->st, f->t, hook.inst);
    st_close_current(f->st, f->t, NULL);
    st_flush(f->st, f->t, hook.inst->tenant, true);
    assert_int_equal(get(f, hook.inst, hook.key), 0); /* gone for everybody */
    f->t = outer;
}

static void test_pair_retired_before_it_is_linked(bool after) {
    fixture f;
    kv_config cfg = fx_config(after);
    cfg.supply_num = cfg.max_handles = 1;
    open_hooked(&f, &cfg);
    hook.inst = inst_of(&f, 1, 0);
    hook.key = 1;
    hook.label = KV_L_MAP_NODE; /* the pair is made and held, its node not yet */
    hook.fn = retire_in_between;
    assert_int_equal(put(&f, hook.inst, 1, 1, true), KV_OK);
    assert_int_equal(hook.calls, 1);
    assert_int_equal(get(&f, hook.inst, 1), 0); /* a wash may drop any pair at any time */
    flush_all(&f, hook.inst);
    assert_int_equal(put(&f, hook.inst, 2, 7, true), KV_OK); /* the handle's next incarnation */
    assert_int_equal(get(&f, hook.inst, 1), 0);
    assert_int_equal(get(&f, hook.inst, 2), 7);
    assert_int_equal(check_map(&f), 1);
    fx_close(&f);
}

/* A pair that a getter has missed must not come back by a move that began before. */
static void test_move_of_a_retired_pair(bool after) {
    fixture f;
    kv_config cfg = fx_config(after);
    open_hooked(&f, &cfg);
    hook.inst = inst_of(&f, 1, 0);
    hook.key = 1;
    assert_int_equal(put(&f, hook.inst, 1, 5, true), KV_OK);
    hook.label = KV_L_CACHE; /* the LFU block */
    hook.fn = retire_in_between;
    for (int i = 0; i < 20 && hook.calls == 0; i++) {
        assert_int_equal(get(&f, hook.inst, 1), 5);
    }
    assert_int_equal(hook.calls, 1);
    assert_int_equal(get(&f, hook.inst, 1), 0);
    check_map(&f);
    fx_close(&f);
}

static void erase_in_between(fixture *f) {
    assert_int_equal(map_erase(&f->c->map, hook.other, hook.inst, &hook.key, sizeof hook.key), KV_OK);
}

static void test_move_of_an_erased_pair(bool after) {
    fixture f;
    kv_config cfg = fx_config(after);
    open_hooked(&f, &cfg);
    hook.inst = inst_of(&f, 1, 0);
    hook.key = 1;
    assert_int_equal(put(&f, hook.inst, 1, 5, true), KV_OK);
    hook.label = KV_L_CACHE;
    hook.fn = erase_in_between;
    for (int i = 0; i < 20 && hook.calls == 0; i++) {
        assert_int_equal(get(&f, hook.inst, 1), 5);
    }
    assert_int_equal(hook.calls, 1);
    assert_int_equal(get(&f, hook.inst, 1), 0);
    assert_int_equal(check_map(&f), 0);
    fx_close(&f);
}

/* A miss that meets a retired node of the key's waits for the bucket lock: a move may be about to bring it back. */
static _Atomic(int) looked;

static void *look_main(void *arg) {
    fixture *f = arg;
    uint64_t key = hook.key;
    kv_pin pin;
    kv_rc rc = map_get(&f->c->map, hook.other, hook.inst, &key, sizeof key, &pin);
    at_store(&looked, rc == KV_NOT_FOUND ? 1 : 2, release);
    return NULL;
}

static void test_miss_of_a_retired_pair_looks_again(bool after) {
    fixture f;
    kv_config cfg = fx_config(after);
    pthread_t th;
    open_hooked(&f, &cfg);
    hook.inst = inst_of(&f, 1, 0);
    hook.key = 1;
    at_store(&looked, 0, relaxed);
    assert_int_equal(put(&f, hook.inst, 1, 5, true), KV_OK);
    flush_all(&f, hook.inst);
    for (uint32_t i = 0; i < f.c->map.lock_cnt; i++) {
        assert_true(prim_lock(&f.c->map.locks[i]));
    }
    assert_int_equal(pthread_create(&th, NULL, look_main, &f), 0);
    for (uint64_t start = prim_now_us(); prim_now_us() - start < 20000;) {
        assert_int_equal(at_load(&looked, acquire), 0);
    }
    for (uint32_t i = 0; i < f.c->map.lock_cnt; i++) {
        prim_unlock(&f.c->map.locks[i]);
    }
    pthread_join(th, NULL);
    assert_int_equal(at_load(&looked, acquire), 1);
    check_map(&f);
    fx_close(&f);
}

/* ---- Fragments ---- */

static kv_inst *make_fragments(fixture *f) {
    kv_inst *a = inst_of(f, 1, 0);
    for (uint64_t k = 0; k < 64; k++) {
        assert_int_equal(put(f, a, k, k + 1, true), KV_OK);
    }
    for (uint64_t k = 0; k < 64; k++) {
        if (k % 8 != 0) {
            assert_int_equal(erase(f, a, k), KV_OK);
        }
    }
    hv_retire_all(&f->c->map.hv, f->t);
    assert_true(node_blocks(f) >= 7);
    return a;
}

static void test_fragments_are_replaced(bool after) {
    fixture f;
    kv_config cfg = fx_config(after);
    cfg.block_size = 8192;
    fx_open(&f, &cfg);
    kv_inst *a = make_fragments(&f);
    uint32_t n, replaced = 0;
    at_store(&f.fail_always, KV_L_MAP_NODE + 1, relaxed);
    node_alloc *na = a->nodes;
    na_destroy(na); /* close the open block, so that a copy needs a new one */
    for (uint32_t i = 0; i < f.c->map.bucket_num; i++) {
        assert_int_equal(map_replace_fragments(&f.c->map, f.t, &n), KV_OK);
        assert_int_equal(n, 0);
    }
    at_store(&f.fail_always, 0, relaxed);
    for (uint32_t i = 0; i < f.c->map.bucket_num; i++) {
        assert_int_equal(map_replace_fragments(&f.c->map, f.t, &n), KV_OK);
        replaced += n;
    }
    hv_retire_all(&f.c->map.hv, f.t);
    assert_true(replaced >= 7);
    assert_true(node_blocks(&f) <= 2);
    assert_int_equal(check_map(&f), 8);
    for (uint64_t k = 0; k < 64; k += 8) {
        assert_int_equal(get(&f, a, k), k + 1);
    }
    for (uint32_t i = 0; i < f.c->map.bucket_num; i++) {
        assert_int_equal(map_replace_fragments(&f.c->map, f.t, &n), KV_OK);
        assert_int_equal(n, 0); /* young and full blocks are no fragments */
    }
    fx_close(&f);
}

static void test_put_replaces_fragments_on_its_way(bool after) {
    fixture f;
    kv_config cfg = fx_config(after);
    cfg.block_size = 8192;
    cfg.bucket_num = 1;
    fx_open(&f, &cfg);
    kv_inst *a = make_fragments(&f);
    assert_int_equal(put(&f, a, 1000, 1, true), KV_OK);
    hv_retire_all(&f.c->map.hv, f.t);
    assert_true(node_blocks(&f) <= 2);
    assert_int_equal(check_map(&f), 9);
    fx_close(&f);
}

static void test_replacing_stops_after_a_second(bool after) {
    fixture f;
    kv_config cfg = fx_config(after);
    cfg.block_size = 8192;
    cfg.bucket_num = 1;
    fx_open(&f, &cfg);
    (void)make_fragments(&f);
    uint32_t n;
    f.tick = 400000;
    assert_int_equal(map_replace_fragments(&f.c->map, f.t, &n), KV_OK);
    f.tick = 0;
    assert_in_range(n, 1, 2);
    assert_int_equal(check_map(&f), 8);
    fx_close(&f);
}

#define EACH(X)                                                                                                        \
    X(test_pair_retired_before_it_is_linked)                                                                           \
    X(test_move_of_a_retired_pair)                                                                                     \
    X(test_move_of_an_erased_pair)                                                                                     \
    X(test_miss_of_a_retired_pair_looks_again)                                                                         \
    X(test_fragments_are_replaced)                                                                                     \
    X(test_put_replaces_fragments_on_its_way)                                                                          \
    X(test_replacing_stops_after_a_second)

EACH(BOTH)

int main(void) {
    const struct CMUnitTest tests[] = {EACH(LISTED)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
