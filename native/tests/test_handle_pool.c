/* Handle pool: order, bounds, failures, and threads that pop and push: no handle lost, none twice, resets visible. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../core/handle_pool.h"

enum { THREADS = 4, CAP = 5, TURNS = 30000 };

typedef struct fixture {
    kv_env env;
    la_alloc *la;
    handle_pool pool;
    kv_thread t;
    bool fail;
    kv_handle h[CAP + 1];
    _Atomic(int64_t) owned[CAP];
    uint64_t plain[CAP]; /* not atomic: the pool alone orders its accesses */
    _Atomic(int64_t) wrong, popped;
} fixture;

static bool fail_alloc(void *ctx, kv_label label, size_t size, const char *file, int line) {
    (void)label, (void)size, (void)file, (void)line;
    return ((fixture *)ctx)->fail;
}

static fixture *open_fixture(void *slots) {
    fixture *f = aligned_alloc(64, (sizeof *f + 63) / 64 * 64);
    memset(f, 0, sizeof *f);
    f->env.ctx = f;
    f->env.fail_alloc = fail_alloc;
    assert_int_equal(la_create(prim_mem_private(), &f->env, KV_BACKING_MALLOC, &f->la), KV_OK);
    assert_int_equal(pool_init(&f->pool, f->la, &f->t, CAP, slots), KV_OK);
    return f;
}

static void close_fixture(fixture *f) {
    pool_destroy(&f->pool);
    pool_destroy(&f->pool);
    assert_int_equal(la_label_account(f->la, KV_L_MB_HANDLE).used, 0);
    la_destroy(f->la);
    free(f);
}

static void collect(void *arg, kv_handle *h) {
    kv_handle ***end = arg;
    *(*end)++ = h;
}

static void test_order_and_bounds(void **state) {
    (void)state;
    static _Atomic(kv_handle *) slots[CAP];
    for (int own = 0; own < 2; own++) {
        fixture *f = open_fixture(own ? NULL : (void *)slots);
        assert_int_equal(la_label_account(f->la, KV_L_MB_HANDLE).used, own ? CAP * 8 : 0);
        assert_null(pool_pop(&f->pool));
        for (int lap = 0; lap < 3; lap++) {
            for (int i = 0; i < CAP; i++) {
                assert_int_equal(pool_push(&f->pool, &f->h[i]), KV_OK);
                assert_int_equal(pool_size(&f->pool), i + 1);
            }
            assert_int_equal(pool_push(&f->pool, &f->h[CAP]), KV_OVERFLOW);
            kv_handle *seen[CAP], **end = seen;
            pool_each(&f->pool, collect, &end);
            assert_int_equal(end - seen, CAP);
            assert_ptr_equal(pool_pop(&f->pool), &f->h[0]);
            assert_int_equal(pool_push(&f->pool, &f->h[0]), KV_OK); /* the next lap starts off by one */
            for (int i = 0; i < CAP; i++) {
                assert_ptr_equal(seen[i], &f->h[i]);
                assert_ptr_equal(pool_pop(&f->pool), &f->h[(i + 1) % CAP]);
            }
            assert_null(pool_pop(&f->pool));
            assert_int_equal(pool_size(&f->pool), 0);
        }
        close_fixture(f);
    }
}

static void test_failure(void **state) {
    (void)state;
    fixture *f = open_fixture(NULL);
    handle_pool p;
    f->fail = true;
    assert_int_equal(pool_init(&p, f->la, &f->t, CAP, NULL), KV_NO_MEMORY);
    pool_destroy(&p);
    assert_int_equal(pool_init(&p, f->la, &f->t, 0, NULL), KV_INVALID);
    pool_destroy(&p);
    close_fixture(f);
}

static void *worker(void *arg) {
    fixture *f = arg;
    for (int i = 0; i < TURNS; i++) {
        kv_handle *h = pool_pop(&f->pool);
        if (h == NULL) {
            sched_yield();
            continue;
        }
        uint64_t k = (uint64_t)(h - f->h);
        bool bad = k >= CAP || at_add(&f->owned[k], 1, relaxed) != 0;
        /* what the pusher stored relaxed is what we read: the slot publishes it */
        bad = bad || at_load(&h->get_cnt, relaxed) != (int64_t)f->plain[k];
        f->plain[k]++;
        at_store(&h->get_cnt, (int64_t)f->plain[k], relaxed);
        at_add(&f->popped, 1, relaxed);
        bad = bad || at_sub(&f->owned[k], 1, relaxed) != 1;
        bad = bad || pool_push(&f->pool, h) != KV_OK; /* never full: there are CAP handles */
        if (bad) {
            at_add(&f->wrong, 1, relaxed);
            return NULL;
        }
    }
    return NULL;
}

static void test_race(void **state) {
    (void)state;
    for (int handles = 1; handles <= CAP; handles += 2) {
        fixture *f = open_fixture(NULL);
        for (int i = 0; i < handles; i++) {
            assert_int_equal(pool_push(&f->pool, &f->h[i]), KV_OK);
        }
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, worker, f), 0);
        }
        for (int i = 0; i < THREADS; i++) {
            pthread_join(threads[i], NULL);
        }
        assert_int_equal(at_load(&f->wrong, relaxed), 0);
        assert_int_equal(pool_size(&f->pool), handles);
        kv_handle *seen[CAP], **end = seen;
        pool_each(&f->pool, collect, &end);
        assert_int_equal(end - seen, handles);
        uint64_t sum = 0, bits = 0;
        for (int i = 0; i < handles; i++) {
            bits |= 1u << (seen[i] - f->h);
            sum += f->plain[i];
        }
        assert_int_equal(bits, (1u << handles) - 1);
        assert_int_equal(sum, at_load(&f->popped, relaxed));
        assert_true(sum > 100);
        close_fixture(f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_bounds),
        cmocka_unit_test(test_failure),
        cmocka_unit_test(test_race),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
