/* Handle array: both layouts, the short last block, failures, and threads that publish the same blocks. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../core/handle_array.h"

enum { THREADS = 4, MAX = 203, PER_BLOCK = 4 };

typedef struct fixture {
    kv_env env;
    la_alloc *la;
    handle_array ha;
    kv_thread t;
    int fail_at; /* the how manieth allocation from now fails; 0: none */
    _Atomic(uint64_t) supplied;
    _Atomic(int64_t) wrong;
} fixture;

static bool fail_alloc(void *ctx, kv_label label, size_t size, const char *file, int line) {
    (void)label, (void)size, (void)file, (void)line;
    fixture *f = ctx;
    return f->fail_at > 0 && --f->fail_at == 0;
}

static void open_fixture(fixture *f) {
    memset(f, 0, sizeof *f);
    f->env.ctx = f;
    f->env.fail_alloc = fail_alloc;
    assert_int_equal(la_create(prim_mem_private(), &f->env, KV_BACKING_MALLOC, &f->la), KV_OK);
}

static void close_fixture(fixture *f) {
    ha_destroy(&f->ha);
    ha_destroy(&f->ha); /* twice is as good as once */
    assert_int_equal(la_label_account(f->la, KV_L_MB_HANDLE).used, 0);
    la_destroy(f->la);
}

static void test_flat(void **state) {
    (void)state;
    fixture f;
    open_fixture(&f);
    assert_int_equal(ha_init(&f.ha, f.la, &f.t, KV_HANDLES_FLAT, MAX, PER_BLOCK), KV_OK);
    assert_int_equal(la_label_account(f.la, KV_L_MB_HANDLE).used, MAX * (120 + 8));
    assert_true(ha_ensure_blocks(&f.ha, &f.t, 0, MAX));
    for (uint64_t i = 0; i < MAX; i++) {
        kv_handle *h = ha_at(&f.ha, i);
        assert_int_equal((char *)h - f.ha.flat, 120 * i);
        assert_int_equal(ha_index(&f.ha, h), i);
        assert_true(ha_owns(&f.ha, h));
        at_store(&h->retire_link, h, relaxed); /* the last word: must not touch the next handle */
        assert_int_equal(at_load(&h->seq_num, relaxed), 0);
    }
    _Atomic(uint64_t) *slots = ha_flat_slots(&f.ha);
    assert_int_equal((char *)slots - f.ha.flat, 120 * MAX);
    for (int i = 0; i < MAX; i++) {
        assert_int_equal(at_load(&slots[i], relaxed), 0);
    }
    assert_null(ha_at(&f.ha, MAX));
    assert_false(ha_owns(&f.ha, (kv_handle *)(void *)slots));
    assert_false(ha_owns(&f.ha, (kv_handle *)(void *)(f.ha.flat + 8)));
    assert_int_equal(ha_published(&f.ha), 1);
    close_fixture(&f);
}

static void test_segmented(void **state) {
    (void)state;
    fixture f;
    open_fixture(&f);
    assert_int_equal(ha_init(&f.ha, f.la, &f.t, KV_HANDLES_SEGMENTED, MAX, 0), KV_OK);
    assert_int_equal(f.ha.per_block, 62);
    assert_int_equal(f.ha.block_cnt, 4);
    assert_null(ha_flat_slots(&f.ha));
    assert_null(ha_at(&f.ha, 0));
    assert_int_equal(ha_published(&f.ha), 0);
    assert_true(ha_ensure_blocks(&f.ha, &f.t, 5, 5));
    assert_int_equal(ha_published(&f.ha), 0);
    assert_true(ha_ensure_blocks(&f.ha, &f.t, 0, 62)); /* the end is exclusive: one block */
    assert_int_equal(ha_published(&f.ha), 1);
    assert_int_equal(la_label_account(f.la, KV_L_MB_HANDLE).used, 4 * 8 + HA_BLOCK_BYTES);
    kv_handle *first = ha_at(&f.ha, 0);
    assert_false(ha_ensure_blocks(&f.ha, &f.t, 0, MAX + 1));
    assert_true(ha_ensure_blocks(&f.ha, &f.t, 0, MAX));
    assert_int_equal(ha_published(&f.ha), 4);
    assert_ptr_equal(first, ha_at(&f.ha, 0)); /* I2 */
    for (uint64_t i = 0; i < MAX; i++) {
        kv_handle *h = ha_at(&f.ha, i);
        assert_int_equal(h->handle_idx, i);
        assert_int_equal(ha_index(&f.ha, h), i);
        assert_true(ha_owns(&f.ha, h));
        assert_int_equal(at_load(&h->status, relaxed), KV_FREE);
    }
    assert_null(ha_at(&f.ha, MAX));
    assert_false(ha_owns(&f.ha, ha_at(&f.ha, MAX - 1) + 1)); /* memory of the block, but beyond the maximum */
    assert_false(ha_owns(&f.ha, (kv_handle *)&f));
    close_fixture(&f);
}

static void test_failures(void **state) {
    (void)state;
    for (int layout = KV_HANDLES_FLAT; layout <= KV_HANDLES_SEGMENTED; layout++) {
        fixture f;
        open_fixture(&f);
        f.fail_at = 1;
        assert_int_equal(ha_init(&f.ha, f.la, &f.t, layout, MAX, PER_BLOCK), KV_NO_MEMORY);
        close_fixture(&f);
    }
    fixture f;
    open_fixture(&f);
    assert_int_equal(ha_init(&f.ha, f.la, &f.t, KV_HANDLES_SEGMENTED, 0, PER_BLOCK), KV_INVALID);
    assert_int_equal(ha_init(&f.ha, f.la, &f.t, KV_HANDLES_SEGMENTED, MAX, PER_BLOCK), KV_OK);
    f.fail_at = 3;
    assert_false(ha_ensure_blocks(&f.ha, &f.t, 0, 4 * PER_BLOCK));
    assert_int_equal(ha_published(&f.ha), 2); /* stay, and are used later */
    kv_handle *kept = ha_at(&f.ha, PER_BLOCK);
    assert_true(ha_ensure_blocks(&f.ha, &f.t, 0, 4 * PER_BLOCK));
    assert_ptr_equal(kept, ha_at(&f.ha, PER_BLOCK));
    assert_int_equal(ha_published(&f.ha), 4);
    close_fixture(&f);
}

/* Suppliers race for the same ranges; each is a traverser too. */
static void *supplier(void *arg) {
    fixture *f = arg;
    kv_thread t = {0};
    for (;;) {
        uint64_t old = at_load(&f->supplied, acquire);
        if (old >= MAX) {
            return NULL;
        }
        uint64_t end = old + 7 < MAX ? old + 7 : MAX;
        if (!ha_ensure_blocks(&f->ha, &t, old, end)) {
            at_add(&f->wrong, 1, relaxed);
        }
        at_cas(&f->supplied, &old, end, acq_rel, acquire);
        uint64_t seen = at_load(&f->supplied, acquire);
        for (uint64_t i = 0; i < seen; i++) {
            kv_handle *h = ha_at(&f->ha, i);
            if (h == NULL || ha_index(&f->ha, h) != i || !ha_owns(&f->ha, h)) {
                at_add(&f->wrong, 1, relaxed);
            }
        }
    }
}

static void test_race(void **state) {
    (void)state;
    for (int round = 0; round < 60; round++) {
        fixture f;
        open_fixture(&f);
        assert_int_equal(ha_init(&f.ha, f.la, &f.t, KV_HANDLES_SEGMENTED, MAX, PER_BLOCK), KV_OK);
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, supplier, &f), 0);
        }
        for (int i = 0; i < THREADS; i++) {
            pthread_join(threads[i], NULL);
        }
        assert_int_equal(at_load(&f.wrong, relaxed), 0);
        uint32_t blocks = (MAX + PER_BLOCK - 1) / PER_BLOCK;
        assert_int_equal(ha_published(&f.ha), blocks);
        assert_int_equal(la_label_account(f.la, KV_L_MB_HANDLE).count, blocks + 1); /* losers freed their own */
        close_fixture(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flat),
        cmocka_unit_test(test_segmented),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_race),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
